/* What V8 asks for when an error's `stack` is first read. */
"use strict";
const {
  ArrayPrototypePush, Error, ErrorPrototypeToString, ReflectApply, ReflectGetPrototypeOf, StringPrototypeStartsWith,
  uncurryThis,
} = primordials;

/* Call sites have a prototype of their own, which only a stack trace shows. */
Error.prepareStackTrace = (_, sites) => sites[0];
const sitePrototype = ReflectGetPrototypeOf(new Error().stack);
delete Error.prepareStackTrace;
const fileOf = uncurryThis(sitePrototype.getFileName);
const siteToString = uncurryThis(sitePrototype.toString);

function header(error) {
  try {
    return ErrorPrototypeToString(error);
  } catch {
    return "Error";
  }
}

/** The value of `error.stack`; a worker's own `Error.prepareStackTrace` decides, if there is one. */
function prepare(error, sites) {
  const kept = [];
  for (let i = 0; i < sites.length; i++) {
    const file = fileOf(sites[i]);
    if (typeof file !== "string" || !StringPrototypeStartsWith(file, "internal:")) ArrayPrototypePush(kept, sites[i]);
  }
  const own = Error.prepareStackTrace;
  if (typeof own === "function") return ReflectApply(own, Error, [error, kept]);
  let text = header(error);
  for (let i = 0; i < kept.length; i++) text += `\n    at ${siteToString(kept[i])}`;
  return text;
}

exports.prepare = prepare;
