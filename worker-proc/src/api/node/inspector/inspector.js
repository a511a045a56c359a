/*
 * node:inspector and, by `promises`, node:inspector/promises: a session can be opened where a flag says so.
 */

const { ObjectDefineProperty, PromiseResolve, SymbolDispose } = primordials;
const EventEmitter = require("node:events").default;
const { ERR_METHOD_NOT_IMPLEMENTED } = require("node/common/errors");
const { setLengths, unsupported } = require("node/common/unsupported");
const { enableNodeJsInspectorLocalDev } = require("flags");

const console = {};
for (
  let i = 0,
    names = [
      "debug",
      "error",
      "info",
      "log",
      "warn",
      "dir",
      "dirxml",
      "table",
      "trace",
      "group",
      "groupCollapsed",
      "groupEnd",
      "clear",
      "count",
      "countReset",
      "assert",
      "profile",
      "profileEnd",
      "time",
      "timeLog",
      "timeStamp",
    ];
  i < names.length;
  i++
) {
  const name = names[i];
  console[name] = () => {};
}

class NoSession extends EventEmitter {
  constructor() {
    super();
    throw new ERR_METHOD_NOT_IMPLEMENTED("Session");
  }
}
for (let i = 0, names = ["connect", "connectToMainThread", "disconnect", "post"]; i < names.length; i++) {
  const name = names[i];
  ObjectDefineProperty(NoSession.prototype, name, {
    value: unsupported(name, `Session.${name}`),
    writable: true,
    configurable: true,
  });
}

ObjectDefineProperty(NoSession, "name", { __proto__: null, value: "Session" });

const { PromiseSession, Session } = enableNodeJsInspectorLocalDev
  ? require("node/inspector/session")
  : { __proto__: null, PromiseSession: NoSession, Session: NoSession };

const Network = {};
for (
  let i = 0,
    names = [
      "requestWillBeSent",
      "dataReceived",
      "dataSent",
      "responseReceived",
      "loadingFinished",
      "loadingFailed",
      "webSocketCreated",
      "webSocketHandshakeResponseReceived",
      "webSocketClosed",
    ];
  i < names.length;
  i++
) {
  const name = names[i];
  Network[name] = unsupported(name, `Network.${name}`);
}

const inspector = {
  Session,
  close() {},
  console,
  open: () => ({ [SymbolDispose]: () => PromiseResolve() }),
  url: () => undefined,
  waitForDebugger() {},
  Network,
};

setLengths(
  Network,
  "dataReceived/1 dataSent/1 loadingFailed/1 loadingFinished/1 requestWillBeSent/1 responseReceived/1 webSocketClosed/1 " +
    "webSocketCreated/1 webSocketHandshakeResponseReceived/1",
);
setLengths(NoSession.prototype, "post/3");
setLengths(inspector, "open/3");

exports.promises = {
  close: unsupported("close", "Inspector.close"),
  console,
  Network,
  open: unsupported("open", "Inspector.open"),
  Session: PromiseSession,
  url: unsupported("url", "Inspector.url"),
  waitForDebugger: unsupported("waitForDebugger", "Inspector.waitForDebugger"),
};
exports.module = { ...inspector, default: inspector };
