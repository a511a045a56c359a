/*
 * Bare output for other folders: whole lines to standard output or standard error.
 */

const { JSONStringify } = primordials;

/** A line of that level; as text it goes to the stream as it is. */
function tell(stream, level, text) {
  if (ops.isStructured()) ops.entry(level, JSONStringify(text));
  else ops.print(stream, `${text}\n`);
}

/** The standard streams of Node's. */
const { STDOUT, STDERR } = ops.Stream;

/** A warning to a worker's author. */
exports.warn = (stream, text) => tell(stream, "warn", text);
/** A line of a standard stream of Node's: all go to standard output, with a prefix that tells which it is. */
exports.printLine = function (stream, line) {
  const prefix = ops.prefix(stream);
  tell(STDOUT, "log", prefix !== "" && line !== "" ? `${prefix} ${line}` : prefix + line);
};
exports.STDOUT = STDOUT;
exports.STDERR = STDERR;
