/*
 * The global `console`. Messages of log, info, debug and the like go to standard output, those of
 * warn, error, trace and assert to standard error, one op call a message. Where lines are JSON, log, info, debug, warn
 * and error alone are told, as on the published binary.
 * Relies on the inspector and the ops `print(stream, text)` and `colors(stream)`.
 */

// own: map (a SafeMap)
const {
  ArrayIsArray,
  ArrayPrototypeIncludes,
  ArrayPrototypeJoin,
  ArrayPrototypePush,
  ArrayPrototypeUnshift,
  ErrorCaptureStackTrace,
  JSONStringify,
  MapIteratorPrototypeNext,
  NumberPrototypeToFixed,
  ObjectDefineProperty,
  ObjectKeys,
  ObjectPrototypeHasOwnProperty,
  SafeMap,
  String,
  StringPrototypeIncludes,
  StringPrototypePadStart,
  StringPrototypeRepeat,
  StringPrototypeReplaceAll,
  StringPrototypeSlice,
  SymbolToStringTag,
} = primordials;

const flags = require("flags");
const { tell } = require("console/listener");
const { inspect } = require("console/inspect");
const { formatWithOptions } = require("console/format");
const { Kind, Preview, kind, previewEntries } = require("console/introspect");
const { displayWidth } = require("console/text");

const { STDOUT, STDERR } = ops.Stream;
// Labels kept by count() and time(); the oldest go first.
const MAX_LABELS = 1000;
const GROUP_INDENT_CHARS = 2;
// Past this depth, groups indent no further.
const MAX_GROUP_INDENT_CHARS = 1000;

let indentation = "";
const counts = new SafeMap();
const timers = new SafeMap();

function write(stream, text) {
  if (ops.isStructured()) return;
  if (indentation !== "") {
    if (StringPrototypeIncludes(text, "\n")) text = StringPrototypeReplaceAll(text, "\n", `\n${indentation}`);
    text = indentation + text;
  }
  ops.print(stream, `${text}\n`);
}

/** A message's arguments as text. Never throws. */
function format(stream, args) {
  try {
    return formatWithOptions({ colors: ops.colors(stream) }, args);
  } catch (error) {
    let reason;
    try {
      reason = kind(error) === Kind.Error ? String(error.stack) : String(error);
    } catch {
      reason = "unknown error";
    }
    return `<Formatting threw (${reason})>`;
  }
}

const print = (stream, args) => write(stream, format(stream, args));

function setLabel(map, label, value) {
  if (!map.has(label) && map.size >= MAX_LABELS) map.delete(MapIteratorPrototypeNext(map.keys()).value);
  map.set(label, value);
}

function duration(ms) {
  if (ms >= 1000) {
    const seconds = ms / 1000;
    if (seconds < 60) return `${NumberPrototypeToFixed(seconds, 3)}s`;
    const minutes = seconds / 60;
    if (minutes < 60) return clock(minutes, "m:ss.mmm");
    return clock(minutes / 60, "h:mm:ss");
  }
  return `${+NumberPrototypeToFixed(ms, 3)}ms`;
}

function clock(amount, unit) {
  const whole = primordials.MathFloor(amount);
  const rest = (amount - whole) * 60;
  const shown =
    unit === "m:ss.mmm"
      ? StringPrototypePadStart(NumberPrototypeToFixed(rest, 3), 6, "0")
      : `${StringPrototypePadStart(`${primordials.MathFloor(rest)}`, 2, "0")}:${StringPrototypePadStart(
          `${primordials.MathFloor((rest % 1) * 60)}`,
          2,
          "0",
        )}`;
  return `${whole}:${shown} (${unit})`;
}

function elapsed(label, verb, args) {
  const start = timers.get(label);
  if (start === undefined) {
    print(STDERR, [`Warning: No such label '${label}' for ${verb}`]);
    return false;
  }
  const message = [`${label}: ${duration(ops.now() - start)}`];
  for (let i = 0; i < args.length; i++) ArrayPrototypePush(message, args[i]);
  print(STDOUT, message);
  return true;
}

const labelOf = (args) => (args.length === 0 || args[0] === undefined ? "default" : `${args[0]}`);

// Methods are made by an object literal so that they have names and are no constructors.
const methods = {
  trace(...args) {
    const error = { name: "Trace", message: formatWithOptions({}, args) };
    ErrorCaptureStackTrace(error, methods.trace);
    const frames = `${error.stack}`;
    const at = primordials.StringPrototypeIndexOf(frames, "\n    at");
    const head = error.message === "" ? "Trace" : `Trace: ${error.message}`;
    write(STDERR, at === -1 ? head : head + StringPrototypeSlice(frames, at));
  },
  assert(condition, ...args) {
    if (condition) return;
    if (typeof args[0] === "string") args[0] = `Assertion failed: ${args[0]}`;
    else ArrayPrototypeUnshift(args, args.length === 0 ? "Assertion failed" : "Assertion failed:");
    print(STDERR, args);
  },
  dir(value, options) {
    write(STDOUT, inspect(value, { customInspect: false, colors: ops.colors(STDOUT), ...options }));
  },
  dirxml(...args) {
    print(STDOUT, args);
  },
  table(data, columns) {
    if (data === null || typeof data !== "object") return print(STDOUT, [data]);
    write(STDOUT, table(data, columns));
  },
  group(...args) {
    if (args.length > 0) print(STDOUT, args);
    if (indentation.length < MAX_GROUP_INDENT_CHARS) indentation += StringPrototypeRepeat(" ", GROUP_INDENT_CHARS);
  },
  groupCollapsed(...args) {
    if (args.length > 0) print(STDOUT, args);
    if (indentation.length < MAX_GROUP_INDENT_CHARS) indentation += StringPrototypeRepeat(" ", GROUP_INDENT_CHARS);
  },
  groupEnd() {
    indentation = StringPrototypeSlice(indentation, 0, indentation.length - GROUP_INDENT_CHARS);
  },
  clear() {},
  count(...args) {
    const label = labelOf(args);
    const count = (counts.get(label) ?? 0) + 1;
    setLabel(counts, label, count);
    print(STDOUT, [`${label}: ${count}`]);
  },
  countReset(...args) {
    const label = labelOf(args);
    if (!counts.delete(label)) print(STDERR, [`Warning: Count for '${label}' does not exist`]);
  },
  profile() {},
  profileEnd() {},
  time(...args) {
    const label = labelOf(args);
    if (timers.has(label)) print(STDERR, [`Warning: Label '${label}' already exists for console.time()`]);
    else setLabel(timers, label, ops.now());
  },
  timeLog(...args) {
    const label = labelOf(args);
    elapsed(label, "console.timeLog()", primordials.ArrayPrototypeSlice(args, 1));
  },
  timeEnd(...args) {
    const label = labelOf(args);
    if (elapsed(label, "console.timeEnd()", [])) timers.delete(label);
  },
  timeStamp() {},
  context() {
    return {};
  },
};

/** Rows and columns in a box, as Node draws them. */
function table(data, columns) {
  const show = (value) =>
    inspect(value, {
      maxArrayLength: 3,
      breakLength: Infinity,
      depth: value !== null && typeof value === "object" && !ArrayIsArray(value) && ObjectKeys(value).length > 2 ? -1 : 0,
      colors: ops.colors(STDOUT),
    });
  const type = kind(data);
  const { [Preview.ENTRIES]: entries, [Preview.IS_KEY_VALUE]: isKeyValue } = previewEntries(data) ?? [undefined, false];
  if (type === Kind.Map || (type === Kind.MapIterator && isKeyValue)) {
    const rows = [];
    for (let i = 0; i < entries.length; i += 2) {
      ArrayPrototypePush(rows, [`${i / 2}`, show(entries[i]), show(entries[i + 1])]);
    }
    return box(["(iteration index)", "Key", "Values"], rows);
  }
  const isList = entries !== undefined;
  const source = isList ? entries : data;
  const keys = ObjectKeys(source);
  const names = columns === undefined ? [] : primordials.ArrayPrototypeSlice(columns);
  const cells = [];
  let hasValues = false;
  for (let i = 0; i < keys.length; i++) {
    const row = source[keys[i]];
    const cell = { __proto__: null, values: new SafeMap(), primitive: undefined };
    if (row === null || (typeof row !== "object" && typeof row !== "function")) {
      hasValues = true;
      cell.primitive = show(row);
    } else {
      const fields = columns ?? ObjectKeys(row);
      for (let j = 0; j < fields.length; j++) {
        if (!ArrayPrototypeIncludes(names, fields[j])) ArrayPrototypePush(names, fields[j]);
        if (ObjectPrototypeHasOwnProperty(row, fields[j])) cell.values.set(fields[j], show(row[fields[j]]));
      }
    }
    ArrayPrototypePush(cells, cell);
  }
  const head = [isList ? "(iteration index)" : "(index)"];
  for (let i = 0; i < names.length; i++) ArrayPrototypePush(head, `${names[i]}`);
  if (hasValues) ArrayPrototypePush(head, "Values");
  const rows = [];
  for (let i = 0; i < keys.length; i++) {
    const row = [keys[i]];
    for (let j = 0; j < names.length; j++) ArrayPrototypePush(row, cells[i].values.get(names[j]) ?? "");
    if (hasValues) ArrayPrototypePush(row, cells[i].primitive ?? "");
    ArrayPrototypePush(rows, row);
  }
  return box(head, rows);
}

function box(head, rows) {
  const widths = [];
  for (let i = 0; i < head.length; i++) {
    let width = displayWidth(head[i]);
    for (let j = 0; j < rows.length; j++) width = primordials.MathMax(width, displayWidth(rows[j][i]));
    widths[i] = width + 2;
  }
  const line = (cells) => {
    let text = "\u2502";
    for (let i = 0; i < cells.length; i++) {
      const space = widths[i] - displayWidth(cells[i]) - 1;
      text += ` ${cells[i]}${StringPrototypeRepeat(" ", space)}\u2502`;
    }
    return text;
  };
  const rule = (left, middle, right) => {
    const parts = [];
    for (let i = 0; i < widths.length; i++) parts[i] = StringPrototypeRepeat("\u2500", widths[i]);
    return left + ArrayPrototypeJoin(parts, middle) + right;
  };
  const lines = [rule("\u250c", "\u252c", "\u2510"), line(head), rule("\u251c", "\u253c", "\u2524")];
  for (let i = 0; i < rows.length; i++) ArrayPrototypePush(lines, line(rows[i]));
  ArrayPrototypePush(lines, rule("\u2514", "\u2534", "\u2518"));
  return ArrayPrototypeJoin(lines, "\n");
}

/** The methods that tail workers are told of. */
const leveled = (level, stream) =>
  [
    function (...args) {
      tell(level, args);
      const text = format(stream, args);
      if (ops.isStructured()) ops.entry(level, JSONStringify(text));
      else write(stream, text);
    },
  ][0];

const console = {
  debug: leveled("debug", STDOUT),
  error: leveled("error", STDERR),
  info: leveled("info", STDOUT),
  log: leveled("log", STDOUT),
  warn: leveled("warn", STDERR),
};
// In the order the published binary lists them.
const order = [
  "dir",
  "dirxml",
  "table",
  "trace",
  "group",
  "groupCollapsed",
  "groupEnd",
  "clear",
  "count",
  "countReset",
  "assert",
  "profile",
  "profileEnd",
  "time",
  "timeLog",
  "timeEnd",
  "timeStamp",
  "context",
];
for (let i = 0; i < order.length; i++) {
  const method = methods[order[i]];
  ObjectDefineProperty(method, "length", { __proto__: null, value: order[i] === "context" ? 1 : 0 });
  console[order[i]] = method;
}
ObjectDefineProperty(console, SymbolToStringTag, {
  __proto__: null,
  value: "console",
  writable: false,
  enumerable: false,
  configurable: true,
});

if (ops.isInspected() || flags.enableNodeJsInspectorLocalDev) {
  const names = ObjectKeys(console);
  for (let i = 0; i < names.length; i++) console[names[i]] = ops.told(names[i], console[names[i]]);
}

exports.console = console;
exports.globals = { console };
