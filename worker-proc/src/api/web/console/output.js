/*
 * Bare output for other folders: text to standard output (0) or standard error (1), as it is.
 */

exports.print = (stream, text) => ops.print(stream, text);
