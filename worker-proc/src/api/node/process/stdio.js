/*
 * The standard streams of `process`: stdin is at its end, stdout and stderr print lines.
 */

// own: from() (a Buffer); this (a stream)
const { ObjectAssign, PromisePrototypeThen, PromiseResolve, StringPrototypeIndexOf, StringPrototypeSlice } = primordials;
const { Readable, Writable } = require("node:stream");
const { STDERR, STDOUT, printLine } = require("console/output");

// What is written without a line's end is a line by then.
const MAX_LINE_CHARS = 65536;

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

/** Prints whole lines as they come, and what is left of one when the turn ends. */
class Lines {
  #stream;
  #rest = "";
  #isFlushed = true;

  constructor(stream) {
    this.#stream = stream;
  }

  write(text) {
    let from = 0;
    let end = StringPrototypeIndexOf(text, "\n");
    while (end !== -1) {
      this.#rest += StringPrototypeSlice(text, from, end);
      this.#flush();
      from = end + 1;
      end = StringPrototypeIndexOf(text, "\n", from);
    }
    this.#rest += StringPrototypeSlice(text, from);
    if (this.#rest.length > MAX_LINE_CHARS) this.#flush();
    if (this.#rest === "" || !this.#isFlushed) return;
    this.#isFlushed = false;
    PromisePrototypeThen(PromiseResolve(), () => {
      this.#isFlushed = true;
      if (this.#rest !== "") this.#flush();
    });
  }

  #flush() {
    const line = this.#rest;
    this.#rest = "";
    printLine(this.#stream, line);
  }
}

class SyncWriteStream extends Writable {
  readable = false;
  _type = "fs";
  _isStdio = true;

  #lines;

  constructor(fd) {
    super({ autoDestroy: true, decodeStrings: false });
    this.fd = fd;
    this.#lines = new Lines(fd === 1 ? STDOUT : STDERR);
    ObjectAssign(this, socketFields);
  }

  _write(chunk, encoding, callback) {
    const { Buffer } = require("node:buffer");
    const text = typeof chunk === "string" ? Buffer.from(chunk, encoding).toString() : Buffer.from(chunk).toString();
    this.#lines.write(text);
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
