/*
 * node:worker_threads: the one thread is the main one; message channels are the web's.
 */

const { ObjectAssign, ObjectDefineProperty, SafeMap, SymbolAsyncDispose, SymbolFor } = primordials;
const EventEmitter = require("node:events").default;
const { ERR_METHOD_NOT_IMPLEMENTED } = require("node/common/errors");
const { inert, setLengths, unsupported } = require("node/common/unsupported");

const { MessageChannel, MessagePort } = require("node/stubs/message_channel");

class BroadcastChannel {
  constructor() {
    throw new ERR_METHOD_NOT_IMPLEMENTED("BroadcastChannel");
  }
}

class Worker extends EventEmitter {
  constructor() {
    super();
    throw new ERR_METHOD_NOT_IMPLEMENTED("Worker");
  }

  async postMessageToThread() {}

  async [SymbolAsyncDispose]() {}
}
inert(Worker.prototype, ["postMessage", "ref", "unref"]);
for (
  let i = 0,
    names = ["cpuUsage", "terminate", "getHeapSnapshot", "getHeapStatistics", "startCpuProfile", "startHeapProfile"];
  i < names.length;
  i++
) {
  const name = names[i];
  const method = {
    async [name]() {
      throw new ERR_METHOD_NOT_IMPLEMENTED(`Worker.${name}`);
    },
  }[name];
  ObjectDefineProperty(Worker.prototype, name, { value: method, writable: true, configurable: true });
}

const environment = new SafeMap();

const workerThreads = {
  BroadcastChannel,
  MessageChannel,
  MessagePort,
  Worker,
  SHARE_ENV: SymbolFor("nodejs.worker_threads.SHARE_ENV"),
  getEnvironmentData: (key) => environment.get(key),
  isMainThread: true,
  isMarkedAsUntransferable: () => false,
  markAsUntransferable() {},
  markAsUncloneable() {},
  moveMessagePortToContext: () => new MessagePort(),
  parentPort: null,
  receiveMessageOnPort: () => undefined,
  resourceLimits: {},
  setEnvironmentData(key, value) {
    environment.set(key, value);
  },
  postMessageToThread: unsupported("postMessageToThread"),
  threadId: 0,
  workerData: null,
  isInternalThread: false,
};

setLengths(Worker.prototype, "cpuUsage/1 postMessage/2 postMessageToThread/4");
setLengths(
  workerThreads,
  "isMarkedAsUntransferable/1 markAsUncloneable/1 markAsUntransferable/1 moveMessagePortToContext/2 postMessageToThread/4 " +
    "receiveMessageOnPort/1",
);

ObjectAssign(exports, workerThreads, { default: workerThreads });
