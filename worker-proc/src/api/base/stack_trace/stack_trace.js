/* What V8 asks for when an error's `stack` is first read. */
const {
  ArrayPrototypePush,
  Error,
  ErrorPrototypeToString,
  ReflectApply,
  ReflectGetPrototypeOf,
  StringPrototypeStartsWith,
  uncurryThis,
} = primordials;

/* Methods of call sites, taken from the first one seen: nobody else has seen one before. */
let fileOf;
let siteToString;

function header(error) {
  try {
    return ErrorPrototypeToString(error);
  } catch {
    return "Error";
  }
}

/** The value of `error.stack`; a worker's own `Error.prepareStackTrace` decides, if there is one. */
function prepare(error, sites) {
  if (fileOf === undefined && sites.length > 0) {
    const prototype = ReflectGetPrototypeOf(sites[0]);
    fileOf = uncurryThis(prototype.getFileName);
    siteToString = uncurryThis(prototype.toString);
  }
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
