/* An ArrayBuffer binding. */
exports.bind = (data) => data;
