/*
 * The standard streams of `process`: stdin is at its end, stdout and stderr print.
 */

const { ObjectAssign } = primordials;
const { Buffer } = require("node:buffer");
const { Writable } = require("node:stream");
const { ReadStream } = require("node/fs/read_stream");
const { sync } = require("node/fs/sync");

const socketFields = {
  allowHalfOpen: false,
  bufferSize: 0,
  bytesRead: 0,
  bytesWritten: 0,
  connecting: false,
  pending: false,
  readableAborted: false,
  readableDidRead: false,
  readableEnded: false,
  readableHighWaterMark: 16384,
  readableLength: 0,
  readableObjectMode: false,
  readyState: "open",
};

class SyncWriteStream extends Writable {
  readable = false;
  _type = "fs";
  _isStdio = true;

  constructor(fd) {
    super({ autoDestroy: true });
    this.fd = fd;
    ObjectAssign(this, socketFields);
  }

  _write(chunk, encoding, callback) {
    try {
      sync.writeSync(this.fd, typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk);
    } catch (error) {
      callback(error);
      return;
    }
    callback();
  }
}

const stdin = new ReadStream(null, { fd: 0, autoClose: false });
ObjectAssign(stdin, { fd: 0, allowHalfOpen: false, bufferSize: 0, connecting: false, readyState: "open" });

exports.stdin = stdin;
exports.stdout = new SyncWriteStream(1);
exports.stderr = new SyncWriteStream(2);
