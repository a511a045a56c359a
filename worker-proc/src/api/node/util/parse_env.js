/*
 * `util.parseEnv`: the text of a .env file as an object. Quotes may be ', " or `; only double
 * quotes expand \n, and a quoted value may span lines.
 */

const { validateString } = require("node/common/validators");

exports.parseEnv = function (content) {
  validateString(content, "content");
  const result = {};
  let rest = content.replace(/\r\n?/g, "\n");
  while (rest !== "") {
    rest = rest.replace(/^\s+/, "");
    if (rest === "") break;
    const lineEnd = endOfLine(rest);
    const equals = rest.indexOf("=");
    if (rest[0] === "#" || equals === -1 || equals > lineEnd) {
      rest = rest.slice(lineEnd + 1);
      continue;
    }
    const key = rest.slice(0, equals).trim().replace(/^export\s+/, "");
    let value = rest.slice(equals + 1).replace(/^[^\S\n]+/, "");
    if (key === "") {
      rest = rest.slice(lineEnd + 1);
      continue;
    }
    const quote = value[0];
    const closing = quote === '"' || quote === "'" || quote === "`" ? value.indexOf(quote, 1) : -1;
    if (closing !== -1) {
      const inner = value.slice(1, closing);
      result[key] = quote === '"' ? inner.replaceAll("\\n", "\n") : inner;
      rest = value.slice(closing + 1);
      rest = rest.slice(endOfLine(rest) + 1);
      continue;
    }
    const end = endOfLine(value);
    rest = value.slice(end + 1);
    value = value.slice(0, end);
    const comment = value.indexOf("#");
    if (comment !== -1) value = value.slice(0, comment);
    result[key] = value.trim();
  }
  return result;
};

function endOfLine(text) {
  const end = text.indexOf("\n");
  return end === -1 ? text.length : end;
}
