/*
 * node:timers: timers as objects. They run on the web's timers, so they belong to the request.
 */

const { ArrayPrototypeUnshift, Error, ObjectAssign, ReflectApply, SymbolDispose, SymbolToPrimitive } = primordials;
const { asNamespace, setLength } = require("node/common/unsupported");
const { validateFunction } = require("node/common/validators");
const { contextId } = require("async_context");
const web = require("timers");

const OTHER_REQUEST =
  "Cannot perform I/O on behalf of a different request. I/O objects (such as streams, request/response bodies, and " +
  "others) created in the context of one request handler cannot be accessed from a different request's handler. " +
  "This is a limitation of Cloudflare Workers which allows us to improve overall performance.";

const { setTimeout: start, clearTimeout: stop, setInterval: repeat, clearInterval: stopRepeating } = web.globals;

class Timeout {
  #id;
  #callback;
  #after;
  #args;
  #isRepeating;
  #hasRef;

  constructor(callback, after = 1, args = [], isRepeating = false, hasRef = false) {
    this.#callback = callback;
    this.#after = after * 1;
    this.#args = args;
    this.#isRepeating = isRepeating;
    this.#hasRef = hasRef;
    this.#start();
  }

  #start() {
    // As in Node, the callback's receiver is the timer.
    const args = [(...given) => ReflectApply(this.#callback, this, given), this.#after];
    for (let i = 0; i < this.#args.length; i++) args[i + 2] = this.#args[i];
    this.#id = ReflectApply(this.#isRepeating ? repeat : start, undefined, args);
  }

  refresh() {
    this.close();
    this.#start();
    return this;
  }

  unref() {
    this.#hasRef = false;
    return this;
  }

  ref() {
    this.#hasRef = true;
    return this;
  }

  hasRef() {
    return this.#hasRef;
  }

  close() {
    if (this.#isRepeating) stopRepeating(this.#id);
    else stop(this.#id);
    return this;
  }

  [SymbolDispose]() {
    this.close();
  }

  [SymbolToPrimitive]() {
    return this.#id;
  }
}

let stopImmediate;

class Immediate {
  #id;
  #context = contextId();

  constructor(id) {
    this.#id = id;
  }

  static {
    stopImmediate = (immediate) => {
      if (immediate.#context !== contextId()) throw new Error(OTHER_REQUEST);
      if (immediate.#id !== undefined) stop(immediate.#id);
      immediate.#id = undefined;
    };
  }

  ref() {}

  unref() {}

  hasRef() {
    return false;
  }

  [SymbolDispose]() {
    stopImmediate(this);
  }
}

function setTimeout(callback, delay, ...args) {
  validateFunction(callback, "callback");
  return new Timeout(callback, delay, args, false, true);
}

function setInterval(callback, delay, ...args) {
  validateFunction(callback, "callback");
  return new Timeout(callback, delay, args, true, true);
}

const clear = (timer) => {
  if (timer instanceof Timeout) timer.close();
  else if (typeof timer === "number") stop(timer);
};
function clearTimeout(timer) {
  clear(timer);
}
function clearInterval(timer) {
  clear(timer);
}

function setImmediate(callback, ...args) {
  const { argumentError } = require("webidl");
  if (typeof callback !== "function") throw argumentError("ServiceWorkerGlobalScope", "setImmediate", 1, "function");
  ArrayPrototypeUnshift(args, callback, 0);
  return new Immediate(ReflectApply(start, undefined, args));
}

function clearImmediate(immediate) {
  if (immediate instanceof Immediate) stopImmediate(immediate);
}

function active(timer) {
  if (timer instanceof Timeout) timer.refresh();
}

function unenroll(timer) {
  clear(timer);
}

function enroll(_item, _msecs) {
  throw new Error("Not implemented. Please use setTimeout() instead.");
}

const timers = {
  setTimeout,
  clearTimeout,
  setImmediate,
  clearImmediate,
  setInterval,
  clearInterval,
  active,
  unenroll,
  enroll,
};
setLength([clearImmediate, setImmediate], 0);
ObjectAssign(exports, timers, { Timeout, Immediate, default: timers });
// It uses what is above.
const promises = asNamespace(require("node:timers/promises"));
timers.promises = promises;
exports.promises = promises;
