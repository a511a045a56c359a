/*
 * How the inspector shows web classes (Request, Headers, URL ...): the values of their accessors,
 * their entries if they are map-like, and the internal fields a class offers for inspection.
 * `webidl.defineInterface` marks these classes, and names the fields that only inspection shows.
 */

// own: builtIns (a SafeSet)
const {
  ArrayFrom,
  ArrayIsArray,
  FunctionPrototypeCall,
  ObjectDefineProperty,
  ObjectGetOwnPropertyDescriptor,
  ObjectGetOwnPropertyNames,
  ObjectGetPrototypeOf,
  ObjectKeys,
  ObjectPrototypeHasOwnProperty,
  ObjectPrototypePropertyIsEnumerable,
  StringPrototypeReplace,
  SymbolIterator,
} = primordials;

const { kResourceTypeInspect } = require("webidl");

/** Key under which a record for the inspector carries map-like entries. */
const kEntries = primordials.Symbol("entries");
exports.kEntries = kEntries;

/** A custom inspect function for instances of web classes, undefined for all other values. */
exports.formatInterface = (value) => (typeof value[kResourceTypeInspect] === "object" ? inspectInterface : undefined);

const isInterface = (proto) => ObjectPrototypeHasOwnProperty(proto, kResourceTypeInspect);

/** A method that an object or one of its prototypes has; a stub, which answers to every name, has none by it. */
function methodOf(value, name) {
  for (let current = value; current !== null; current = ObjectGetPrototypeOf(current)) {
    const method = ObjectGetOwnPropertyDescriptor(current, name)?.value;
    if (method !== undefined) return typeof method === "function" ? method : undefined;
  }
  return undefined;
}

function entriesOf(value) {
  const entries = methodOf(value, "entries");
  if (entries === undefined) return undefined;
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
    if (current !== this && !isInterface(current)) {
      const constructor = ObjectGetOwnPropertyDescriptor(current, "constructor")?.value;
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
  const marks = this[kResourceTypeInspect];
  const labels = ObjectKeys(marks);
  for (let i = 0; i < labels.length; i++) {
    ObjectDefineProperty(record, labels[i], { __proto__: null, value: this[marks[labels[i]]] });
  }
  const shown = inspect(record, {
    ...options,
    depth: options.depth == null ? null : depth,
    showHidden: true,
  });
  return list === undefined ? `${name} ${shown}` : `${name}${StringPrototypeReplace(shown, "Object", "")}`;
}
