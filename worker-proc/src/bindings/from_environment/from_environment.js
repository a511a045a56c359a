/* The binding of an environment variable. */
exports.bind = (value) => value;
