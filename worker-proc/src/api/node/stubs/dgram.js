/*
 * node:dgram: sockets that can be made, and that send and receive nothing.
 */

const EventEmitter = require("node:events").default;
const { inert, self } = require("node/stubs/common");
const { validateFunction, validateObject } = require("node/common/validators");

function Socket(type, callback) {
  EventEmitter.call(this);
  validateObject(typeof type === "string" ? { type } : type, "type");
  if (callback !== undefined) validateFunction(callback, "callback");
  return this;
}
Object.setPrototypeOf(Socket.prototype, EventEmitter.prototype);
Object.setPrototypeOf(Socket, EventEmitter);

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
Socket.prototype[Symbol.asyncDispose] = async () => {};

const createSocket = (type, callback) => new Socket(type, callback);

Object.assign(exports, { createSocket, Socket, default: { createSocket, Socket } });
