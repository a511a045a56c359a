/*
 * node:net.
 */

const { ObjectAssign } = primordials;
const { ERR_INVALID_ARG_VALUE } = require("node/common/errors");
const { validateInt32 } = require("node/common/validators");
const { _normalizeArgs, isIP, isIPv4, isIPv6 } = require("node/net/address");
const { BlockList, SocketAddress } = require("node/net/block_list");
const { BoundSocket } = require("node/net/bound_socket");
const { Server } = require("node/net/server");
const { Socket } = require("node/net/socket");

const MIN_ATTEMPT_MS = 10;
let attemptTimeoutMs = MIN_ATTEMPT_MS;

function connect(...args) {
  const normalized = _normalizeArgs(args);
  const { 0: options } = normalized;
  const socket = new Socket(options);
  if (options.timeout) socket.setTimeout(options.timeout);
  return socket.destroyed ? socket : socket.connect(normalized);
}

const createServer = (options, connectionListener) => new Server(options, connectionListener);

const getDefaultAutoSelectFamily = () => false;

function setDefaultAutoSelectFamily(value) {
  if (value) throw new ERR_INVALID_ARG_VALUE("val", value);
}

const getDefaultAutoSelectFamilyAttemptTimeout = () => attemptTimeoutMs;

function setDefaultAutoSelectFamilyAttemptTimeout(value) {
  validateInt32(value, "val", 1);
  attemptTimeoutMs = value < MIN_ATTEMPT_MS ? MIN_ATTEMPT_MS : value;
}

const net = {
  BlockList,
  BoundSocket,
  SocketAddress,
  Stream: Socket,
  Server,
  Socket,
  connect,
  createConnection: connect,
  createServer,
  getDefaultAutoSelectFamily,
  setDefaultAutoSelectFamily,
  getDefaultAutoSelectFamilyAttemptTimeout,
  setDefaultAutoSelectFamilyAttemptTimeout,
  isIP,
  isIPv4,
  isIPv6,
  _normalizeArgs,
};

ObjectAssign(exports, net, { default: net });
