/*
 * node:punycode, by RFC 3492.
 */

const {
  ArrayFrom,
  ArrayPrototypeFilter,
  ArrayPrototypeJoin,
  ArrayPrototypeMap,
  ArrayPrototypePush,
  ArrayPrototypeReduce,
  ArrayPrototypeSplice,
  MathFloor,
  MathMax,
  MathMin,
  ObjectAssign,
  RangeError,
  ReflectApply,
  RegExpPrototypeExec,
  RegExpPrototypeSymbolReplace,
  StringFromCharCode,
  StringFromCodePoint,
  StringPrototypeCharCodeAt,
  StringPrototypeCodePointAt,
  StringPrototypeLastIndexOf,
  StringPrototypeSlice,
  StringPrototypeSplit,
  StringPrototypeToLowerCase,
} = primordials;

const MAX_INT = 2147483647;
const BASE = 36;
const T_MIN = 1;
const T_MAX = 26;
const SKEW = 38;
const DAMP = 700;
const INITIAL_BIAS = 72;
const INITIAL_N = 128;

const overflow = () => new RangeError("Overflow: input needs wider integers to process");
const notBasic = () => new RangeError("Illegal input >= 0x80 (not a basic code point)");
const invalid = () => new RangeError("Invalid input");

const separators = /[\x2E\u3002\uFF0E\uFF61]/g;

function decodeUcs2(text) {
  return ArrayFrom(text, (char) => StringPrototypeCodePointAt(char, 0));
}

const encodeUcs2 = (codePoints) => ReflectApply(StringFromCodePoint, undefined, codePoints);

function digitOf(code) {
  if (code >= 0x30 && code < 0x3a) return 26 + (code - 0x30);
  if (code >= 0x41 && code < 0x5b) return code - 0x41;
  if (code >= 0x61 && code < 0x7b) return code - 0x61;
  return BASE;
}

const charOf = (digit) => StringFromCharCode(digit < 26 ? digit + 97 : digit + 22);
const threshold = (k, bias) => MathMin(MathMax(k - bias, T_MIN), T_MAX);

function adapt(delta, points, isFirst) {
  delta = isFirst ? MathFloor(delta / DAMP) : delta >> 1;
  delta += MathFloor(delta / points);
  let k = 0;
  for (; delta > ((BASE - T_MIN) * T_MAX) >> 1; k += BASE) delta = MathFloor(delta / (BASE - T_MIN));
  return MathFloor(k + ((BASE - T_MIN + 1) * delta) / (delta + SKEW));
}

function decode(input) {
  const output = [];
  const delimiter = MathMax(StringPrototypeLastIndexOf(input, "-"), 0);
  for (let i = 0; i < delimiter; i++) {
    if (StringPrototypeCharCodeAt(input, i) >= 0x80) throw notBasic();
    ArrayPrototypePush(output, StringPrototypeCharCodeAt(input, i));
  }
  let n = INITIAL_N;
  let i = 0;
  let bias = INITIAL_BIAS;
  for (let index = delimiter > 0 ? delimiter + 1 : 0; index < input.length; ) {
    const previous = i;
    for (let weight = 1, k = BASE; ; k += BASE) {
      if (index >= input.length) throw invalid();
      const digit = digitOf(StringPrototypeCharCodeAt(input, index++));
      if (digit >= BASE) throw invalid();
      if (digit > MathFloor((MAX_INT - i) / weight)) throw overflow();
      i += digit * weight;
      const t = threshold(k, bias);
      if (digit < t) break;
      if (weight > MathFloor(MAX_INT / (BASE - t))) throw overflow();
      weight *= BASE - t;
    }
    const length = output.length + 1;
    bias = adapt(i - previous, length, previous === 0);
    if (MathFloor(i / length) > MAX_INT - n) throw overflow();
    n += MathFloor(i / length);
    i %= length;
    ArrayPrototypeSplice(output, i++, 0, n);
  }
  return ReflectApply(StringFromCodePoint, undefined, output);
}

function encode(input) {
  const codePoints = decodeUcs2(input);
  let output = ArrayPrototypeJoin(
    ArrayPrototypeMap(
      ArrayPrototypeFilter(codePoints, (code) => code < 0x80),
      (code) => StringFromCharCode(code),
    ),
    "",
  );
  const basic = output.length;
  let handled = basic;
  if (basic > 0) output += "-";
  let n = INITIAL_N;
  let delta = 0;
  let bias = INITIAL_BIAS;
  while (handled < codePoints.length) {
    const next = ArrayPrototypeReduce(codePoints, (least, code) => (code >= n && code < least ? code : least), MAX_INT);
    if (next - n > MathFloor((MAX_INT - delta) / (handled + 1))) throw overflow();
    delta += (next - n) * (handled + 1);
    n = next;
    for (let i = 0; i < codePoints.length; i++) {
      const code = codePoints[i];
      if (code < n && ++delta > MAX_INT) throw overflow();
      if (code !== n) continue;
      let q = delta;
      for (let k = BASE; ; k += BASE) {
        const t = threshold(k, bias);
        if (q < t) break;
        output += charOf(t + ((q - t) % (BASE - t)));
        q = MathFloor((q - t) / (BASE - t));
      }
      output += charOf(q);
      bias = adapt(delta, handled + 1, handled === basic);
      delta = 0;
      handled++;
    }
    delta++;
    n++;
  }
  return output;
}

/** Applies `fn` to each label; what is before an "@" stays. */
function mapLabels(domain, fn) {
  const at = StringPrototypeSplit(domain, "@");
  const prefix = at.length > 1 ? `${at[0]}@` : "";
  const host = at.length > 1 ? at[1] : domain;
  return (
    prefix +
    ArrayPrototypeJoin(
      ArrayPrototypeMap(StringPrototypeSplit(RegExpPrototypeSymbolReplace(separators, host, "."), "."), fn),
      ".",
    )
  );
}

const toUnicode = (input) =>
  mapLabels(input, (label) =>
    RegExpPrototypeExec(/^xn--/, label) !== null
      ? decode(StringPrototypeToLowerCase(StringPrototypeSlice(label, 4)))
      : label,
  );

const toASCII = (input) =>
  mapLabels(input, (label) => (RegExpPrototypeExec(/[^\0-\x7F]/, label) !== null ? `xn--${encode(label)}` : label));

const punycode = {
  version: "2.1.0",
  ucs2: { decode: decodeUcs2, encode: encodeUcs2 },
  decode,
  encode,
  toASCII,
  toUnicode,
};

ObjectAssign(exports, punycode, { default: punycode });
