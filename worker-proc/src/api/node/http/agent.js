/*
 * node:_http_agent. Requests are made by `fetch`, which keeps connections itself: an agent has Node's options and no sockets.
 */

const { ObjectAssign } = primordials;
const EventEmitter = require("node:events").default;
const { ERR_METHOD_NOT_IMPLEMENTED } = require("node/common/errors");
const { setLengths } = require("node/common/unsupported");
const { validateNumber, validateOneOf } = require("node/common/validators");

class Agent extends EventEmitter {
  static defaultMaxSockets = Infinity;

  defaultPort;
  protocol;
  options;
  agentKeepAliveTimeoutBuffer = 1000;
  keepAliveMsecs = 1000;
  keepAlive = false;
  maxSockets;
  maxFreeSockets;
  scheduling = "lifo";
  maxTotalSockets;
  totalSocketCount;
  freeSockets = {};
  sockets = {};
  requests = {};

  constructor(options) {
    super({});
    const own = { __proto__: null, ...options };
    this.options = own;
    own.path = null;
    if (!("proxyEnv" in own)) own.proxyEnv = undefined;
    if (own.noDelay === undefined) own.noDelay = true;
    this.defaultPort = own.defaultPort || 80;
    this.protocol = own.protocol || "http:";
    this.keepAliveMsecs = own.keepAliveMsecs || 1000;
    this.keepAlive = own.keepAlive || false;
    this.maxSockets = own.maxSockets || Agent.defaultMaxSockets;
    this.maxFreeSockets = own.maxFreeSockets || 256;
    this.scheduling = own.scheduling || "lifo";
    this.totalSocketCount = 0;
    validateOneOf(this.scheduling, "scheduling", ["fifo", "lifo"]);
    if (own.maxTotalSockets !== undefined) validateNumber(own.maxTotalSockets, "maxTotalSockets", 1);
    this.maxTotalSockets = own.maxTotalSockets ?? Infinity;
  }

  createConnection() {
    throw new ERR_METHOD_NOT_IMPLEMENTED("createConnection");
  }

  /** What connections must have in common to be shared. */
  getName(options = {}) {
    const { host, port, localAddress, family, socketPath } = options;
    let name = `${host || "localhost"}:${port || ""}:${localAddress || ""}`;
    if (family === 4 || family === 6) name += `:${family}`;
    if (socketPath) name += `:${socketPath}`;
    return name;
  }

  addRequest() {}

  createSocket() {}

  removeSocket() {}

  keepSocketAlive() {
    return false;
  }

  reuseSocket() {}

  destroy() {}
}

setLengths(
  Agent.prototype,
  "createConnection/2 addRequest/2 createSocket/3 removeSocket/1 keepSocketAlive/1 reuseSocket/2 destroy/1",
);

const globalAgent = new Agent({ keepAlive: true, scheduling: "lifo", timeout: 5000 });

ObjectAssign(exports, { Agent, globalAgent, default: { Agent, globalAgent } });
