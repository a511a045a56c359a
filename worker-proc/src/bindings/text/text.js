/* A string binding. */
exports.bind = (text) => text;
