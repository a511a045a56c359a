/*
 * `util.parseEnv`: the text of a .env file as an object. Quotes may be ', " or `; only double
 * quotes expand \n, and a quoted value may span lines.
 */

const {
  RegExpPrototypeSymbolReplace,
  StringPrototypeIndexOf,
  StringPrototypeReplaceAll,
  StringPrototypeSlice,
  StringPrototypeTrim,
} = primordials;
const { validateString } = require("node/common/validators");

exports.parseEnv = function (content) {
  validateString(content, "content");
  const result = {};
  let rest = RegExpPrototypeSymbolReplace(/\r\n?/g, content, "\n");
  while (rest !== "") {
    rest = RegExpPrototypeSymbolReplace(/^\s+/, rest, "");
    if (rest === "") break;
    const lineEnd = endOfLine(rest);
    const equals = StringPrototypeIndexOf(rest, "=");
    if (rest[0] === "#" || equals === -1 || equals > lineEnd) {
      rest = StringPrototypeSlice(rest, lineEnd + 1);
      continue;
    }
    const key = RegExpPrototypeSymbolReplace(/^export\s+/, StringPrototypeTrim(StringPrototypeSlice(rest, 0, equals)), "");
    let value = RegExpPrototypeSymbolReplace(/^[^\S\n]+/, StringPrototypeSlice(rest, equals + 1), "");
    if (key === "") {
      rest = StringPrototypeSlice(rest, lineEnd + 1);
      continue;
    }
    const quote = value[0];
    const closing = quote === '"' || quote === "'" || quote === "`" ? StringPrototypeIndexOf(value, quote, 1) : -1;
    if (closing !== -1) {
      const inner = StringPrototypeSlice(value, 1, closing);
      result[key] = quote === '"' ? StringPrototypeReplaceAll(inner, "\\n", "\n") : inner;
      rest = StringPrototypeSlice(value, closing + 1);
      rest = StringPrototypeSlice(rest, endOfLine(rest) + 1);
      continue;
    }
    const end = endOfLine(value);
    rest = StringPrototypeSlice(value, end + 1);
    value = StringPrototypeSlice(value, 0, end);
    const comment = StringPrototypeIndexOf(value, "#");
    if (comment !== -1) value = StringPrototypeSlice(value, 0, comment);
    result[key] = StringPrototypeTrim(value);
  }
  return result;
};

function endOfLine(text) {
  const end = StringPrototypeIndexOf(text, "\n");
  return end === -1 ? text.length : end;
}
