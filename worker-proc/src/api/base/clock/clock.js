/*
 * Time at global scope: it stands at 0 until the worker's code has run, and then passes as everywhere. While that code
 * runs, the global `Date` is a view of V8's own; a worker that has kept hold of the view keeps it, all others get V8's.
 * `workers` calls `beginTime`. Evaluated into the snapshot, before any code of a worker.
 */

const {
  Date,
  DateNow,
  DatePrototype,
  DatePrototypeToString,
  ObjectDefineProperty,
  Proxy,
  ReflectConstruct,
  ReflectGetOwnPropertyDescriptor,
  globalThis,
} = primordials;

let passes = false;
let isSeen = false;

const define = (target, key, value) =>
  ObjectDefineProperty(target, key, { __proto__: null, value, writable: true, enumerable: false, configurable: true });

const view = new Proxy(Date, {
  __proto__: null,
  apply: () => (passes ? Date() : DatePrototypeToString(new Date(0))),
  construct: (_, args, newTarget) =>
    ReflectConstruct(Date, passes || args.length > 0 ? args : [0], newTarget === view ? Date : newTarget),
});

const { now: nativeNow } = Date;
const { now } = { now: () => (passes ? DateNow() : 0) };
define(Date, "now", now);

ObjectDefineProperty(globalThis, "Date", {
  __proto__: null,
  get() {
    if (!isSeen) define(DatePrototype, "constructor", view);
    isSeen = true;
    return view;
  },
  set: (value) => define(globalThis, "Date", value),
  enumerable: false,
  configurable: true,
});

/** The worker's code has run. What it has put in the place of built-ins stays. */
const beginTime = function () {
  passes = true;
  if (ReflectGetOwnPropertyDescriptor(globalThis, "Date")?.get !== undefined)
    define(globalThis, "Date", isSeen ? view : Date);
  if (ReflectGetOwnPropertyDescriptor(Date, "now")?.value === now) define(Date, "now", nativeNow);
};

exports.beginTime = beginTime;
/** Inspection shows it as the `Date` that it stands for. */
exports.dateView = view;
