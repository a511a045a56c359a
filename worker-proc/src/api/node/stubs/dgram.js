/*
 * node:dgram: sockets that can be made, and that send and receive nothing.
 */

const { FunctionPrototypeCall, ObjectAssign, ObjectSetPrototypeOf, SymbolAsyncDispose } = primordials;
const EventEmitter = require("node:events").default;
const { inert, self, setLengths } = require("node/common/unsupported");
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
setLengths(
  Socket.prototype,
  "addMembership/2 addSourceSpecificMembership/3 bind/3 close/1 connect/3 dropMembership/2 dropSourceSpecificMembership/3 " +
    "send/6 sendto/6 setBroadcast/1 setMulticastInterface/1 setMulticastLoopback/1 setMulticastTTL/1 setRecvBufferSize/1 " +
    "setSendBufferSize/1 setTTL/1",
);
Socket.prototype.address = () => ({});
Socket.prototype.remoteAddress = () => ({});
Socket.prototype[SymbolAsyncDispose] = async () => {};

const createSocket = (type, callback) => new Socket(type, callback);

ObjectAssign(exports, { createSocket, Socket, default: { createSocket, Socket } });
