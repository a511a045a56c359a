/* A compiled Wasm binding. */
exports.bind = (bytes) => ops.compile(bytes);
