/*
 * node:inspector and, by `promises`, node:inspector/promises: no session can be opened.
 */

const EventEmitter = require("node:events").default;
const { ERR_METHOD_NOT_IMPLEMENTED } = require("node/common/errors");
const { unsupported } = require("node/stubs/common");

const console = {};
for (const name of [
  "debug", "error", "info", "log", "warn", "dir", "dirxml", "table", "trace", "group", "groupCollapsed", "groupEnd",
  "clear", "count", "countReset", "assert", "profile", "profileEnd", "time", "timeLog", "timeStamp",
]) {
  console[name] = () => {};
}

class Session extends EventEmitter {
  constructor() {
    super();
    throw new ERR_METHOD_NOT_IMPLEMENTED("Session");
  }
}
for (const name of ["connect", "connectToMainThread", "disconnect", "post"]) {
  Object.defineProperty(Session.prototype, name, {
    value: unsupported(name, `Session.${name}`),
    writable: true,
    configurable: true,
  });
}

const Network = {};
for (const name of [
  "requestWillBeSent", "dataReceived", "dataSent", "responseReceived", "loadingFinished", "loadingFailed",
  "webSocketCreated", "webSocketHandshakeResponseReceived", "webSocketClosed",
]) {
  Network[name] = unsupported(name, `Network.${name}`);
}

const inspector = {
  Session,
  close() {},
  console,
  open: () => ({ [Symbol.dispose]: () => Promise.resolve() }),
  url: () => undefined,
  waitForDebugger() {},
  Network,
};

exports.promises = {
  close: unsupported("close", "Inspector.close"),
  console,
  Network,
  open: unsupported("open", "Inspector.open"),
  Session,
  url: unsupported("url", "Inspector.url"),
  waitForDebugger: unsupported("waitForDebugger", "Inspector.waitForDebugger"),
};
exports.module = { ...inspector, default: inspector };
