/*
 * printf-like formatting of console arguments: `%s %d %i %f %j %o %O %c`, the rest inspected and
 * joined by spaces. Used by the console and by `node:util`'s `format`.
 */

// own: builtIns (a SafeSet)
const {
  JSONStringify,
  Number,
  NumberParseFloat,
  NumberParseInt,
  ObjectGetOwnPropertyDescriptor,
  ObjectGetPrototypeOf,
  ObjectPrototypeHasOwnProperty,
  String,
  StringPrototypeCharCodeAt,
  StringPrototypeIncludes,
  StringPrototypeSlice,
  SymbolToPrimitive,
} = primordials;

const { defaults, inspect } = require("console/inspect");
const { builtIns } = require("console/inspect_values");
const { proxyDetails } = require("console/introspect");
const { bigintText, numberText } = require("console/text");

/** `format` with inspect options in front. */
exports.formatWithOptions = function (options, args) {
  const { 0: first } = args;
  if (args.length === 0) return "";
  if (typeof first !== "string") return join(options, args, 0, "");
  if (args.length === 1) return first;

  let result = "";
  let last = 0;
  let next = 1;
  for (let i = 0; i < first.length - 1; i++) {
    if (StringPrototypeCharCodeAt(first, i) !== 37) continue;
    const directive = first[i + 1];
    if (directive === "%") {
      result += `${StringPrototypeSlice(first, last, i)}%`;
      last = i + 2;
      i++;
      continue;
    }
    if (next === args.length) {
      i++;
      continue;
    }
    const shown = formatDirective(directive, args[next], options);
    if (shown === undefined) {
      i++;
      continue;
    }
    next++;
    result += StringPrototypeSlice(first, last, i) + shown;
    last = i + 2;
    i++;
  }
  result += StringPrototypeSlice(first, last);
  return next < args.length ? join(options, args, next, `${result} `) : result;
};

function join(options, args, from, result) {
  for (let i = from; i < args.length; i++) {
    if (i > from) result += " ";
    result += typeof args[i] === "string" ? args[i] : inspect(args[i], withoutExtras(options));
  }
  return result;
}

const withoutExtras = (options) => ({
  ...options,
  compact: 3,
  colors: options?.colors ?? false,
  depth: options?.depth ?? 2,
});

function formatDirective(directive, value, options) {
  switch (directive) {
    case "s":
      if (typeof value === "number") return numberText(value, options?.numericSeparator ?? defaults.numericSeparator);
      if (typeof value === "bigint") return bigintText(value, options?.numericSeparator ?? defaults.numericSeparator);
      if (typeof value !== "object" || value === null || hasOwnToString(value)) return String(value);
      return inspect(value, { ...options, depth: 0, colors: false, compact: 3 });
    case "j":
      return stringify(value);
    case "d":
      if (typeof value === "bigint") return bigintText(value, options?.numericSeparator ?? defaults.numericSeparator);
      return typeof value === "symbol"
        ? "NaN"
        : numberText(Number(value), options?.numericSeparator ?? defaults.numericSeparator);
    case "i":
      if (typeof value === "bigint") return bigintText(value, options?.numericSeparator ?? defaults.numericSeparator);
      return typeof value === "symbol"
        ? "NaN"
        : numberText(NumberParseInt(value), options?.numericSeparator ?? defaults.numericSeparator);
    case "f":
      return typeof value === "symbol"
        ? "NaN"
        : numberText(NumberParseFloat(value), options?.numericSeparator ?? defaults.numericSeparator);
    case "O":
      return inspect(value, options);
    case "o":
      return inspect(value, { ...options, showHidden: true, showProxy: true, depth: 4 });
    case "c":
      return "";
    default:
      return undefined;
  }
}

function stringify(value) {
  try {
    return `${JSONStringify(value)}`;
  } catch (error) {
    if (typeof error?.message === "string" && StringPrototypeIncludes(error.message, "circular structure")) {
      return "[Circular]";
    }
    throw error;
  }
}

/** Whether a user's class or object says how it becomes a string. */
function hasOwnToString(value) {
  for (let details = proxyDetails(value); details !== undefined; details = proxyDetails(value)) {
    if (details[0] === null) return false;
    value = details[0];
  }
  // Null prototypes and the like cannot be converted.
  if (typeof value[SymbolToPrimitive] !== "function" && typeof value.toString !== "function") return false;
  if (ObjectPrototypeHasOwnProperty(value, "toString") || ObjectPrototypeHasOwnProperty(value, SymbolToPrimitive)) {
    return true;
  }
  let owner = value;
  const key = typeof value[SymbolToPrimitive] === "function" ? SymbolToPrimitive : "toString";
  do {
    owner = ObjectGetPrototypeOf(owner);
  } while (owner !== null && !ObjectPrototypeHasOwnProperty(owner, key));
  if (owner === null) return false;
  const constructor = ObjectGetOwnPropertyDescriptor(owner, "constructor")?.value;
  return typeof constructor === "function" && !builtIns.has(constructor.name);
}
