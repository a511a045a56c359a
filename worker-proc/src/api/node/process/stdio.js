/*
 * The standard streams of `process`: stdin is at its end, stdout and stderr print.
 */

// own: from() (a Buffer); this (a stream)
const { ObjectAssign } = primordials;
const { Readable, Writable } = require("node:stream");
const { print } = require("console/output");

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
    super({ autoDestroy: true, decodeStrings: false });
    this.fd = fd;
    ObjectAssign(this, socketFields);
  }

  _write(chunk, encoding, callback) {
    const { Buffer } = require("node:buffer");
    const text = typeof chunk === "string" ? Buffer.from(chunk, encoding).toString() : Buffer.from(chunk).toString();
    print(this.fd === 1 ? 0 : 1, text);
    callback();
  }
}

const stdin = new Readable({
  read() {
    this.push(null);
  },
});
ObjectAssign(stdin, { fd: 0, allowHalfOpen: false, bufferSize: 0, connecting: false, readyState: "open" });

exports.stdin = stdin;
exports.stdout = new SyncWriteStream(1);
exports.stderr = new SyncWriteStream(2);
