/*
 * Bare output for other folders: text to standard output or standard error, as it is.
 */

exports.STDOUT = ops.Stream.STDOUT;
exports.STDERR = ops.Stream.STDERR;
exports.print = (stream, text) => ops.print(stream, text);
