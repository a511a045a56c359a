/*
 * How the inspector shows web classes (Request, Headers, URL ...): the values of their accessors,
 * their entries if they are map-like, and the internal fields a class offers for inspection.
 * A class takes part by `webidl.defineInterface`; called by the inspector for every object.
 */

const {
  ArrayFrom,
  ArrayIsArray,
  ArrayPrototypePush,
  FunctionPrototypeCall,
  ObjectDefineProperty,
  ObjectGetOwnPropertyNames,
  ObjectGetPrototypeOf,
  ObjectKeys,
  ObjectPrototypePropertyIsEnumerable,
  SafeWeakMap,
  StringPrototypeReplace,
  SymbolIterator,
} = primordials;

/** Key under which a record for the inspector carries map-like entries. */
const kEntries = primordials.Symbol("entries");
exports.kEntries = kEntries;

// Prototype of a web class -> function giving its extra fields (name -> value), or null.
const interfaces = new SafeWeakMap();

/**
 * Has instances of a web class shown by their accessors. `extra(instance)` may give more fields,
 * which print in square brackets.
 */
exports.registerInterface = (Class, extra = null) => interfaces.set(Class.prototype, extra);

function extraOf(value) {
  for (let proto = ObjectGetPrototypeOf(value); proto !== null; proto = ObjectGetPrototypeOf(proto)) {
    const extra = interfaces.get(proto);
    if (extra !== undefined) return extra;
  }
  return undefined;
}

/** A custom inspect function for instances of web classes, undefined for all other values. */
exports.formatInterface = function (value) {
  return extraOf(value) === undefined ? undefined : inspectInterface;
};

function entriesOf(value) {
  const { entries } = value;
  if (typeof entries !== "function") return undefined;
  const iterator = FunctionPrototypeCall(entries, value);
  if (typeof iterator !== "object" || iterator === null || !(SymbolIterator in iterator)) return undefined;
  const list = ArrayFrom(iterator);
  for (let i = 0; i < list.length; i++) {
    if (!ArrayIsArray(list[i]) || list[i].length !== 2) return undefined;
  }
  return list;
}

function inspectInterface(depth, options, inspect) {
  const name = this.constructor.name;
  if (depth < 0) return options.stylize(`[${name}]`, "special");
  const { builtIns } = require("console/inspect_values");

  const record = {};
  const list = entriesOf(this);
  if (list !== undefined) ObjectDefineProperty(record, kEntries, { __proto__: null, value: list });
  for (let current = this; current !== null; current = ObjectGetPrototypeOf(current)) {
    if (!interfaces.has(current) && current !== this) {
      const constructor = primordials.ObjectGetOwnPropertyDescriptor(current, "constructor")?.value;
      if (typeof constructor !== "function" || builtIns.has(constructor.name)) break;
    }
    const names = ObjectGetOwnPropertyNames(current);
    for (let i = 0; i < names.length; i++) {
      const key = names[i];
      let field;
      try {
        field = this[key];
      } catch {
        // The accessor refuses this instance: there is nothing to show.
        continue;
      }
      if (typeof field === "function" || ObjectPrototypePropertyIsEnumerable(this.constructor, key)) continue;
      record[key] = field;
    }
  }
  const extra = extraOf(this);
  if (extra !== null) {
    const fields = extra(this);
    const names = ObjectKeys(fields);
    for (let i = 0; i < names.length; i++) {
      ObjectDefineProperty(record, names[i], { __proto__: null, value: fields[names[i]] });
    }
  }
  const shown = inspect(record, {
    ...options,
    depth: options.depth == null ? null : depth,
    showHidden: true,
  });
  return list === undefined ? `${name} ${shown}` : `${name}${StringPrototypeReplace(shown, "Object", "")}`;
}
