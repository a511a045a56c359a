/*
 * Duplex: a Readable that is a Writable too; and `duplexPair`.
 */

// own: other (a stream)
const {
  ArrayPrototypeIncludes,
  Boolean,
  ObjectAssign,
  ObjectDefineProperties,
  ObjectDefineProperty,
  ObjectKeys,
  ObjectSetPrototypeOf,
} = primordials;
const { queueMicrotask } = require("timers");
const { Readable, ReadableState } = require("node/streams/readable");
const { setDuplex } = require("node/streams/state");
const { Writable, WritableState, initialize, writableFields } = require("node/streams/writable");

function Duplex(options) {
  if (!(this instanceof Duplex)) return new Duplex(options);
  this._readableState ??= new ReadableState(options, this, true);
  this._writableState ??= new WritableState(options, this, true);
  this.allowHalfOpen = options?.allowHalfOpen !== false;
  if (options) {
    if (typeof options.read === "function") this._read = options.read;
    if (options.readable === false) {
      ObjectAssign(this._readableState, { readable: false, ended: true, endEmitted: true });
    }
    if (options.writable === false) {
      ObjectAssign(this._writableState, { writable: false, ending: true, ended: true, finished: true });
    }
  }
  initialize(this, options);
  if (this._readableState.constructed === false) {
    // Reading waits for `_construct` as writing does.
    const { construct } = require("node/streams/destroy");
    construct(this, () => {
      if (this._readableState.needReadable) this.read(0);
    });
  }
}
ObjectSetPrototypeOf(Duplex.prototype, Readable.prototype);
ObjectSetPrototypeOf(Duplex, Readable);
setDuplex(Duplex);

for (let i = 0, names = ObjectKeys(Writable.prototype); i < names.length; i++) {
  const name = names[i];
  if (!(name in Duplex.prototype) || ArrayPrototypeIncludes(["_writev", "_write"], name))
    Duplex.prototype[name] = Writable.prototype[name];
}
for (
  let i = 0, names = ["write", "end", "cork", "uncork", "setDefaultEncoding", "_write", "_writev", "destroy"];
  i < names.length;
  i++
) {
  const name = names[i];
  Duplex.prototype[name] = Writable.prototype[name];
}
Duplex.prototype.pipe = Readable.prototype.pipe;

const shared = ["closed", "destroyed", "errored"];
for (let i = 0, names = ObjectKeys(writableFields); i < names.length; i++) {
  const name = names[i];
  if (!ArrayPrototypeIncludes(shared, name)) ObjectDefineProperty(Duplex.prototype, name, writableFields[name]);
}
ObjectDefineProperties(Duplex.prototype, {
  closed: {
    __proto__: null,
    configurable: true,
    get() {
      return Boolean(this._readableState?.closed && this._writableState?.closed);
    },
  },
  destroyed: {
    __proto__: null,
    configurable: true,
    get() {
      const { _readableState: r, _writableState: w } = this;
      return r === undefined || w === undefined ? false : r.destroyed && w.destroyed;
    },
    set(value) {
      if (!this._readableState || !this._writableState) return;
      this._readableState.destroyed = value;
      this._writableState.destroyed = value;
    },
  },
});

Duplex.from = (body) => require("node/streams/duplex_from").duplexFrom(body, "body");
Duplex.fromWeb = (pair, options) => require("node/streams/adapters").duplexFromWeb(Duplex, pair, options);
Duplex.toWeb = (duplex) => require("node/streams/adapters").duplexToWeb(duplex);

/** Two duplexes, each reading what is written to the other. */
function duplexPair(options) {
  const make = () => {
    const side = new Duplex({
      ...options,
      read() {
        const callback = side.waiting;
        side.waiting = null;
        callback?.();
      },
      write(chunk, encoding, callback) {
        const { other } = side;
        if (chunk.length === 0) {
          queueMicrotask(callback);
        } else {
          other.push(chunk, encoding);
          other.waiting = callback;
        }
      },
      final(callback) {
        side.other.on("end", callback);
        side.other.push(null);
      },
    });
    return side;
  };
  const a = make();
  const b = make();
  a.other = b;
  b.other = a;
  return [a, b];
}

ObjectAssign(exports, { Duplex, duplexPair });
