/*
 * How each built-in kind of object is shown: its prefix, braces, keys and entries.
 * `describe` is called by the inspector for every object; errors are in inspect_error.
 * Relies on introspect for the kind, so that a lying prototype cannot confuse it.
 */

const {
  ArrayPrototypeForEach,
  ArrayPrototypePush,
  ArrayPrototypeSplice,
  ArrayPrototypeUnshift,
  BigIntPrototypeValueOf,
  BooleanPrototypeValueOf,
  DatePrototypeGetTime,
  DatePrototypeToISOString,
  DatePrototypeToString,
  FunctionPrototypeToString,
  MapPrototypeGetSize,
  MathMax,
  MathMin,
  NumberIsNaN,
  NumberPrototypeValueOf,
  ObjectGetOwnPropertyDescriptor,
  ObjectGetOwnPropertyNames,
  ObjectGetOwnPropertySymbols,
  ObjectGetPrototypeOf,
  ObjectKeys,
  ObjectPrototypeHasOwnProperty,
  ObjectPrototypePropertyIsEnumerable,
  RegExp,
  RegExpPrototypeExec,
  RegExpPrototypeToString,
  SafeMap,
  SafeSet,
  SetPrototypeGetSize,
  StringPrototypeEndsWith,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  StringPrototypeStartsWith,
  StringPrototypeToLowerCase,
  StringPrototypeValueOf,
  SymbolIterator,
  SymbolPrototypeValueOf,
  SymbolToStringTag,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeGetSymbolToStringTag,
  Uint8Array,
  globalThis,
} = primordials;

const { Kind, Preview, Settled, State, kind, ownNonIndexKeys, previewEntries, promiseDetails, constructorName } =
  require("console/introspect");
const text = require("console/text");
const { formatError } = require("console/inspect_error");
const { kEntries } = require("console/inspect_interface");

const plain = (string) => string;

// Constructors of the language itself: their prototypes' members are not listed under showHidden.
const builtIns = new SafeSet();
builtIns.add("Float16Array");
{
  const names = ObjectGetOwnPropertyNames(globalThis);
  for (let i = 0; i < names.length; i++) {
    if (RegExpPrototypeExec(/^[A-Z][a-zA-Z0-9]+$/, names[i]) !== null) builtIns.add(names[i]);
  }
}
exports.builtIns = builtIns;

function keysOf(value, showHidden) {
  const symbols = ObjectGetOwnPropertySymbols(value);
  let keys;
  if (showHidden) {
    keys = ObjectGetOwnPropertyNames(value);
    for (let i = 0; i < symbols.length; i++) ArrayPrototypePush(keys, symbols[i]);
    return keys;
  }
  try {
    keys = ObjectKeys(value);
  } catch {
    // A module namespace with bindings that are not initialised yet.
    keys = ObjectGetOwnPropertyNames(value);
  }
  for (let i = 0; i < symbols.length; i++) {
    if (ObjectPrototypePropertyIsEnumerable(value, symbols[i])) ArrayPrototypePush(keys, symbols[i]);
  }
  return keys;
}

/** "Foo(2) [tag] ": what goes before the opening brace. */
function prefixOf(constructor, tag, fallback, size = "") {
  if (constructor === null) {
    return tag !== "" && fallback !== tag
      ? `[${fallback}${size}: null prototype] [${tag}] `
      : `[${fallback}${size}: null prototype] `;
  }
  return tag !== "" && constructor !== tag ? `${constructor}${size} [${tag}] ` : `${constructor}${size} `;
}

// Prototypes whose class is known although a user replaced their `constructor`.
const wellKnown = new SafeMap();
{
  const classes = [
    "Array",
    "ArrayBuffer",
    "Function",
    "Map",
    "Set",
    "Object",
    "RegExp",
    "Date",
    "DataView",
    "Error",
    "AggregateError",
    "RangeError",
    "TypeError",
    "SyntaxError",
    "ReferenceError",
    "URIError",
    "EvalError",
    "Boolean",
    "Number",
    "String",
    "Promise",
    "WeakMap",
    "WeakSet",
    "WeakRef",
  ];
  for (let i = 0; i < classes.length; i++) {
    const constructor = primordials[classes[i]];
    wellKnown.set(constructor.prototype, { __proto__: null, name: classes[i], constructor });
  }
  const TypedArray = ObjectGetPrototypeOf(Uint8Array);
  wellKnown.set(TypedArray.prototype, { __proto__: null, name: "TypedArray", constructor: TypedArray });
}

function isInstance(value, constructor) {
  try {
    return value instanceof constructor;
  } catch {
    return false;
  }
}

/** The name of the nearest constructor on the prototype chain, null if there is none. */
function findConstructor(ctx, value, depth, protoProps) {
  let first;
  let current = value;
  while (current || typeof current === "undefined") {
    const known = wellKnown.get(current);
    if (known !== undefined && isInstance(value, known.constructor)) {
      if (protoProps !== undefined && first !== current) {
        collectProtoProps(ctx, value, first || value, depth, protoProps);
      }
      return known.name;
    }
    const descriptor = ObjectGetOwnPropertyDescriptor(current, "constructor");
    if (
      descriptor !== undefined &&
      typeof descriptor.value === "function" &&
      descriptor.value.name !== "" &&
      isInstance(value, descriptor.value)
    ) {
      const name = primordials.String(descriptor.value.name);
      if (protoProps !== undefined && (first !== current || !builtIns.has(descriptor.value.name))) {
        collectProtoProps(ctx, value, first || value, depth, protoProps);
      }
      return name;
    }
    current = ObjectGetPrototypeOf(current);
    if (first === undefined) first = current;
    if (current === null) break;
  }
  if (first === null) return null;
  const name = constructorName(value);
  if (ctx.depth !== null && depth > ctx.depth) return `${name} <Complex prototype>`;
  const nested = { ...ctx, customInspect: false, depth: -1, userOptions: undefined, seen: [], budget: {} };
  const upper = findConstructor(ctx, first, depth + 1, protoProps);
  if (upper === null) {
    return `${name} <${nested.format({ ...nested, circular: undefined }, first, 0)}>`;
  }
  return `${name} <${upper}>`;
}

/** Under showHidden, the members a user's prototypes add. */
function collectProtoProps(ctx, value, start, depth, protoProps) {
  let level = 0;
  let seen;
  let current = start;
  do {
    if (level !== 0 || value === current) {
      current = ObjectGetPrototypeOf(current);
      if (current === null) break;
      const descriptor = ObjectGetOwnPropertyDescriptor(current, "constructor");
      if (descriptor !== undefined && typeof descriptor.value === "function" && builtIns.has(descriptor.value.name)) {
        break;
      }
    }
    if (level === 0) {
      seen = new SafeSet();
    } else {
      ArrayPrototypeForEach(protoProps.names, (key) => seen.add(key));
    }
    const names = primordials.ReflectOwnKeys(current);
    ArrayPrototypePush(ctx.seen, value);
    for (let i = 0; i < names.length; i++) {
      const key = names[i];
      if (key === "constructor" || ObjectPrototypeHasOwnProperty(value, key) || (level !== 0 && seen.has(key))) {
        continue;
      }
      const descriptor = ObjectGetOwnPropertyDescriptor(current, key);
      if (typeof descriptor.value === "function") continue;
      const owner = current;
      ArrayPrototypePush(protoProps.names, key);
      ArrayPrototypePush(protoProps.lines, (context, object, level) => {
        const line = context.property(context, owner, level, key, 0, descriptor, object);
        return context.colors ? `\u001b[2m${line}\u001b[22m` : line;
      });
    }
    primordials.ArrayPrototypePop(ctx.seen);
    level++;
  } while (level !== 3);
}

const noEntries = () => [];

/**
 * How to show an object: `{keys, braces, base, isArrayLike, entries, prefix, ...}`, or its whole
 * text when it has nothing to list.
 */
exports.describe = function (ctx, value, depth, isTypedArrayPart) {
  let collected;
  if (ctx.showHidden && (ctx.depth === null || depth <= ctx.depth)) collected = { names: [], lines: [] };
  const constructor = findConstructor(ctx, value, depth, collected);
  const protoProps = collected !== undefined && collected.lines.length > 0 ? collected.lines : undefined;

  let tag = value[SymbolToStringTag];
  if (
    typeof tag !== "string" ||
    (tag !== "" &&
      (ctx.showHidden ? ObjectPrototypeHasOwnProperty : ObjectPrototypePropertyIsEnumerable)(value, SymbolToStringTag))
  ) {
    tag = "";
  }

  const shape = {
    keys: undefined,
    braces: ["{", "}"],
    base: "",
    isArrayLike: false,
    entries: noEntries,
    protoProps,
    constructorName: constructor,
    prefix: (fallback) => prefixOf(constructor, tag, fallback),
  };
  let type = kind(value);
  // Made by `Error.call`, in the old way.
  if (type === Kind.Plain && value instanceof primordials.Error) type = Kind.Error;
  const isBare = () => shape.keys.length === 0 && protoProps === undefined;
  const setPrefix = (fallback, size) => {
    shape.prefix = () => prefixOf(constructor, tag, fallback, size);
    return prefixOf(constructor, tag, fallback, size);
  };
  const listKeys = () => (shape.keys = keysOf(value, ctx.showHidden));

  if (ObjectPrototypeHasOwnProperty(value, kEntries)) {
    const list = value[kEntries];
    listKeys();
    shape.keys = primordials.ArrayPrototypeFilter(shape.keys, (key) => key !== kEntries && key !== "size");
    const prefix = setPrefix("Object", `(${list.length})`);
    if (list.length === 0 && isBare()) return `${prefix}{}`;
    shape.braces[0] = `${prefix}{`;
    shape.entries = (c, v, d) => listPairs(c, primordials.ArrayPrototypeFlat(list), d);
    return shape;
  }

  if (SymbolIterator in value || constructor === null) {
    switch (type) {
      case Kind.Array: {
        const prefix = constructor !== "Array" || tag !== "" ? prefixOf(constructor, tag, "Array", `(${value.length})`) : "";
        shape.prefix = () => prefixOf(constructor, tag, "Array");
        shape.keys = ownNonIndexKeys(value, !ctx.showHidden);
        shape.braces = [`${prefix}[`, "]"];
        if (value.length === 0 && isBare()) return `${prefix}[]`;
        shape.isArrayLike = true;
        shape.entries = arrayEntries;
        return shape;
      }
      case Kind.Set: {
        const size = SetPrototypeGetSize(value);
        const prefix = prefixOf(constructor, tag, "Set", `(${size})`);
        shape.prefix = () => prefixOf(constructor, tag, "Set");
        listKeys();
        if (size === 0 && isBare()) return `${prefix}{}`;
        shape.braces[0] = `${prefix}{`;
        shape.entries = setEntries;
        return shape;
      }
      case Kind.Map: {
        const size = MapPrototypeGetSize(value);
        const prefix = prefixOf(constructor, tag, "Map", `(${size})`);
        shape.prefix = () => prefixOf(constructor, tag, "Map");
        listKeys();
        if (size === 0 && isBare()) return `${prefix}{}`;
        shape.braces[0] = `${prefix}{`;
        shape.entries = mapEntries;
        return shape;
      }
      case Kind.TypedArray: {
        const fallback = TypedArrayPrototypeGetSymbolToStringTag(value);
        const size = TypedArrayPrototypeGetLength(value);
        const prefix = prefixOf(constructor, tag, fallback, `(${size})`);
        shape.prefix = () => prefixOf(constructor, tag, fallback);
        shape.keys = ownNonIndexKeys(value, !ctx.showHidden);
        shape.braces = [`${prefix}[`, "]"];
        if (size === 0 && shape.keys.length === 0 && !ctx.showHidden) return `${prefix}[]`;
        shape.isArrayLike = true;
        shape.entries = (c, v, d) => typedArrayEntries(c, v, d, size);
        return shape;
      }
      case Kind.MapIterator:
      case Kind.SetIterator: {
        listKeys();
        const label = `${type === Kind.MapIterator ? "Map" : "Set"} Iterator`;
        shape.braces = [`[${tag === label || tag === "" ? label : `${tag}] [${label}`}] {`, "}"];
        shape.entries = (c, v, d) => iteratorEntries(c, v, d, shape.braces);
        return shape;
      }
    }
  }

  switch (type) {
    case Kind.Arguments:
      listKeys();
      shape.braces[0] = `${constructor === "Object" ? "" : prefixOf(constructor, tag, "Arguments")}[Arguments] {`;
      if (isBare()) return `${shape.braces[0]}}`;
      return shape;
    case Kind.Function:
    case Kind.AsyncFunction:
    case Kind.GeneratorFunction:
    case Kind.AsyncGeneratorFunction:
      listKeys();
      shape.base = functionBase(ctx, value, type, constructor, tag);
      if (isBare()) return ctx.stylize(shape.base, "special");
      setPrefix("Function");
      return shape;
    case Kind.RegExp: {
      listKeys();
      shape.base = RegExpPrototypeToString(constructor !== null ? value : new RegExp(value));
      const prefix = setPrefix("RegExp");
      if (prefix !== "RegExp ") shape.base = `${prefix}${shape.base}`;
      if (isBare() || (ctx.depth !== null && depth > ctx.depth)) return ctx.stylize(shape.base, "regexp");
      return shape;
    }
    case Kind.Date: {
      listKeys();
      shape.base = NumberIsNaN(DatePrototypeGetTime(value)) ? DatePrototypeToString(value) : DatePrototypeToISOString(value);
      const prefix = setPrefix("Date");
      if (prefix !== "Date ") shape.base = `${prefix}${shape.base}`;
      if (isBare()) return ctx.stylize(shape.base, "date");
      return shape;
    }
    case Kind.Error:
      listKeys();
      shape.base = formatError(ctx, value, constructor, tag, shape.keys, prefixOf);
      if (isBare()) return shape.base;
      setPrefix("Error");
      return shape;
    case Kind.ArrayBuffer:
    case Kind.SharedArrayBuffer: {
      listKeys();
      const prefix = setPrefix(type === Kind.ArrayBuffer ? "ArrayBuffer" : "SharedArrayBuffer");
      if (!isTypedArrayPart) shape.entries = bufferEntries;
      else if (isBare()) {
        return `${prefix}{ byteLength: ${ctx.stylize(`${value.byteLength}`, "number")} }`;
      }
      shape.braces[0] = `${prefix}{`;
      ArrayPrototypeUnshift(shape.keys, "byteLength");
      return shape;
    }
    case Kind.DataView:
      listKeys();
      shape.braces[0] = `${setPrefix("DataView")}{`;
      ArrayPrototypeUnshift(shape.keys, "byteLength", "byteOffset", "buffer");
      return shape;
    case Kind.Promise:
      listKeys();
      shape.braces[0] = `${setPrefix("Promise")}{`;
      shape.entries = promiseEntries;
      return shape;
    case Kind.WeakSet:
    case Kind.WeakMap:
      listKeys();
      shape.braces[0] = `${setPrefix(type === Kind.WeakSet ? "WeakSet" : "WeakMap")}{`;
      shape.entries = ctx.showHidden ? weakEntries : unknownEntries;
      return shape;
    case Kind.Namespace:
      listKeys();
      shape.braces[0] = `${setPrefix("Module")}{`;
      shape.entries = (c, v, d) => namespaceEntries(c, v, d, shape.keys);
      return shape;
    case Kind.NumberObject:
    case Kind.StringObject:
    case Kind.BooleanObject:
    case Kind.SymbolObject:
    case Kind.BigIntObject:
      listKeys();
      shape.base = boxedBase(ctx, value, type, shape.keys, constructor, tag);
      if (isBare()) return shape.base;
      return shape;
  }

  listKeys();
  // Without a prototype, the engine still knows which constructor made the object.
  let fallback = constructor === null ? constructorName(value) : "Object";
  if (fallback === tag) fallback = "Object";
  const prefix = setPrefix(fallback);
  const isPlain = constructor === "Object" && tag === "";
  if (isBare()) {
    if (type === Kind.External) return ctx.stylize("[External]", "special");
    return isPlain ? "{}" : `${prefix}{}`;
  }
  if (!isPlain) shape.braces[0] = `${prefix}{`;
  return shape;
};

function functionBase(ctx, value, type, constructor, tag) {
  const source = FunctionPrototypeToString(value);
  if (StringPrototypeStartsWith(source, "class") && StringPrototypeEndsWith(source, "}")) {
    const body = StringPrototypeSlice(source, 5, -1);
    const brace = StringPrototypeIndexOf(body, "{");
    if (
      brace !== -1 &&
      (RegExpPrototypeExec(/^[^{]*\(/, StringPrototypeSlice(body, 0, brace + 1)) === null ||
        // "(" before the brace: only a class if it follows `extends`.
        RegExpPrototypeExec(/^(\s+[^(]*?)\s*{/, stripComments(body)) !== null)
    ) {
      return classBase(value, constructor, tag);
    }
  }
  let name = "Function";
  if (type === Kind.GeneratorFunction) name = "GeneratorFunction";
  else if (type === Kind.AsyncFunction) name = "AsyncFunction";
  else if (type === Kind.AsyncGeneratorFunction) name = "AsyncGeneratorFunction";
  let base = `[${name}`;
  if (constructor === null) base += " (null prototype)";
  const { name: label } = value;
  if (label === "") base += " (anonymous)";
  else base += `: ${typeof label === "string" ? label : ctx.format({ ...ctx, seen: [] }, label, 0)}`;
  base += "]";
  if (constructor !== name && constructor !== null) base += ` ${constructor}`;
  if (tag !== "" && constructor !== tag) base += ` [${tag}]`;
  return base;
}

function stripComments(source) {
  return primordials.RegExpPrototypeSymbolReplace(/(\/\/.*?\n)|(\/\*(.|\n)*?\*\/)/g, source, "");
}

function classBase(value, constructor, tag) {
  const name = (ObjectPrototypeHasOwnProperty(value, "name") && value.name) || "(anonymous)";
  let base = `class ${name}`;
  if (constructor !== "Function" && constructor !== null) base += ` [${constructor}]`;
  if (tag !== "" && constructor !== tag) base += ` [${tag}]`;
  if (constructor !== null) {
    const parent = ObjectGetPrototypeOf(value).name;
    if (parent) base += ` extends ${parent}`;
  } else {
    base += " extends [null prototype]";
  }
  return `[${base}]`;
}

function boxedBase(ctx, value, type, keys, constructor, tag) {
  let name;
  let primitive;
  if (type === Kind.NumberObject) {
    name = "Number";
    primitive = NumberPrototypeValueOf(value);
  } else if (type === Kind.StringObject) {
    name = "String";
    primitive = StringPrototypeValueOf(value);
    // The characters are own keys too, and come first.
    ArrayPrototypeSplice(keys, 0, primitive.length);
  } else if (type === Kind.BooleanObject) {
    name = "Boolean";
    primitive = BooleanPrototypeValueOf(value);
  } else if (type === Kind.BigIntObject) {
    name = "BigInt";
    primitive = BigIntPrototypeValueOf(value);
  } else {
    name = "Symbol";
    primitive = SymbolPrototypeValueOf(value);
  }
  let base = `[${name}`;
  if (name !== constructor) base += constructor === null ? " (null prototype)" : ` (${constructor})`;
  base += `: ${ctx.format({ ...ctx, stylize: plain, colors: false }, primitive, 0)}]`;
  if (tag !== "" && tag !== constructor) base += ` [${tag}]`;
  if (keys.length !== 0 || ctx.stylize === plain) return base;
  return ctx.stylize(base, StringPrototypeToLowerCase(name));
}

const moreItems = (count) => `... ${count} more item${count > 1 ? "s" : ""}`;
const limit = (ctx, length) => MathMin(MathMax(0, ctx.maxArrayLength), length);

function arrayEntries(ctx, value, depth) {
  const { length } = value;
  const max = limit(ctx, length);
  const output = [];
  let index = 0;
  // Each entry is an item or a run of holes; what is past the limit is only counted.
  while (index < length && output.length < max) {
    if (ObjectPrototypeHasOwnProperty(value, index)) {
      ArrayPrototypePush(output, ctx.property(ctx, value, depth, `${index}`, 2));
      index++;
      continue;
    }
    const next = nextIndex(value, index, length);
    const holes = next - index;
    ArrayPrototypePush(output, ctx.stylize(`<${holes} empty item${holes > 1 ? "s" : ""}>`, "undefined"));
    index = next;
  }
  if (index < length) ArrayPrototypePush(output, moreItems(length - index));
  return output;
}

// The first index at or after `from` that is present. Long gaps are skipped by the list of keys.
function nextIndex(value, from, length) {
  for (let i = from; i < length && i < from + 1000; i++) {
    if (ObjectPrototypeHasOwnProperty(value, i)) return i;
  }
  if (length <= from + 1000) return length;
  const keys = ObjectKeys(value);
  for (let i = 0; i < keys.length; i++) {
    const index = +keys[i];
    if (index >= from && index < length) return index;
    if (NumberIsNaN(index)) break;
  }
  return length;
}

function typedArrayEntries(ctx, value, depth, length) {
  const max = limit(ctx, length);
  const output = [];
  // An array that lies about its length shows its numbers as bigints, as it always did.
  const asNumbers = (value.length ?? length) > 0 && typeof value[0] === "number";
  for (let i = 0; i < max; i++) {
    output[i] = ctx.stylize(
      asNumbers ? text.numberText(value[i], ctx.numericSeparator) : text.bigintText(value[i], ctx.numericSeparator),
      asNumbers ? "number" : "bigint",
    );
  }
  if (length > max) output[max] = moreItems(length - max);
  if (ctx.showHidden) {
    ctx.indentationLvl += 2;
    const hidden = ["BYTES_PER_ELEMENT", "length", "byteLength", "byteOffset", "buffer"];
    for (let i = 0; i < hidden.length; i++) {
      ArrayPrototypePush(output, `[${hidden[i]}]: ${ctx.format(ctx, value[hidden[i]], depth, true)}`);
    }
    ctx.indentationLvl -= 2;
  }
  return output;
}

function setEntries(ctx, value, depth) {
  const { [Preview.ENTRIES]: items } = previewEntries(value);
  return listItems(ctx, items, depth, items.length);
}

function listItems(ctx, items, depth) {
  const max = limit(ctx, items.length);
  const output = [];
  ctx.indentationLvl += 2;
  for (let i = 0; i < max; i++) output[i] = ctx.format(ctx, items[i], depth);
  ctx.indentationLvl -= 2;
  if (items.length > max) ArrayPrototypePush(output, moreItems(items.length - max));
  return output;
}

function listPairs(ctx, items, depth, open = "", separator = " => ", close = "") {
  const count = items.length / 2;
  const max = limit(ctx, count);
  const output = [];
  ctx.indentationLvl += 2;
  for (let i = 0; i < max; i++) {
    const key = ctx.format(ctx, items[2 * i], depth);
    output[i] = `${open}${key}${separator}${ctx.format(ctx, items[2 * i + 1], depth)}${close}`;
  }
  ctx.indentationLvl -= 2;
  if (count > max) ArrayPrototypePush(output, moreItems(count - max));
  return output;
}

const mapEntries = (ctx, value, depth) => listPairs(ctx, previewEntries(value)[Preview.ENTRIES], depth);

function iteratorEntries(ctx, value, depth, braces) {
  const { [Preview.ENTRIES]: items, [Preview.IS_KEY_VALUE]: isKeyValue } = previewEntries(value);
  if (!isKeyValue) return listItems(ctx, items, depth);
  braces[0] = primordials.RegExpPrototypeSymbolReplace(/ Iterator] {$/, braces[0], " Entries] {");
  const max = limit(ctx, items.length / 2);
  const output = [];
  ctx.indentationLvl += 2;
  for (let i = 0; i < max; i++) {
    const pair = [ctx.format(ctx, items[2 * i], depth), ctx.format(ctx, items[2 * i + 1], depth)];
    output[i] = layOut(ctx, pair, "", ["[", "]"], true, depth);
  }
  ctx.indentationLvl -= 2;
  if (items.length / 2 > max) ArrayPrototypePush(output, moreItems(items.length / 2 - max));
  return output;
}

// Required lazily: the inspector itself needs this module first.
const layOut = (...args) => primordials.ReflectApply(require("console/inspect").layOut, undefined, args);

function weakEntries(ctx, value, depth) {
  const { [Preview.ENTRIES]: items } = previewEntries(value);
  const lines = kind(value) === Kind.WeakMap ? listPairs(ctx, items, depth) : listItems(ctx, items, depth);
  // The order is the collector's: sorted, the output is stable.
  const rest = lines.length > limit(ctx, lines.length) ? primordials.ArrayPrototypePop(lines) : undefined;
  primordials.ArrayPrototypeSort(lines);
  if (rest !== undefined) ArrayPrototypePush(lines, rest);
  return lines;
}

const unknownEntries = (ctx) => [ctx.stylize("<items unknown>", "special")];

function bufferEntries(ctx, value) {
  let bytes;
  try {
    bytes = new Uint8Array(value);
  } catch {
    return [ctx.stylize("(detached)", "special")];
  }
  const length = TypedArrayPrototypeGetLength(bytes);
  const max = limit(ctx, length);
  let shown = "";
  for (let i = 0; i < max; i++) {
    shown += `${i === 0 ? "" : " "}${bytes[i] < 16 ? "0" : ""}${primordials.NumberPrototypeToString(bytes[i], 16)}`;
  }
  if (length > max) shown += ` ... ${length - max} more byte${length - max > 1 ? "s" : ""}`;
  return [`${ctx.stylize("[Uint8Contents]", "special")}: <${shown}>`];
}

function promiseEntries(ctx, value, depth) {
  const { [Settled.STATE]: state, [Settled.RESULT]: result } = promiseDetails(value);
  if (state === State.PENDING) return [ctx.stylize("<pending>", "special")];
  ctx.indentationLvl += 2;
  const shown = ctx.format(ctx, result, depth);
  ctx.indentationLvl -= 2;
  return [state === State.REJECTED ? `${ctx.stylize("<rejected>", "special")} ${shown}` : shown];
}

function namespaceEntries(ctx, value, depth, keys) {
  const output = [];
  for (let i = 0; i < keys.length; i++) {
    try {
      output[i] = ctx.property(ctx, value, depth, keys[i], 0);
    } catch {
      // A binding that is not initialised yet.
      const name = `${ctx.stylize(primordials.String(keys[i]), "name")}`;
      output[i] = `${name}: ${ctx.stylize("<uninitialized>", "special")}`;
    }
  }
  keys.length = 0;
  return output;
}
