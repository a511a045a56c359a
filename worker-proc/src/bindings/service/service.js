/* The binding of a service. */
const { createFetcher } = require("rpc");

exports.bind = (channel) => createFetcher(channel);
