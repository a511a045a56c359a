/*
 * Text as the console shows it: quoted strings, terminal colours, display width.
 * Used by the inspector, the table printer and `node:util`; relies on nothing but primordials.
 */

const {
  NumberPrototypeToString,
  RegExpPrototypeExec,
  RegExpPrototypeSymbolReplace,
  StringPrototypeCharCodeAt,
  StringPrototypeCodePointAt,
  StringPrototypeIncludes,
  StringPrototypeNormalize,
  StringPrototypePadStart,
  StringPrototypeSlice,
  StringPrototypeSplit,
  StringPrototypeToUpperCase,
} = primordials;

const colorTable = {
  __proto__: null,
  reset: [0, 0],
  bold: [1, 22],
  dim: [2, 22],
  italic: [3, 23],
  underline: [4, 24],
  blink: [5, 25],
  inverse: [7, 27],
  hidden: [8, 28],
  strikethrough: [9, 29],
  doubleunderline: [21, 24],
  black: [30, 39],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  magenta: [35, 39],
  cyan: [36, 39],
  white: [37, 39],
  bgBlack: [40, 49],
  bgRed: [41, 49],
  bgGreen: [42, 49],
  bgYellow: [43, 49],
  bgBlue: [44, 49],
  bgMagenta: [45, 49],
  bgCyan: [46, 49],
  bgWhite: [47, 49],
  framed: [51, 54],
  overlined: [53, 55],
  gray: [90, 39],
  redBright: [91, 39],
  greenBright: [92, 39],
  yellowBright: [93, 39],
  blueBright: [94, 39],
  magentaBright: [95, 39],
  cyanBright: [96, 39],
  whiteBright: [97, 39],
  bgGray: [100, 49],
  bgRedBright: [101, 49],
  bgGreenBright: [102, 49],
  bgYellowBright: [103, 49],
  bgBlueBright: [104, 49],
  bgMagentaBright: [105, 49],
  bgCyanBright: [106, 49],
  bgWhiteBright: [107, 49],
};

// Other spellings of the same colours: readable, but not listed.
const colorAliases = [
  ["gray", "grey"],
  ["gray", "blackBright"],
  ["bgGray", "bgGrey"],
  ["bgGray", "bgBlackBright"],
  ["dim", "faint"],
  ["strikethrough", "strikeThrough"],
  ["strikethrough", "crossedout"],
  ["strikethrough", "crossedOut"],
  ["hidden", "conceal"],
  ["inverse", "swapColors"],
  ["inverse", "swapcolors"],
  ["doubleunderline", "doubleUnderline"],
];
for (let i = 0; i < colorAliases.length; i++) {
  const target = colorAliases[i][0];
  primordials.ObjectDefineProperty(colorTable, colorAliases[i][1], {
    __proto__: null,
    get() {
      return this[target];
    },
    set(value) {
      this[target] = value;
    },
    configurable: true,
    enumerable: false,
  });
}

exports.colorTable = colorTable;

exports.styleTable = primordials.ObjectAssign(
  { __proto__: null },
  {
    special: "cyan",
    name: undefined,
    number: "yellow",
    bigint: "yellow",
    boolean: "yellow",
    undefined: "grey",
    null: "bold",
    string: "green",
    symbol: "green",
    date: "magenta",
    regexp: "red",
    module: "underline",
  },
);

// CSI and OSC sequences, as terminals know them.
const escapeSequence =
  /[\u001B\u009B][[\]()#;?]*(?:(?:(?:(?:;[-a-zA-Z\d/#&.:=?%@~_]+)*|[a-zA-Z\d]+(?:;[-a-zA-Z\d/#&.:=?%@~_]*)*)?(?:\u0007|\u001B\u005C|\u009C))|(?:(?:\d{1,4}(?:;\d{0,4})*)?[\dA-PR-TZcf-nq-uy=><~]))/g;
const colorSequence = /\u001b\[\d\d?m/g;

exports.stripEscapes = (text) => RegExpPrototypeSymbolReplace(escapeSequence, text, "");
exports.stripColors = (text) => RegExpPrototypeSymbolReplace(colorSequence, text, "");

function isZeroWidth(code) {
  return (
    code <= 0x1f ||
    (code >= 0x7f && code <= 0x9f) ||
    (code >= 0x300 && code <= 0x36f) ||
    (code >= 0x200b && code <= 0x200f) ||
    (code >= 0x20d0 && code <= 0x20ff) ||
    (code >= 0xfe00 && code <= 0xfe0f) ||
    (code >= 0xfe20 && code <= 0xfe2f) ||
    (code >= 0xe0100 && code <= 0xe01ef)
  );
}

function isFullWidth(code) {
  return (
    code >= 0x1100 &&
    (code <= 0x115f ||
      code === 0x2329 ||
      code === 0x232a ||
      (code >= 0x2e80 && code <= 0x3247 && code !== 0x303f) ||
      (code >= 0x3250 && code <= 0x4dbf) ||
      (code >= 0x4e00 && code <= 0xa4c6) ||
      (code >= 0xa960 && code <= 0xa97c) ||
      (code >= 0xac00 && code <= 0xd7a3) ||
      (code >= 0xf900 && code <= 0xfaff) ||
      (code >= 0xfe10 && code <= 0xfe19) ||
      (code >= 0xfe30 && code <= 0xfe6b) ||
      (code >= 0xff01 && code <= 0xff60) ||
      (code >= 0xffe0 && code <= 0xffe6) ||
      (code >= 0x1b000 && code <= 0x1b001) ||
      (code >= 0x1f200 && code <= 0x1f251) ||
      (code >= 0x1f300 && code <= 0x1f64f) ||
      (code >= 0x1f900 && code <= 0x1f9ff) ||
      (code >= 0x20000 && code <= 0x3fffd))
  );
}

/** Columns a text takes on a terminal. */
exports.displayWidth = function (text, stripFirst = true) {
  if (stripFirst) text = exports.stripEscapes(text);
  let width = 0;
  const normal = StringPrototypeNormalize(text, "NFC");
  for (let i = 0; i < normal.length; i++) {
    const code = StringPrototypeCodePointAt(normal, i);
    if (code > 0xffff) i++;
    if (isFullWidth(code)) width += 2;
    else if (!isZeroWidth(code)) width++;
  }
  return width;
};

const short = { __proto__: null, 8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 92: "\\\\", 39: "\\'" };
const hex = (code, digits) =>
  StringPrototypePadStart(StringPrototypeToUpperCase(NumberPrototypeToString(code, 16)), digits, "0");

const needsEscape = /[\x00-\x1f'\\\x7f-\x9f\ud800-\udfff]/;

/** Escapes control characters, lone surrogates, backslashes and, when asked, single quotes. */
function escapeText(text, escapeQuote) {
  if (RegExpPrototypeExec(needsEscape, text) === null) return text;
  let result = "";
  let last = 0;
  for (let i = 0; i < text.length; i++) {
    const code = StringPrototypeCharCodeAt(text, i);
    let replacement;
    if (code === 39) {
      if (!escapeQuote) continue;
      replacement = short[39];
    } else if (code < 32 || code === 92 || (code >= 0x7f && code <= 0x9f)) {
      replacement = short[code] ?? `\\x${hex(code, 2)}`;
    } else if (code >= 0xd800 && code <= 0xdfff) {
      const next = i + 1 < text.length ? StringPrototypeCharCodeAt(text, i + 1) : 0;
      if (code <= 0xdbff && next >= 0xdc00 && next <= 0xdfff) {
        i++;
        continue;
      }
      replacement = `\\u${NumberPrototypeToString(code, 16)}`;
    } else {
      continue;
    }
    result += StringPrototypeSlice(text, last, i) + replacement;
    last = i + 1;
  }
  return result + StringPrototypeSlice(text, last);
}

/** A text between quotes: single ones, or others when that saves escaping. */
exports.quote = function (text) {
  let mark = "'";
  if (StringPrototypeIncludes(text, "'")) {
    if (!StringPrototypeIncludes(text, '"')) mark = '"';
    else if (!StringPrototypeIncludes(text, "`") && !StringPrototypeIncludes(text, "${")) mark = "`";
  }
  return mark + escapeText(text, mark === "'") + mark;
};

exports.escapeText = escapeText;

/** The pieces of a text, each line with its line feed. */
exports.splitLines = function (text) {
  const parts = StringPrototypeSplit(text, "\n");
  const lines = [];
  for (let i = 0; i < parts.length; i++) {
    const line = i < parts.length - 1 ? `${parts[i]}\n` : parts[i];
    if (line !== "") lines[lines.length] = line;
  }
  return lines;
};

// "1234567.891" as "1_234_567.891".
function groupDigits(digits) {
  let result = "";
  let end = digits.length;
  const start = digits[0] === "-" ? 1 : 0;
  for (; end >= start + 4; end -= 3) result = `_${StringPrototypeSlice(digits, end - 3, end)}${result}`;
  return end === digits.length ? digits : StringPrototypeSlice(digits, 0, end) + result;
}

function groupFraction(digits) {
  let result = "";
  let i = 0;
  for (; i < digits.length - 3; i += 3) result += `${StringPrototypeSlice(digits, i, i + 3)}_`;
  return i === 0 ? digits : result + StringPrototypeSlice(digits, i);
}

exports.numberText = function (number, separate) {
  if (number === 0 && 1 / number < 0) return "-0";
  const text = `${number}`;
  if (!separate) return text;
  const whole = primordials.MathTrunc(number);
  const wholeText = `${whole}`;
  if (whole === number) {
    return !primordials.NumberIsFinite(number) || StringPrototypeIncludes(text, "e") ? text : groupDigits(text);
  }
  if (primordials.NumberIsNaN(number) || StringPrototypeIncludes(text, "e")) return text;
  return `${groupDigits(wholeText === "0" && number < 0 ? "-0" : wholeText)}.${groupFraction(
    StringPrototypeSlice(text, primordials.StringPrototypeIndexOf(text, ".") + 1),
  )}`;
};

exports.bigintText = (number, separate) => (separate ? `${groupDigits(`${number}`)}n` : `${number}n`);

exports.isIdentifier = (key) => RegExpPrototypeExec(/^[a-zA-Z_][a-zA-Z_0-9]*$/, key) !== null;
