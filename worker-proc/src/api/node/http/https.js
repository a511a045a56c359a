/*
 * node:https: as node:http, by another scheme.
 */

const { ArrayPrototypeShift, ArrayPrototypeUnshift, JSONStringify, ObjectAssign } = primordials;
const { ERR_METHOD_NOT_IMPLEMENTED } = require("node/common/errors");
const { unsupported } = require("node/common/unsupported");
const { urlToHttpOptions } = require("node:url");
const { isURL } = require("node/url/legacy");
const { currentURL } = require("url");
const flags = require("flags");
const { Agent: HttpAgent } = require("node:_http_agent");
const { ClientRequest } = require("node:_http_client");
const { Server: HttpServer } = require("node:_http_server");

/** What connections must have in common beside what those of HTTP must, in the order of the name. */
const NAME_PARTS = ["ca", "cert", "clientCertEngine", "ciphers", "key", "pfx"];
const LATER_NAME_PARTS = ["minVersion", "maxVersion", "secureProtocol", "crl"];
const LAST_NAME_PARTS = ["privateKeyIdentifier", "privateKeyEngine"];

function nameOf(options, parts) {
  let name = "";
  for (let i = 0; i < parts.length; i++) name += `:${options[parts[i]] || ""}`;
  return name;
}

class Agent extends HttpAgent {
  maxCachedSessions = 100;

  constructor(options) {
    const own = { ...options };
    own.defaultPort ??= 443;
    own.protocol ??= "https:";
    super(own);
  }

  getName(options = {}) {
    const { servername, host, sigalgs } = options;
    return (
      super.getName(options) +
      nameOf(options, NAME_PARTS) +
      `:${options.rejectUnauthorized ?? ""}` +
      `:${servername && servername !== host ? servername : ""}` +
      nameOf(options, LATER_NAME_PARTS) +
      `:${options.honorCipherOrder ?? ""}` +
      nameOf(options, ["ecdhCurve", "dhparam"]) +
      `:${options.secureOptions ?? ""}` +
      nameOf(options, ["sessionIdContext"]) +
      `:${sigalgs ? JSONStringify(sigalgs) : ""}` +
      nameOf(options, LAST_NAME_PARTS)
    );
  }
}

const globalAgent = new Agent({ keepAlive: true, scheduling: "lifo", timeout: 5000 });

class Server extends HttpServer {
  constructor(...args) {
    super(args[0], args[1]);
  }

  addContext() {
    missing.addContext();
  }

  getTicketKeys() {
    missing.getTicketKeys();
  }

  setSecureContext() {
    missing.setSecureContext();
  }

  setTicketKeys() {
    missing.setTicketKeys();
  }
}

const missing = {
  addContext: unsupported("addContext"),
  getTicketKeys: unsupported("getTicketKeys"),
  setSecureContext: unsupported("setSecureContext"),
  setTicketKeys: unsupported("setTicketKeys"),
};

/** `(url[, options][, callback])` or `(options[, callback])`. */
function request(...args) {
  let options = {};
  const { 0: first } = args;
  if (typeof first === "string" || isURL(first)) {
    const URL = currentURL();
    options = urlToHttpOptions(typeof first === "string" ? new URL(first) : first);
    ArrayPrototypeShift(args);
  }
  if (args.length > 0 && typeof args[0] !== "function") ObjectAssign(options, ArrayPrototypeShift(args));
  options._defaultAgent = globalAgent;
  ArrayPrototypeUnshift(args, options);
  return new ClientRequest(args[0], args[1], args[2]);
}

function get(input, options, cb) {
  const made = request(input, options, cb);
  made.end();
  return made;
}

function createServer(options, handler) {
  if (!flags.enableNodejsHttpServerModules) throw new ERR_METHOD_NOT_IMPLEMENTED("createServer");
  return new Server(options, handler);
}

const https = { get, request, Agent, globalAgent, createServer, Server };

ObjectAssign(exports, https, { default: https });
