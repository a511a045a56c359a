/*
 * Transform, a Duplex whose output is computed from its input, and PassThrough.
 */

// own: this, stream (a stream)
const { Boolean, FunctionPrototypeCall, ObjectAssign, ObjectDefineProperty, ObjectSetPrototypeOf, Symbol } = primordials;
const { setLength } = require("node/common/unsupported");
const { ERR_METHOD_NOT_IMPLEMENTED } = require("node/common/errors");
const { Duplex } = require("node/streams/duplex");
const { highWaterMarkOf } = require("node/streams/state");

const kCallback = Symbol("kCallback");
const kIsLazy = Symbol("kIsLazy");

function Transform(options) {
  if (!(this instanceof Transform)) return new Transform(options);
  // With a readable mark of 0 there would be no room for what a write makes.
  const readableMark = options
    ? highWaterMarkOf(Boolean(options.readableObjectMode || options.objectMode), options, "readableHighWaterMark", true)
    : null;
  if (readableMark === 0) {
    options = {
      ...options,
      highWaterMark: null,
      readableHighWaterMark: 0,
      writableHighWaterMark: options.writableHighWaterMark || 0,
    };
  }
  FunctionPrototypeCall(Duplex, this, options);
  this._readableState.sync = false;
  this[kCallback] = null;
  if (options) {
    if (typeof options.transform === "function") this._transform = options.transform;
    if (typeof options.flush === "function") this._flush = options.flush;
  }
  this.on("prefinish", prefinish);
}
ObjectSetPrototypeOf(Transform.prototype, Duplex.prototype);
ObjectSetPrototypeOf(Transform, Duplex);

function flushAndEnd(stream, callback) {
  const done = (error, data) => {
    if (error) {
      if (callback) callback(error);
      else stream.destroy(error);
      return;
    }
    if (data != null) stream.push(data);
    stream.push(null);
    callback?.();
  };
  if (typeof stream._flush === "function" && !stream.destroyed) stream._flush(done);
  else done(null, undefined);
}

// For subclasses that replace `_final`.
function prefinish() {
  if (this._final !== Transform.prototype._final) flushAndEnd(this);
}

Transform.prototype._final = function (callback) {
  flushAndEnd(this, callback);
};

Transform.prototype._transform = function () {
  throw new ERR_METHOD_NOT_IMPLEMENTED("_transform()");
};

Transform.prototype._write = function (chunk, encoding, callback) {
  const readable = this._readableState;
  const writable = this._writableState;
  const lengthBefore = readable.length;
  this._transform(chunk, encoding, (error, value) => {
    if (error) {
      callback(error);
      return;
    }
    if (value != null) this.push(value);
    if (writable.ended || lengthBefore === readable.length || readable.length < readable.highWaterMark) callback();
    else this[kCallback] = callback;
  });
};

Transform.prototype._read = function (_size) {
  const callback = this[kCallback];
  if (!callback) return;
  this[kCallback] = null;
  callback();
};

function PassThrough(options) {
  if (!(this instanceof PassThrough)) return new PassThrough(options);
  FunctionPrototypeCall(Transform, this, options);
}
ObjectSetPrototypeOf(PassThrough.prototype, Transform.prototype);
ObjectSetPrototypeOf(PassThrough, Transform);

PassThrough.prototype._transform = function (chunk, encoding, callback) {
  callback(null, chunk);
};

setLength([PassThrough.prototype._transform], 3);

/**
 * A Transform for classes whose objects are often used without their streams. One without options is made a stream when its state
 * is first asked for.
 */
function LazyTransform(options) {
  if (options) FunctionPrototypeCall(Transform, this, options);
  else this[kIsLazy] = true;
}
ObjectSetPrototypeOf(LazyTransform.prototype, Transform.prototype);
ObjectSetPrototypeOf(LazyTransform, Transform);

for (let i = 0, names = ["_readableState", "_writableState"]; i < names.length; i++) {
  const name = names[i];
  ObjectDefineProperty(LazyTransform.prototype, name, {
    __proto__: null,
    configurable: true,
    get() {
      if (this[kIsLazy] !== true) return undefined;
      this[kIsLazy] = false;
      FunctionPrototypeCall(Transform, this);
      return this[name];
    },
    set(value) {
      ObjectDefineProperty(this, name, { __proto__: null, configurable: true, enumerable: true, writable: true, value });
    },
  });
}

ObjectAssign(exports, { Transform, PassThrough, LazyTransform });
