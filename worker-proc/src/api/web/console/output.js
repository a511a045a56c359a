/*
 * Bare output for other folders: whole lines to standard output or standard error.
 */

const { JSONStringify } = primordials;

/** A warning to a worker's author; as text it goes to the stream as it is. */
exports.warn = function (stream, text) {
  if (ops.isStructured()) ops.entry("warn", JSONStringify(text));
  else ops.print(stream, `${text}\n`);
};
exports.STDOUT = ops.Stream.STDOUT;
exports.STDERR = ops.Stream.STDERR;
