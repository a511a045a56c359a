/*
 * application/x-www-form-urlencoded (URL section 5): between text and flat lists [name, value, ...].
 * URLSearchParams and FormData use it; it relies on the op that decodes what is not well-formed.
 */

const {
  ArrayPrototypePush,
  RegExpPrototypeSymbolReplace,
  StringPrototypeIncludes,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  decodeURIComponent,
  encodeURIComponent,
} = primordials;

const plus = /\+/g;

/** Percent-decodes as UTF-8; bytes that are no UTF-8 become U+FFFD, a stray % stays. */
function decode(text) {
  if (StringPrototypeIncludes(text, "+")) text = RegExpPrototypeSymbolReplace(plus, text, " ");
  if (!StringPrototypeIncludes(text, "%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return ops.percentDecode(text);
  }
}

/** The flat list of names and values that `text` holds. */
function parseForm(text) {
  const list = [];
  let start = 0;
  const length = text.length;
  while (start < length) {
    let end = StringPrototypeIndexOf(text, "&", start);
    if (end < 0) end = length;
    if (end > start) {
      const equals = StringPrototypeIndexOf(text, "=", start);
      const split = equals < 0 || equals > end ? end : equals;
      ArrayPrototypePush(list, decode(StringPrototypeSlice(text, start, split)));
      ArrayPrototypePush(list, split === end ? "" : decode(StringPrototypeSlice(text, split + 1, end)));
    }
    start = end + 1;
  }
  return list;
}

const beyondForm = /[!'()~]|%20/g;
const replacements = {
  __proto__: null,
  "!": "%21",
  "'": "%27",
  "(": "%28",
  ")": "%29",
  "~": "%7E",
  "%20": "+",
};

const encode = (text) => RegExpPrototypeSymbolReplace(beyondForm, encodeURIComponent(text), (match) => replacements[match]);

/** The text of a flat list of well-formed strings. */
function serializeForm(list) {
  let text = "";
  for (let i = 0; i < list.length; i += 2) {
    if (i > 0) text += "&";
    text += `${encode(list[i])}=${encode(list[i + 1])}`;
  }
  return text;
}

exports.parseForm = parseForm;
exports.serializeForm = serializeForm;
