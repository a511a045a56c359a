/*
 * Web IDL for internal JavaScript: turns a plain class into a platform interface, converts arguments, and makes the
 * errors of a bad call. Every module that defines a web class relies on it; it relies on nothing but the language.
 *
 *     const { defineInterface, illegalInvocation, missingArgument } = require("webidl");
 *     class Thing {
 *       #name;
 *       static { nameOf = (o) => { try { return o.#name; } catch { throw illegalInvocation(); } }; }
 *       rename(name) {
 *         if (arguments.length < 1) throw argumentError("Thing", "rename", 1, "string");
 *         this.#name = toDOMString(name);
 *       }
 *     }
 *     exports.Thing = defineInterface(Thing);
 *
 * Converters take the value alone. An argument that is absent or of a wrong kind is reported by its place, so callers
 * throw `argumentError` or `constructorError` themselves, with the type's name as users know it.
 */

const {
  ArrayIsArray,
  ArrayPrototypePush,
  DatePrototypeGetTime,
  Error,
  FunctionPrototype,
  FunctionPrototypeBind,
  FunctionPrototypeCall,
  MathTrunc,
  NumberIsFinite,
  NumberIsNaN,
  ObjectDefineProperty,
  ObjectSetPrototypeOf,
  ReflectDeleteProperty,
  ReflectGetOwnPropertyDescriptor,
  ReflectGetPrototypeOf,
  ReflectOwnKeys,
  SafeMap,
  StringPrototypeToWellFormed,
  Symbol,
  SymbolFor,
  SymbolIterator,
  SymbolToStringTag,
  TypeError,
} = primordials;

const flags = require("flags");

// Errors.

const ILLEGAL_INVOCATION =
  "Illegal invocation: function called with incorrect `this` reference. " +
  "See https://developers.cloudflare.com/workers/observability/errors/#illegal-invocation-errors for details.";

/** A method or accessor was called on an object that is not of its class. */
const illegalInvocation = () => new TypeError(ILLEGAL_INVOCATION);

/** `new` on an interface that users cannot construct. */
const illegalConstructor = () => new TypeError("Illegal constructor");

/** Parameter `index` (from 1) of a method is absent or not a `type`. */
const argumentError = (className, method, index, type) =>
  new TypeError(`Failed to execute '${method}' on '${className}': parameter ${index} is not of type '${type}'.`);

/** Parameter `index` (from 1) of a constructor is absent or not a `type`. */
const constructorError = (className, index, type) =>
  new TypeError(`Failed to construct '${className}': constructor parameter ${index} is not of type '${type}'.`);

/** The value assigned to an attribute is not a `type`. */
const setterError = (className, property, type) =>
  new TypeError(`Failed to set the '${property}' property on '${className}': the provided value is not of type '${type}'.`);

/** A dictionary's member is not a `type`. */
const fieldError = (dictionary, field, type) =>
  new TypeError(`Incorrect type for the '${field}' field on '${dictionary}': the provided value is not of type '${type}'.`);

/** An array's element `index` (from 0) is not a `type`. */
const elementError = (index, type) =>
  new TypeError(`Incorrect type for array element ${index}: the provided value is not of type '${type}'.`);

/** A value with no better place to name is not a `type`. */
const valueError = (type) => new TypeError(`Incorrect type: the provided value is not of type '${type}'.`);

// Conversions.

/* What conversions say wherever they are made. */
const NOT_AN_INTEGER = "The value cannot be converted because it is not an integer.";
const NOT_A_DATE = "The value cannot be converted because it is not a valid Date.";
exports.NEGATIVE_BIGINT = "The value cannot be converted because it is negative and this API expects a positive bigint.";
exports.AFTER_LAST_DATE = "This API doesn't support dates after 2189.";
exports.NO_PROMISE = "Callback returned incorrect type; expected 'Promise'";

const isObject = (value) => value !== null && (typeof value === "object" || typeof value === "function");

/** A string with lone surrogates kept. Symbols throw the language's TypeError. */
const toDOMString = (value) => (typeof value === "string" ? value : `${value}`);

/** A string with lone surrogates replaced by U+FFFD. */
const toUSVString = (value) => StringPrototypeToWellFormed(typeof value === "string" ? value : `${value}`);

const checkedInteger = (value) => {
  const number = +value;
  if (!NumberIsFinite(number)) throw new TypeError(NOT_AN_INTEGER);
  return number;
};

const unsigned = (maximum) => (value) => {
  const number = checkedInteger(value);
  if (number < 0) {
    throw new TypeError("The value cannot be converted because it is negative and this API expects a positive number.");
  }
  if (number > maximum) throw new TypeError(`Value out of range. Must be less than or equal to ${maximum}.`);
  return MathTrunc(number);
};

/** A 32-bit integer; unlike the other widths, what is not finite becomes 0. */
const toInt32 = (value) => {
  const number = +value;
  if (!NumberIsFinite(number)) return 0;
  if (number < -2147483648 || number > 2147483647) {
    throw new TypeError("Value out of range. Must be between -2147483648 and 2147483647 (inclusive).");
  }
  return MathTrunc(number);
};

/** Whole milliseconds of a Date or a number; of anything else it throws what `error` makes. */
function toMillis(value, error) {
  let millis = value;
  if (typeof value !== "number") {
    try {
      millis = DatePrototypeGetTime(value);
    } catch {
      throw error();
    }
  }
  if (NumberIsNaN(millis)) throw new TypeError(NOT_A_DATE);
  return MathTrunc(millis);
}

/**
 * The elements of an iterable (never of a string), each through `convert`; undefined if `value` is not iterable, so
 * that the caller can try another type or throw the error that names the place.
 */
function toSequence(value, convert) {
  if (!isObject(value)) return undefined;
  const method = value[SymbolIterator];
  if (method === undefined || method === null) return undefined;
  const iterator = FunctionPrototypeCall(method, value);
  const result = [];
  for (;;) {
    const step = iterator.next();
    if (step.done) return result;
    ArrayPrototypePush(result, convert === undefined ? step.value : convert(step.value));
  }
}

/** The elements of a real array; undefined if `value` is none. */
function toArray(value, convert) {
  if (!ArrayIsArray(value)) return undefined;
  const result = [];
  for (let i = 0; i < value.length; i++) {
    ArrayPrototypePush(result, convert === undefined ? value[i] : convert(value[i], i));
  }
  return result;
}

/**
 * Own enumerable string-keyed properties as a flat list [key, value, key, value...]; `value` is an object. Of keys that
 * are the same once converted, the last one's value has the first one's place.
 */
function toRecord(value, convertKey, convertValue) {
  const keys = ReflectOwnKeys(value);
  const result = [];
  let changed = false;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (typeof key === "symbol") continue;
    const descriptor = ReflectGetOwnPropertyDescriptor(value, key);
    if (descriptor === undefined || !descriptor.enumerable) continue;
    const name = convertKey(key);
    const item = convertValue(value[key]);
    changed ||= name !== key;
    const place = changed ? placeOf(result, name) : -1;
    if (place >= 0) {
      result[place + 1] = item;
    } else {
      ArrayPrototypePush(result, name);
      ArrayPrototypePush(result, item);
    }
  }
  return result;
}

/** Where a key is in a flat list of pairs, or -1. */
function placeOf(list, key) {
  for (let i = 0; i < list.length; i += 2) {
    if (list[i] === key) return i;
  }
  return -1;
}

/**
 * A dictionary argument: the object itself, or undefined where the value stands for "no members". Anything else
 * throws what `error` makes.
 */
function toDictionary(value, error) {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) throw error();
  return value;
}

// Interfaces.

/** Marks the prototypes of platform classes; its value names what inspection shows beside the accessors. */
const kResourceTypeInspect = Symbol("kResourceTypeInspect");
const internalClass = SymbolFor("cloudflare:internal-class");

/** Whether the flags are known: lazy modules define their classes later. */
let isStarted = false;

/** Prototypes of platform classes, with their public names. */
const interfaces = new SafeMap();

/** What `published` has made of classes. */
const shownClasses = new SafeMap();

function exposeMembers(target, skip) {
  const keys = ReflectOwnKeys(target);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (skip(key)) continue;
    const descriptor = ReflectGetOwnPropertyDescriptor(target, key);
    if (!descriptor.configurable) continue;
    const accessor = descriptor.get !== undefined || descriptor.set !== undefined;
    const functions = accessor ? [descriptor.get, descriptor.set] : [descriptor.value];
    for (let j = 0; j < functions.length; j++) {
      if (typeof functions[j] !== "function") continue;
      // A function whose own properties are redefined holds a table of them, in every isolate.
      if (functions[j].length !== 0) ObjectDefineProperty(functions[j], "length", { __proto__: null, value: 0 });
      if (accessor) ObjectDefineProperty(functions[j], "name", { __proto__: null, value: "" });
    }
    if (typeof key === "string") ObjectDefineProperty(target, key, { __proto__: null, enumerable: true });
  }
  return target;
}

const isPrototypePlumbing = (key) => key === "constructor";
const isConstructorPlumbing = (key) => key === "prototype" || key === "name" || key === "length";

/**
 * Makes a class a platform interface and returns the constructor to export: members become enumerable and report
 * length 0, the prototype gets its Symbol.toStringTag (taken away again at isolate start where the compatibility date
 * says so). `options.name` is the public name where it is not the class's. `options.inspect` maps labels to getters
 * on instances that only inspection shows.
 */
function defineInterface(Class, options) {
  const name = options?.name ?? Class.name;
  const prototype = Class.prototype;
  if (Class.name !== name) ObjectDefineProperty(Class, "name", { __proto__: null, value: name, configurable: true });
  if (Class.length !== 0) ObjectDefineProperty(Class, "length", { __proto__: null, value: 0, configurable: true });
  exposeMembers(prototype, isPrototypePlumbing);
  exposeMembers(Class, isConstructorPlumbing);
  if (!isStarted || flags.setToStringTag) {
    ObjectDefineProperty(prototype, SymbolToStringTag, {
      __proto__: null,
      value: name,
      writable: true,
      enumerable: false,
      configurable: true,
    });
  }
  ObjectDefineProperty(prototype, internalClass, {
    __proto__: null,
    value: internalClass,
    writable: false,
    enumerable: false,
    configurable: false,
  });
  const inspected = { __proto__: null };
  if (options?.inspect !== undefined) {
    const labels = ReflectOwnKeys(options.inspect);
    for (let i = 0; i < labels.length; i++) {
      const symbol = Symbol(labels[i]);
      const getter = options.inspect[labels[i]];
      ObjectDefineProperty(inspected, labels[i], {
        __proto__: null,
        value: symbol,
        writable: false,
        enumerable: true,
        configurable: true,
      });
      ObjectDefineProperty(prototype, symbol, {
        __proto__: null,
        get() {
          return getter(this);
        },
        enumerable: false,
        configurable: true,
      });
    }
  }
  ObjectDefineProperty(prototype, kResourceTypeInspect, {
    __proto__: null,
    value: inspected,
    writable: false,
    enumerable: false,
    configurable: true,
  });
  interfaces.set(prototype, name);
  return Class;
}

/**
 * What users see of a class where it is a global, as on workerd: a function of native code whose `prototype` can be written
 * to, and that inherits from no other. Any other value is itself.
 */
function published(value) {
  if (typeof value !== "function" || interfaces.get(value.prototype) === undefined) return value;
  const before = shownClasses.get(value);
  if (before !== undefined) return before;
  const shown = FunctionPrototypeBind(value, undefined);
  shownClasses.set(value, shown);
  ObjectSetPrototypeOf(shown, FunctionPrototype);
  const keys = ReflectOwnKeys(value);
  for (let i = 0; i < keys.length; i++) {
    const member = ReflectGetOwnPropertyDescriptor(value, keys[i]);
    if (keys[i] === "prototype") member.writable = !flags.shouldSetImmutablePrototype;
    ObjectDefineProperty(shown, keys[i], member);
  }
  shownClasses.set(shown, shown);
  ObjectDefineProperty(value.prototype, "constructor", { __proto__: null, value: shown });
  return shown;
}

/** Another prototype with the members that an interface's has, above `base`. */
function copyPrototype(prototype, base) {
  const copy = { __proto__: base };
  const keys = ReflectOwnKeys(prototype);
  for (let i = 0; i < keys.length; i++) {
    ObjectDefineProperty(copy, keys[i], ReflectGetOwnPropertyDescriptor(prototype, keys[i]));
  }
  interfaces.set(copy, interfaces.get(prototype));
  return copy;
}

/** Makes `prototype[Symbol.iterator]` the method of that name, as iterable interfaces have it. */
function defineIterator(Class, method) {
  ObjectDefineProperty(Class.prototype, SymbolIterator, {
    __proto__: null,
    value: Class.prototype[method],
    writable: true,
    enumerable: false,
    configurable: true,
  });
}

/** Constants that stand both on the constructor and on the prototype. */
function defineConstants(Class, constants) {
  const keys = ReflectOwnKeys(constants);
  for (let i = 0; i < keys.length; i++) {
    const descriptor = {
      __proto__: null,
      value: constants[keys[i]],
      writable: false,
      enumerable: true,
      configurable: true,
    };
    ObjectDefineProperty(Class, keys[i], descriptor);
    ObjectDefineProperty(Class.prototype, keys[i], descriptor);
  }
}

/* One for all: to make one for each property costs more than to define it. */
const READ_ONLY = { __proto__: null, value: undefined, writable: false, enumerable: true, configurable: true };

/** A property that is made when it is first read. */
function defineLazily(object, name, make) {
  ObjectDefineProperty(object, name, {
    __proto__: null,
    get() {
      const value = make();
      ObjectDefineProperty(object, name, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
      return value;
    },
    enumerable: true,
    configurable: true,
  });
}

/** A read-only property of an instance. */
function defineReadOnly(object, name, value) {
  READ_ONLY.value = value;
  ObjectDefineProperty(object, name, READ_ONLY);
}

/** The name of the nearest platform class of an object, or undefined. */
function interfaceNameOf(object) {
  for (let prototype = object; prototype !== null; prototype = ReflectGetPrototypeOf(prototype)) {
    const name = interfaces.get(prototype);
    if (name !== undefined) return name;
  }
  return undefined;
}

/** What a method throws that is there only to be found. */
const notImplemented = (type, method) =>
  new Error(`Failed to execute '${method}' on '${type}': the method is not implemented.`);

exports.install = function (global, flags) {
  isStarted = true;
  if (flags.shouldSetImmutablePrototype) {
    shownClasses.forEach((shown) => ObjectDefineProperty(shown, "prototype", { __proto__: null, writable: false }));
  }
  if (flags.setToStringTag) return;
  interfaces.forEach((_, prototype) => ReflectDeleteProperty(prototype, SymbolToStringTag));
};

exports.NOT_AN_INTEGER = NOT_AN_INTEGER;
exports.NOT_A_DATE = NOT_A_DATE;
exports.argumentError = argumentError;
exports.constructorError = constructorError;
exports.copyPrototype = copyPrototype;
exports.defineConstants = defineConstants;
exports.defineInterface = defineInterface;
exports.defineIterator = defineIterator;
exports.defineLazily = defineLazily;
exports.defineReadOnly = defineReadOnly;
exports.elementError = elementError;
exports.exposeMembers = exposeMembers;
exports.fieldError = fieldError;
exports.getInspectMark = () => kResourceTypeInspect;
exports.illegalConstructor = illegalConstructor;
exports.illegalInvocation = illegalInvocation;
exports.interfaceNameOf = interfaceNameOf;
exports.isObject = isObject;
exports.kResourceTypeInspect = kResourceTypeInspect;
exports.notImplemented = notImplemented;
exports.published = published;
exports.setterError = setterError;
exports.toArray = toArray;
exports.toDOMString = toDOMString;
exports.toDictionary = toDictionary;
exports.toInt32 = toInt32;
exports.toMillis = toMillis;
exports.toRecord = toRecord;
exports.toSequence = toSequence;
exports.toUSVString = toUSVString;
exports.toUint16 = unsigned(65535);
exports.toUint32 = unsigned(4294967295);
exports.valueError = valueError;
