/*
 * The object inspector: what `console.log` and `node:util`'s `inspect` print for a value, in the
 * layout Node established. Reading a value never triggers proxy traps, and getters only on request.
 * Relies on introspect (kinds), text (quoting, colours) and inspect_values (one printer a kind).
 */

// own: shape (how a kind of value is shown)
const {
  ArrayPrototypeIncludes,
  ArrayPrototypeJoin,
  ArrayPrototypePush,
  ArrayPrototypePop,
  ArrayPrototypeSlice,
  ArrayPrototypeSort,
  FunctionPrototypeCall,
  MathFloor,
  MathMax,
  MathMin,
  MathRound,
  MathSqrt,
  ObjectAssign,
  ObjectDefineProperty,
  ObjectGetOwnPropertyDescriptor,
  ObjectKeys,
  ObjectSetPrototypeOf,
  SafeMap,
  StringPrototypeIncludes,
  StringPrototypePadEnd,
  StringPrototypePadStart,
  StringPrototypeRepeat,
  StringPrototypeReplaceAll,
  StringPrototypeSlice,
  SymbolFor,
  SymbolPrototypeToString,
} = primordials;

const { proxyDetails } = require("console/introspect");
const text = require("console/text");
const values = require("console/inspect_values");
const { formatInterface } = require("console/inspect_interface");

const customInspect = SymbolFor("nodejs.util.inspect.custom");
exports.customInspect = customInspect;

// Text of one inspection at one indentation, past which nested objects are cut short.
const MAX_OUTPUT_CHARS = 2 ** 27;
// Strings up to this length are never split over lines.
const MIN_SPLIT_CHARS = 16;

const defaults = {
  showHidden: false,
  depth: 2,
  colors: false,
  customInspect: true,
  showProxy: false,
  maxArrayLength: 100,
  maxStringLength: 10000,
  breakLength: 80,
  compact: 3,
  sorted: false,
  getters: false,
  numericSeparator: false,
};
exports.defaults = defaults;
const optionNames = ObjectKeys(defaults);

const plain = (string) => string;

function colored(string, style) {
  const name = text.styleTable[style];
  const pair = name === undefined ? undefined : text.colorTable[name];
  return pair === undefined ? string : `\u001b[${pair[0]}m${string}\u001b[${pair[1]}m`;
}

function makeContext(options, showHiddenOrDepth, legacyArgs) {
  const ctx = {
    budget: {},
    indentationLvl: 0,
    seen: [],
    currentDepth: 0,
    stylize: plain,
    circular: undefined,
    ...defaults,
    userOptions: undefined,
    format: formatValue,
    property: formatProperty,
  };
  if (legacyArgs !== undefined) {
    if (legacyArgs.depth !== undefined) ctx.depth = legacyArgs.depth;
    if (legacyArgs.colors !== undefined) ctx.colors = legacyArgs.colors;
  }
  if (typeof options === "boolean") {
    ctx.showHidden = options;
  } else if (options) {
    const keys = ObjectKeys(options);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      if (ArrayPrototypeIncludes(optionNames, key) || key === "stylize") ctx[key] = options[key];
      else if (ctx.userOptions === undefined) ctx.userOptions = options;
    }
  }
  if (ctx.colors) ctx.stylize = colored;
  if (ctx.maxArrayLength === null) ctx.maxArrayLength = Infinity;
  if (ctx.maxStringLength === null) ctx.maxStringLength = Infinity;
  return ctx;
}

/**
 * The text of any value. `options` as in Node's `util.inspect`; `true` means `showHidden`, and then
 * depth and colours may follow as further arguments.
 */
function inspect(value, options, depth, colors) {
  const legacy = arguments.length >= 3 ? { depth, colors } : undefined;
  return formatValue(makeContext(options, undefined, legacy), value, 0);
}
exports.inspect = inspect;

/** What a custom inspect function receives: the options in force, without the printer's own state. */
function userOptions(ctx, foreign) {
  const result = { stylize: ctx.stylize };
  for (let i = 0; i < optionNames.length; i++) result[optionNames[i]] = ctx[optionNames[i]];
  if (ctx.userOptions !== undefined) ObjectAssign(result, ctx.userOptions, result);
  if (foreign) {
    // The function comes from another realm: hand it nothing that leads back into this one.
    ObjectSetPrototypeOf(result, null);
    result.stylize = (value, style) => {
      let out;
      try {
        out = `${ctx.stylize(value, style)}`;
      } catch {
        // Not a string: shown as it came.
      }
      return typeof out === "string" ? out : value;
    };
    ObjectSetPrototypeOf(result.stylize, null);
  }
  return result;
}

/** The text of one value, `depth` levels below the root. */
function formatValue(ctx, value, depth, isTypedArrayPart) {
  if (typeof value !== "object" && typeof value !== "function") return formatPrimitive(ctx.stylize, value, ctx);
  if (value === null) return ctx.stylize("null", "null");

  const original = value;
  let proxies = 0;
  let details = proxyDetails(value);
  if (details !== undefined) {
    if (details[0] === null) return ctx.stylize("<Revoked Proxy>", "special");
    if (ctx.showProxy) return formatProxy(ctx, details, depth);
    while (details !== undefined) {
      proxies++;
      value = details[0];
      if (value === null) return wrapProxies(ctx, ctx.stylize("<Revoked Proxy>", "special"), proxies - 1);
      details = proxyDetails(value);
    }
  }

  if (ctx.customInspect) {
    let custom = value[customInspect];
    const byInterface = formatInterface(value);
    if (byInterface !== undefined) custom = byInterface;
    if (
      typeof custom === "function" &&
      custom !== inspect &&
      (byInterface !== undefined || !(value.constructor && value.constructor.prototype === value))
    ) {
      const left = ctx.depth === null ? null : ctx.depth - depth;
      const foreign = proxies !== 0 || !(original instanceof primordials.Object);
      const result = FunctionPrototypeCall(custom, original, left, userOptions(ctx, foreign), inspect);
      if (result !== original) {
        if (typeof result !== "string") return formatValue(ctx, result, depth);
        return StringPrototypeReplaceAll(result, "\n", `\n${StringPrototypeRepeat(" ", ctx.indentationLvl)}`);
      }
    }
  }

  if (ArrayPrototypeIncludes(ctx.seen, value)) {
    ctx.circular ??= new SafeMap();
    let index = ctx.circular.get(value);
    if (index === undefined) {
      index = ctx.circular.size + 1;
      ctx.circular.set(value, index);
    }
    return ctx.stylize(`[Circular *${index}]`, "special");
  }

  return wrapProxies(ctx, formatObject(ctx, value, depth, isTypedArrayPart), proxies);
}

function wrapProxies(ctx, string, count) {
  for (; count > 0; count--) {
    string = `${ctx.stylize("Proxy(", "special")}${string}${ctx.stylize(")", "special")}`;
  }
  return string;
}

function formatProxy(ctx, details, depth) {
  if (ctx.depth !== null && depth > ctx.depth) return ctx.stylize("Proxy [Array]", "special");
  depth++;
  ctx.indentationLvl += 2;
  const parts = [formatValue(ctx, details[0], depth), formatValue(ctx, details[1], depth)];
  ctx.indentationLvl -= 2;
  return layOut(ctx, parts, "", ["Proxy [", "]"], true, depth);
}

function formatPrimitive(stylize, value, ctx) {
  switch (typeof value) {
    case "string": {
      let rest = "";
      let string = value;
      if (string.length > ctx.maxStringLength) {
        const more = string.length - ctx.maxStringLength;
        string = StringPrototypeSlice(string, 0, ctx.maxStringLength);
        rest = `... ${more} more character${more > 1 ? "s" : ""}`;
      }
      if (
        ctx.compact !== true &&
        string.length > MIN_SPLIT_CHARS &&
        string.length > ctx.breakLength - ctx.indentationLvl - 4
      ) {
        const lines = text.splitLines(string);
        for (let i = 0; i < lines.length; i++) lines[i] = stylize(text.quote(lines[i]), "string");
        return ArrayPrototypeJoin(lines, ` +\n${StringPrototypeRepeat(" ", ctx.indentationLvl + 2)}`) + rest;
      }
      return stylize(text.quote(string), "string") + rest;
    }
    case "number":
      return stylize(text.numberText(value, ctx.numericSeparator), "number");
    case "bigint":
      return stylize(text.bigintText(value, ctx.numericSeparator), "bigint");
    case "boolean":
      return stylize(`${value}`, "boolean");
    case "undefined":
      return stylize("undefined", "undefined");
    default:
      return stylize(SymbolPrototypeToString(value), "symbol");
  }
}

/** An object or function that is neither proxy, nor custom, nor already being printed. */
function formatObject(ctx, value, depth, isTypedArrayPart) {
  const shape = values.describe(ctx, value, depth, isTypedArrayPart);
  if (typeof shape === "string") return shape;
  const { keys, braces, isArrayLike, protoProps } = shape;
  let base = shape.base;

  if (ctx.depth !== null && depth > ctx.depth) {
    const name = StringPrototypeSlice(shape.prefix("Object"), 0, -1);
    return ctx.stylize(shape.constructorName === null ? name : `[${name}]`, "special");
  }
  depth++;
  ArrayPrototypePush(ctx.seen, value);
  ctx.currentDepth = depth;
  let output;
  const indentation = ctx.indentationLvl;
  try {
    output = shape.entries(ctx, value, depth);
    for (let i = 0; i < keys.length; i++) {
      ArrayPrototypePush(output, formatProperty(ctx, value, depth, keys[i], isArrayLike ? 1 : 0));
    }
    if (protoProps !== undefined) {
      for (let i = 0; i < protoProps.length; i++) ArrayPrototypePush(output, protoProps[i](ctx, value, depth));
    }
  } catch (error) {
    if (!isStackOverflow(error)) throw error;
    const name = StringPrototypeSlice(shape.prefix("Object"), 0, -1);
    ArrayPrototypePop(ctx.seen);
    ctx.indentationLvl = indentation;
    return ctx.stylize(`[${name}: Inspection interrupted prematurely. Maximum call stack size exceeded.]`, "special");
  }
  if (ctx.circular !== undefined) {
    const index = ctx.circular.get(value);
    if (index !== undefined) {
      const reference = ctx.stylize(`<ref *${index}>`, "special");
      if (ctx.compact !== true) base = base === "" ? reference : `${reference} ${base}`;
      else braces[0] = `${reference} ${braces[0]}`;
    }
  }
  ArrayPrototypePop(ctx.seen);

  if (ctx.sorted) {
    const compare = ctx.sorted === true ? undefined : ctx.sorted;
    if (!isArrayLike) {
      ArrayPrototypeSort(output, compare);
    } else if (keys.length > 1) {
      const start = output.length - keys.length;
      const sorted = ArrayPrototypeSort(ArrayPrototypeSlice(output, start), compare);
      for (let i = 0; i < sorted.length; i++) output[start + i] = sorted[i];
    }
  }

  const result = layOut(ctx, output, base, braces, isArrayLike, depth, value);
  const used = (ctx.budget[ctx.indentationLvl] || 0) + result.length;
  ctx.budget[ctx.indentationLvl] = used;
  if (used > MAX_OUTPUT_CHARS) ctx.depth = -1;
  return result;
}

function isStackOverflow(error) {
  return error instanceof primordials.RangeError && error.message === "Maximum call stack size exceeded";
}

/** One `name: value` line; `style` 0 for objects, 1 for array extras (bare), 2 for extra named keys. */
function formatProperty(ctx, value, depth, key, style, given, original = value) {
  const own = given ?? ObjectGetOwnPropertyDescriptor(value, key);
  const descriptor = own ?? { value: value[key], configurable: true, enumerable: true };
  let shown;
  let gap = " ";
  if (descriptor.value !== undefined) {
    const indent = ctx.compact !== true || style !== 0 ? 2 : 3;
    ctx.indentationLvl += indent;
    shown = formatValue(ctx, descriptor.value, depth);
    if (indent === 3 && ctx.breakLength < text.displayWidth(shown, ctx.colors)) {
      gap = `\n${StringPrototypeRepeat(" ", ctx.indentationLvl)}`;
    }
    ctx.indentationLvl -= indent;
  } else if (descriptor.get !== undefined) {
    shown = formatGetter(ctx, descriptor, original, depth);
  } else if (descriptor.set !== undefined) {
    shown = ctx.stylize("[Setter]", "special");
  } else {
    shown = ctx.stylize("undefined", "undefined");
  }
  if (style === 2) return shown;
  return `${propertyName(ctx, key, descriptor.enumerable)}:${gap}${shown}`;
}

function propertyName(ctx, key, enumerable) {
  if (typeof key === "symbol") {
    const name = ctx.stylize(text.escapeText(SymbolPrototypeToString(key), false), "symbol");
    return enumerable === false ? `[${name}]` : name;
  }
  if (key === "__proto__") return "['__proto__']";
  const name = text.isIdentifier(key) ? ctx.stylize(key, "name") : ctx.stylize(text.quote(key), "string");
  return enumerable === false ? `[${name}]` : name;
}

function formatGetter(ctx, descriptor, receiver, depth) {
  const { stylize } = ctx;
  const label = descriptor.set === undefined ? "Getter" : "Getter/Setter";
  const wanted =
    ctx.getters === true ||
    (ctx.getters === "get" && descriptor.set === undefined) ||
    (ctx.getters === "set" && descriptor.set !== undefined);
  if (!wanted) return stylize(`[${label}]`, "special");
  try {
    const result = FunctionPrototypeCall(descriptor.get, receiver);
    ctx.indentationLvl += 2;
    let shown;
    if (typeof result === "object" && result !== null) {
      shown = `${stylize(`[${label}]`, "special")} ${formatValue(ctx, result, depth)}`;
    } else {
      const primitive = result === null ? stylize("null", "null") : formatPrimitive(stylize, result, ctx);
      shown = `${stylize(`[${label}:`, "special")} ${primitive}${stylize("]", "special")}`;
    }
    ctx.indentationLvl -= 2;
    return shown;
  } catch (error) {
    return stylize(`[${label}: <Inspection threw (${error?.message})>]`, "special");
  }
}

/** Puts the entries of one object on one line if they are short, else one a line. */
function layOut(ctx, output, base, braces, isArrayLike, depth, value) {
  const lead = base === "" ? "" : `${base} `;
  if (ctx.compact !== true) {
    if (typeof ctx.compact === "number" && ctx.compact >= 1) {
      const entries = output.length;
      if (isArrayLike && entries > 6) output = arrangeColumns(ctx, output, value);
      if (ctx.currentDepth - depth < ctx.compact && entries === output.length) {
        const start = output.length + ctx.indentationLvl + braces[0].length + base.length + 10;
        if (fitsLine(ctx, output, start, base)) {
          const joined = ArrayPrototypeJoin(output, ", ");
          if (!StringPrototypeIncludes(joined, "\n")) return `${lead}${braces[0]} ${joined} ${braces[1]}`;
        }
      }
    }
    const line = `\n${StringPrototypeRepeat(" ", ctx.indentationLvl)}`;
    return `${lead}${braces[0]}${line}  ${ArrayPrototypeJoin(output, `,${line}  `)}${line}${braces[1]}`;
  }
  if (fitsLine(ctx, output, 0, base)) {
    const inner = ArrayPrototypeJoin(output, ", ");
    return `${braces[0]}${base === "" ? "" : ` ${base}`} ${inner} ${braces[1]}`;
  }
  const indentation = `\n${StringPrototypeRepeat(" ", ctx.indentationLvl)}`;
  const open = base === "" && braces[0].length === 1 ? " " : `${base === "" ? "" : ` ${base}`}${indentation}  `;
  return `${braces[0]}${open}${ArrayPrototypeJoin(output, `,${indentation}  `)} ${braces[1]}`;
}

function fitsLine(ctx, output, start, base) {
  let total = output.length + start;
  if (total + output.length > ctx.breakLength) return false;
  for (let i = 0; i < output.length; i++) {
    total += ctx.colors ? text.stripColors(output[i]).length : output[i].length;
    if (total > ctx.breakLength) return false;
  }
  return base === "" || !StringPrototypeIncludes(base, "\n");
}

/** Arranges many short array entries in aligned columns, at most 15, roughly in a 5 to 2 block. */
function arrangeColumns(ctx, output, value) {
  const hasRest = ctx.maxArrayLength < output.length;
  const count = hasRest ? output.length - 1 : output.length;
  const separator = 2;
  const widths = [];
  let total = 0;
  let widest = 0;
  for (let i = 0; i < count; i++) {
    const width = text.displayWidth(output[i], ctx.colors);
    widths[i] = width;
    total += width + separator;
    widest = MathMax(widest, width);
  }
  const cell = widest + separator;
  const worthIt = cell * 3 + ctx.indentationLvl < ctx.breakLength && (total / cell > 5 || widest <= 6);
  if (!worthIt) return output;

  const bias = MathSqrt(cell - total / output.length);
  const biased = MathMax(cell - 3 - bias, 1);
  const columns = MathMin(
    MathRound(MathSqrt(2.5 * biased * count) / biased),
    MathFloor((ctx.breakLength - ctx.indentationLvl) / cell),
    ctx.compact * 4,
    15,
  );
  if (columns <= 1) return output;

  const columnWidths = [];
  for (let column = 0; column < columns; column++) {
    let width = 0;
    for (let i = column; i < count; i += columns) width = MathMax(width, widths[i]);
    columnWidths[column] = width + separator;
  }
  let alignRight = value !== undefined;
  for (let i = 0; alignRight && i < output.length; i++) {
    alignRight = typeof value[i] === "number" || typeof value[i] === "bigint";
  }
  const lines = [];
  for (let start = 0; start < count; start += columns) {
    const end = MathMin(start + columns, count);
    let line = "";
    for (let i = start; i < end; i++) {
      const invisible = output[i].length - widths[i];
      const width = columnWidths[i - start] + invisible;
      if (i < end - 1) {
        const cellText = `${output[i]}, `;
        line += alignRight ? StringPrototypePadStart(cellText, width, " ") : StringPrototypePadEnd(cellText, width, " ");
      } else {
        line += alignRight ? StringPrototypePadStart(output[i], width - separator, " ") : output[i];
      }
    }
    ArrayPrototypePush(lines, line);
  }
  if (hasRest) ArrayPrototypePush(lines, output[count]);
  return lines;
}

exports.layOut = layOut;

/* `node:util`, which alone shows the property, brings the check. */
let checkDefaults;
exports.setDefaultsCheck = (check) => {
  checkDefaults = check;
};

inspect.custom = customInspect;
inspect.colors = text.colorTable;
inspect.styles = text.styleTable;
ObjectDefineProperty(inspect, "defaultOptions", {
  __proto__: null,
  get() {
    return defaults;
  },
  set(options) {
    checkDefaults(options);
    ObjectAssign(defaults, options);
  },
});
