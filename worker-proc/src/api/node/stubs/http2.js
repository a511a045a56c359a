/*
 * node:http2: the constants and default settings; sessions and servers throw.
 */

const { ObjectAssign, ObjectCreate, Symbol } = primordials;
const { Buffer } = require("node:buffer");
const { ERR_METHOD_NOT_IMPLEMENTED } = require("node/common/errors");
const { unsupported } = require("node/common/unsupported");
const { constants } = require("node/stubs/http2_constants");

const absent = (name) =>
  ({
    [name]: class {
      constructor() {
        throw new ERR_METHOD_NOT_IMPLEMENTED(`http2.${name}`);
      }
    },
  })[name];
const missing = (name) => unsupported(name, `http2.${name}`);

const http2 = {
  connect: missing("connect"),
  constants,
  createSecureServer: missing("createSecureServer"),
  createServer: missing("createServer"),
  getDefaultSettings: () =>
    ObjectCreate({
      headerTableSize: 4096,
      enablePush: true,
      initialWindowSize: 65535,
      maxFrameSize: 16384,
      maxConcurrentStreams: 4294967295,
      maxHeaderSize: 65535,
      maxHeaderListSize: 65535,
      enableConnectProtocol: false,
    }),
  getPackedSettings: () => Buffer.alloc(0),
  getUnpackedSettings: () => ({}),
  performServerHandshake: missing("performServerHandshake"),
  sensitiveHeaders: Symbol("nodejs.http2.sensitiveHeaders"),
  Http2ServerRequest: absent("Http2ServerRequest"),
  Http2ServerResponse: absent("Http2ServerResponse"),
};

ObjectAssign(exports, http2, { default: http2 });
