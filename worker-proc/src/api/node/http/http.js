/*
 * node:http.
 */

const { ObjectAssign } = primordials;
const { ERR_METHOD_NOT_IMPLEMENTED } = require("node/common/errors");
const { setLengths } = require("node/common/unsupported");
const { validateInteger } = require("node/common/validators");
const { CloseEvent, MessageEvent } = require("events/kinds");
const { published } = require("webidl");
const flags = require("flags");
const { Agent, globalAgent } = require("node:_http_agent");
const { ClientRequest } = require("node:_http_client");
const { parsers } = require("node:_http_common");
const { METHODS, STATUS_CODES, validateHeaderName, validateHeaderValue } = require("node/http/constants");
const { IncomingMessage } = require("node:_http_incoming");
const { OutgoingMessage } = require("node:_http_outgoing");
const { Server, ServerResponse, _connectionListener } = require("node:_http_server");
const { WebSocket } = require("websocket").globals;

const MAX_HEADER_BYTES = 16384;

const request = (url, options, cb) => new ClientRequest(url, options, cb);

function get(url, options, cb) {
  const request = new ClientRequest(url, options, cb);
  request.end();
  return request;
}

function createServer(options, handler) {
  if (!flags.enableNodejsHttpServerModules) throw new ERR_METHOD_NOT_IMPLEMENTED("createServer");
  return new Server(options, handler);
}

function setMaxIdleHTTPParsers(max) {
  validateInteger(max, "max", 1);
  parsers.max = max;
}

const http = {
  validateHeaderName,
  validateHeaderValue,
  METHODS,
  STATUS_CODES,
  ClientRequest,
  request,
  get,
  OutgoingMessage,
  Agent,
  globalAgent,
  IncomingMessage,
  Server,
  ServerResponse,
  createServer,
  maxHeaderSize: MAX_HEADER_BYTES,
  setMaxIdleHTTPParsers,
  _connectionListener,
  WebSocket: published(WebSocket),
  CloseEvent: published(CloseEvent),
  MessageEvent: published(MessageEvent),
};
setLengths(http, "validateHeaderName/1");

ObjectAssign(exports, http, { default: http });
