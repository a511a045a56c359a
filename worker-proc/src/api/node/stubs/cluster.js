/*
 * node:cluster: there is one primary, and it forks nothing.
 */

const { ObjectAssign } = primordials;
const EventEmitter = require("node:events").default;
const { setLengths, unsupported } = require("node/common/unsupported");

const SCHED_NONE = 1;
const SCHED_RR = 2;
const settings = {};
const workers = {};

const fork = unsupported("fork", "cluster.fork");
const disconnect = unsupported("disconnect", "cluster.disconnect");
const setupPrimary = unsupported("setupPrimary", "cluster.setupPrimary");
const setupMaster = unsupported("setupMaster", "cluster.setupWorker");

class Worker extends EventEmitter {
  _connected = false;
  id = 0;

  get process() {
    return require("node:process").default;
  }

  get exitedAfterDisconnect() {
    return this._connected;
  }

  isConnected() {
    return this._connected;
  }

  isDead() {
    return true;
  }

  send() {
    return false;
  }

  kill() {
    this._connected = false;
  }

  destroy() {
    this._connected = false;
  }

  disconnect() {
    this._connected = false;
    return this;
  }
}

const constants = {
  Worker,
  isMaster: true,
  isPrimary: true,
  isWorker: false,
  SCHED_NONE,
  SCHED_RR,
  schedulingPolicy: SCHED_RR,
  settings,
  workers,
};

class Cluster extends EventEmitter {
  constructor() {
    super();
    ObjectAssign(this, constants);
  }

  setupPrimary() {
    setupPrimary();
  }

  setupMaster() {
    setupMaster();
  }

  disconnect() {
    disconnect();
  }

  fork() {
    return fork();
  }
}

setLengths(Cluster.prototype, "fork/1 setupMaster/1 setupPrimary/1");
setLengths(
  { Worker, disconnect, fork, setupMaster, setupPrimary },
  "Worker/1 disconnect/1 fork/1 setupMaster/1 setupPrimary/1",
);
setLengths(Worker.prototype, "destroy/1 kill/1 send/4");

ObjectAssign(exports, constants, {
  fork,
  disconnect,
  setupPrimary,
  setupMaster,
  Cluster,
  _events: [],
  _eventsCount: 0,
  _maxListeners: 0,
  default: new Cluster(),
});
