/*
 * node:dgram: sockets that can be made, and that send and receive nothing.
 */

const { FunctionPrototypeCall, ObjectAssign, ObjectSetPrototypeOf, SymbolAsyncDispose } = primordials;
const EventEmitter = require("node:events").default;
const { inert, self } = require("node/common/unsupported");
const { validateFunction, validateObject } = require("node/common/validators");

function Socket(type, callback) {
  FunctionPrototypeCall(EventEmitter, this);
  validateObject(typeof type === "string" ? { type } : type, "type");
  if (callback !== undefined) validateFunction(callback, "callback");
  return this;
}
ObjectSetPrototypeOf(Socket.prototype, EventEmitter.prototype);
ObjectSetPrototypeOf(Socket, EventEmitter);

inert(Socket.prototype, ["bind", "close", "ref", "unref"], self);
inert(Socket.prototype, [
  "connect",
  "disconnect",
  "sendto",
  "send",
  "setBroadcast",
  "setTTL",
  "setMulticastTTL",
  "setMulticastLoopback",
  "setMulticastInterface",
  "addMembership",
  "dropMembership",
  "addSourceSpecificMembership",
  "dropSourceSpecificMembership",
  "setRecvBufferSize",
  "setSendBufferSize",
]);
inert(Socket.prototype, ["getRecvBufferSize", "getSendBufferSize", "getSendQueueSize", "getSendQueueCount"], 0);
Socket.prototype.address = () => ({});
Socket.prototype.remoteAddress = () => ({});
Socket.prototype[SymbolAsyncDispose] = async () => {};

const createSocket = (type, callback) => new Socket(type, callback);

ObjectAssign(exports, { createSocket, Socket, default: { createSocket, Socket } });
