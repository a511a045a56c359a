/*
 * AssertionError and the messages that show how two values differ. Used by node:assert.
 */

const {
  ArrayPrototypeForEach,
  ArrayPrototypeJoin,
  ArrayPrototypeMap,
  ArrayPrototypePush,
  ArrayPrototypeSlice,
  ArrayPrototypeSplice,
  Error,
  ErrorCaptureStackTrace,
  MathMax,
  ObjectDefineProperty,
  RegExpPrototypeSymbolReplace,
  String,
  StringPrototypeEndsWith,
  StringPrototypeRepeat,
  StringPrototypeSlice,
  StringPrototypeSplit,
  Uint16Array,
} = primordials;
const { inspect } = require("console/inspect");
const { ERR_INVALID_ARG_TYPE } = require("node/common/errors");

const headings = {
  __proto__: null,
  deepStrictEqual: "Expected values to be strictly deep-equal:",
  strictEqual: "Expected values to be strictly equal:",
  strictEqualObject: 'Expected "actual" to be reference-equal to "expected":',
  deepEqual: "Expected values to be loosely deep-equal:",
  notDeepStrictEqual: 'Expected "actual" not to be strictly deep-equal to:',
  notStrictEqual: 'Expected "actual" to be strictly unequal to:',
  notStrictEqualObject: 'Expected "actual" not to be reference-equal to "expected":',
  notDeepEqual: 'Expected "actual" not to be loosely deep-equal to:',
  notIdentical: "Values have same structure but are not reference-equal:",
  notDeepEqualUnequal: "Expected values not to be loosely deep-equal:",
};

// Two values up to this many characters together are shown as "a !== b".
const MAX_SHORT_CHARS = 12;
const MAX_INDICATOR_CHARS = 80;
const MAX_LINES = 50;
// Lines compared one by one; beyond, the rest counts as changed.
const MAX_DIFF_LINES = 2000;

const isObject = (value) => typeof value === "object" && value !== null;

const inspectValue = (value) =>
  inspect(value, {
    compact: true,
    customInspect: false,
    depth: 1000,
    maxArrayLength: Infinity,
    showHidden: false,
    showProxy: false,
    sorted: true,
    getters: true,
  });

/**
 * The steps from one list of lines to another, as `[mark, line]` with mark " ", "-" (only in
 * `left`) or "+" (only in `right`): a longest common subsequence between common ends.
 */
function diffLines(left, right, same = (a, b) => a === b) {
  let start = 0;
  while (start < left.length && start < right.length && same(left[start], right[start])) start++;
  let leftEnd = left.length;
  let rightEnd = right.length;
  while (leftEnd > start && rightEnd > start && same(left[leftEnd - 1], right[rightEnd - 1])) {
    leftEnd--;
    rightEnd--;
  }
  const steps = ArrayPrototypeMap(ArrayPrototypeSlice(left, 0, start), (line) => [" ", line]);
  const a = ArrayPrototypeSlice(left, start, leftEnd);
  const b = ArrayPrototypeSlice(right, start, rightEnd);
  if (a.length > MAX_DIFF_LINES || b.length > MAX_DIFF_LINES) {
    for (let i = 0; i < a.length; i++) ArrayPrototypePush(steps, ["-", a[i]]);
    for (let i = 0; i < b.length; i++) ArrayPrototypePush(steps, ["+", b[i]]);
  } else {
    const width = b.length + 1;
    const lengths = new Uint16Array((a.length + 1) * width);
    for (let i = a.length - 1; i >= 0; i--) {
      for (let j = b.length - 1; j >= 0; j--) {
        lengths[i * width + j] = same(a[i], b[j])
          ? lengths[(i + 1) * width + j + 1] + 1
          : MathMax(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
      }
    }
    let i = 0;
    let j = 0;
    while (i < a.length || j < b.length) {
      if (i < a.length && j < b.length && same(a[i], b[j])) {
        ArrayPrototypePush(steps, [" ", a[i++]]);
        j++;
      } else if (i < a.length && (j === b.length || lengths[(i + 1) * width + j] >= lengths[i * width + j + 1])) {
        ArrayPrototypePush(steps, ["-", a[i++]]);
      } else {
        ArrayPrototypePush(steps, ["+", b[j++]]);
      }
    }
  }
  for (let i = leftEnd; i < left.length; i++) ArrayPrototypePush(steps, [" ", left[i]]);
  return steps;
}

/** The message of `strictEqual`: both values, line by line. */
exports.diffLines = diffLines;
exports.strictEqualMessage = function (actual, expected) {
  const left = inspect(actual);
  const right = inspect(expected);
  if (left === right) {
    const indented = RegExpPrototypeSymbolReplace(/^/gm, left, "    ");
    return `Values have the same structure but are not reference-equal:\n\n${indented}\n`;
  }
  const asText = typeof actual === "string" && typeof expected === "string";
  const lines = asText
    ? (text) =>
        ArrayPrototypeMap(StringPrototypeSplit(text, "\n"), (line, i, all) =>
          i < all.length - 1 ? `${line}\\n\n` : `${line}\n`,
        )
    : (text) => StringPrototypeSplit(text, "\n");
  const steps = diffLines(lines(asText ? actual : left), lines(asText ? expected : right));
  const body = ArrayPrototypeJoin(
    ArrayPrototypeMap(steps, ({ 0: mark, 1: line }) => `${mark}   ${line}`),
    asText ? "" : "\n",
  );
  return `Values are not strictly equal:\n\n\n[Diff] Actual / Expected\n\n\n${body}\n`;
};

/** The message of `deepStrictEqual` and of an AssertionError made with that operator. */
function compareMessage(actual, expected, operator) {
  const bothObjects =
    (isObject(actual) && isObject(expected)) || (typeof actual === "function" && typeof expected === "function");
  if (operator === "strictEqual" && bothObjects) operator = "strictEqualObject";
  const shown = inspectValue(actual);
  const left = StringPrototypeSplit(shown, "\n");
  const right = StringPrototypeSplit(inspectValue(expected), "\n");
  let indicator = "";
  if (left.length === 1 && right.length === 1 && left[0] !== right[0]) {
    const total = left[0].length + right[0].length;
    if (total <= MAX_SHORT_CHARS) {
      if (!isObject(actual) && !isObject(expected) && (actual !== 0 || expected !== 0)) {
        return `${headings[operator]}\n\n${left[0]} !== ${right[0]}\n`;
      }
    } else if (operator !== "strictEqualObject" && total < MAX_INDICATOR_CHARS) {
      let common = 0;
      while (left[0][common] === right[0][common]) common++;
      if (common > 2) indicator = `\n  ${StringPrototypeRepeat(" ", common)}^`;
    }
  }
  if (shown === ArrayPrototypeJoin(right, "\n")) {
    return `${headings.notIdentical}\n\n${ArrayPrototypeJoin(cut(left), "\n")}\n`;
  }
  // A trailing comma is no difference.
  const bare = (line) => (StringPrototypeEndsWith(line, ",") ? StringPrototypeSlice(line, 0, -1) : line);
  const steps = diffLines(left, right, (a, b) => bare(a) === bare(b));
  const { lines, skipped } = foldCommon(steps);
  const head = `${headings[operator]}\n+ actual - expected${skipped ? " ... Lines skipped" : ""}\n`;
  return `${head}\n${ArrayPrototypeJoin(lines, "\n")}${indicator}`;
}

/** Long runs of common lines become "..."; at most about fifty lines are shown. */
function foldCommon(steps) {
  const lines = [];
  let skipped = false;
  for (let i = 0; i < steps.length; ) {
    if (steps[i][0] !== " ") {
      // actual (in the left list) is "+", expected "-".
      ArrayPrototypePush(lines, `${steps[i][0] === "-" ? "+" : "-"} ${steps[i][1]}`);
      i++;
    } else {
      let end = i;
      while (end < steps.length && steps[end][0] === " ") end++;
      const run = ArrayPrototypeMap(ArrayPrototypeSlice(steps, i, end), (step) => `  ${step[1]}`);
      if (run.length > 5) {
        skipped = true;
        ArrayPrototypeSplice(run, 2, run.length - 4, "...");
      }
      for (let k = 0; k < run.length; k++) ArrayPrototypePush(lines, run[k]);
      i = end;
    }
    if (lines.length > MAX_LINES && i < steps.length) {
      lines.length = MAX_LINES;
      ArrayPrototypePush(lines, "...");
      return { lines, skipped: true };
    }
  }
  return { lines, skipped };
}

function cut(lines) {
  if (lines.length <= MAX_LINES) return lines;
  const kept = ArrayPrototypeSlice(lines, 0, MAX_LINES - 4);
  kept[kept.length] = "...";
  return kept;
}

const shorten = (text, max) => (text.length > max ? `${StringPrototypeSlice(text, 0, max - 3)}...` : text);

function messageFor(actual, expected, operator) {
  switch (operator) {
    case "deepStrictEqual":
    case "strictEqual":
      return compareMessage(actual, expected, operator);
    case "notDeepStrictEqual":
    case "notStrictEqual": {
      const byReference = operator === "notStrictEqual" && (isObject(actual) || typeof actual === "function");
      const heading = headings[byReference ? "notStrictEqualObject" : operator];
      const lines = cut(StringPrototypeSplit(inspectValue(actual), "\n"));
      if (lines.length > 1) return `${heading}\n\n${ArrayPrototypeJoin(lines, "\n")}\n`;
      return `${heading}${lines[0].length > 5 ? "\n\n" : " "}${lines[0]}`;
    }
    default: {
      const left = inspectValue(actual);
      const right = inspectValue(expected);
      if (operator === "notDeepEqual" && left === right) {
        return shorten(`${headings.notDeepEqual}\n\n${left}`, 1024);
      }
      const a = shorten(left, 512);
      const b = shorten(right, 512);
      if (operator === "deepEqual") return `${headings.deepEqual}\n\n${a}\n\nshould loosely deep-equal\n\n${b}`;
      const unequal = headings[`${operator}Unequal`];
      if (unequal) return `${unequal}\n\n${a}\n\nshould not loosely deep-equal\n\n${b}`;
      return `${a} ${operator} ${b}`;
    }
  }
}

exports.AssertionError = class AssertionError extends Error {
  constructor(options) {
    if (!isObject(options)) throw new ERR_INVALID_ARG_TYPE("options", "Object", options);
    const { message, operator, actual, expected, details } = options;
    super(message != null ? String(message) : messageFor(actual, expected, operator));
    this.generatedMessage = !message;
    ObjectDefineProperty(this, "name", {
      __proto__: null,
      value: "AssertionError [ERR_ASSERTION]",
      enumerable: false,
      writable: true,
      configurable: true,
    });
    this.code = "ERR_ASSERTION";
    if (details) {
      this.actual = undefined;
      this.expected = undefined;
      this.operator = undefined;
      ArrayPrototypeForEach(details, (detail, i) => {
        for (let j = 0, fields = ["message", "actual", "expected", "operator"]; j < fields.length; j++) {
          const field = fields[j];
          this[`${field} ${i}`] = detail[field];
        }
        this[`stack trace ${i}`] = detail.stack;
      });
    } else {
      this.actual = actual;
      this.expected = expected;
      this.operator = operator;
    }
    ErrorCaptureStackTrace(this, options.stackStartFn || options.stackStartFunction || AssertionError);
    // The stack is made now, with the code in its first line.
    void this.stack;
    this.name = "AssertionError";
  }

  toString() {
    return `${this.name} [${this.code}]: ${this.message}`;
  }

  [inspect.custom](_depth, options) {
    const { actual, expected } = this;
    for (let i = 0, fields = ["actual", "expected"]; i < fields.length; i++) {
      const field = fields[i];
      if (typeof this[field] !== "string") continue;
      const lines = StringPrototypeSplit(this[field], "\n");
      if (lines.length > 10) this[field] = `${ArrayPrototypeJoin(ArrayPrototypeSlice(lines, 0, 10), "\n")}\n...`;
      else if (this[field].length > 512) this[field] = `${StringPrototypeSlice(this[field], 0, 512)}...`;
    }
    const shown = inspect(this, { ...options, customInspect: false, depth: 0 });
    this.actual = actual;
    this.expected = expected;
    return shown;
  }
};
