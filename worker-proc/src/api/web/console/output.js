/*
 * Bare output for other folders: text to standard output or standard error, as it is.
 */

exports.STDOUT = ops.Stream.STDOUT;
exports.print = (stream, text) => ops.print(stream, text);
