/*
 * node:tty: streams that look like terminals and lead nowhere.
 */

const { ArrayPrototypeFindLast, ObjectAssign, ObjectSetPrototypeOf } = primordials;
const { Duplex } = require("node:stream");
const { inert, setLengths } = require("node/common/unsupported");

function ReadStream(fd) {
  if (!(this instanceof ReadStream)) return new ReadStream(fd);
  this.fd = fd;
  this.isRaw = false;
  this.isTTY = false;
  return this;
}
ObjectSetPrototypeOf(ReadStream.prototype, Duplex.prototype);
ObjectSetPrototypeOf(ReadStream, Duplex);

ReadStream.prototype.setRawMode = function (mode) {
  this.isRaw = mode;
  return this;
};

function WriteStream(fd) {
  if (!(this instanceof WriteStream)) return new WriteStream(fd);
  this.fd = fd;
  this.columns = 0;
  this.rows = 0;
  return this;
}
ObjectSetPrototypeOf(WriteStream.prototype, Duplex.prototype);
ObjectSetPrototypeOf(WriteStream, Duplex);

WriteStream.prototype.isTTY = true;
// 8 stands for 256 colours, whatever is shown.
WriteStream.prototype.getColorDepth = () => 8;
WriteStream.prototype.hasColors = () => false;
inert(WriteStream.prototype, ["_refreshSize"]);
for (let i = 0, names = ["cursorTo", "moveCursor", "clearLine", "clearScreenDown"]; i < names.length; i++) {
  const name = names[i];
  WriteStream.prototype[name] = function (...args) {
    ArrayPrototypeFindLast(args, (arg) => typeof arg === "function")?.();
    return false;
  };
}
WriteStream.prototype.getWindowSize = function () {
  return [this.columns ?? 0, this.rows ?? 0];
};

setLengths(WriteStream.prototype, "clearLine/2 clearScreenDown/1 cursorTo/3 moveCursor/3");

const tty = { isatty: () => false, ReadStream, WriteStream };

setLengths(tty, "isatty/1");
ObjectAssign(exports, tty, { default: tty });
