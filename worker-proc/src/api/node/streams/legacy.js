/*
 * Stream, the base class of all streams, and the `pipe` it had before Readable had its own.
 */

const { ArrayIsArray, ArrayPrototypeUnshift, FunctionPrototypeCall, ObjectAssign, ObjectSetPrototypeOf } = primordials;
const EventEmitter = require("node:events").default;

function Stream(options) {
  FunctionPrototypeCall(EventEmitter, this, options);
}
ObjectSetPrototypeOf(Stream.prototype, EventEmitter.prototype);
ObjectSetPrototypeOf(Stream, EventEmitter);

Stream.prototype.pipe = function pipe(target, options) {
  const source = this;
  const onData = (chunk) => {
    if (target.writable && target.write(chunk) === false && source.pause) source.pause();
  };
  const onDrain = () => {
    if (source.readable && source.resume) source.resume();
  };
  let didEnd = false;
  const onEnd = () => {
    if (didEnd) return;
    didEnd = true;
    target.end();
  };
  const onClose = () => {
    if (didEnd) return;
    didEnd = true;
    if (typeof target.destroy === "function") target.destroy();
  };
  function onError(error) {
    cleanUp();
    if (EventEmitter.listenerCount(this, "error") === 0) this.emit("error", error);
  }
  const cleanUp = () => {
    source.removeListener("data", onData);
    target.removeListener("drain", onDrain);
    source.removeListener("end", onEnd);
    source.removeListener("close", onClose);
    source.removeListener("error", onError);
    target.removeListener("error", onError);
    source.removeListener("end", cleanUp);
    source.removeListener("close", cleanUp);
    target.removeListener("close", cleanUp);
  };
  source.on("data", onData);
  target.on("drain", onDrain);
  if (!target._isStdio && (!options || options.end !== false)) {
    source.on("end", onEnd);
    source.on("close", onClose);
  }
  prependListener(source, "error", onError);
  prependListener(target, "error", onError);
  source.on("end", cleanUp);
  source.on("close", cleanUp);
  target.on("close", cleanUp);
  target.emit("pipe", source);
  return target;
};

/** Puts a listener first, also on emitters that have no method for it. */
function prependListener(emitter, event, listener) {
  if (typeof emitter.prependListener === "function") return emitter.prependListener(event, listener);
  const present = emitter._events?.[event];
  if (!present) emitter.on(event, listener);
  else if (ArrayIsArray(present)) ArrayPrototypeUnshift(present, listener);
  else emitter._events[event] = [listener, present];
}

ObjectAssign(exports, { Stream, prependListener });
