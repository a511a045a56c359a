/* Addresses that lead elsewhere than to the network: bindings make them up, `connect()` and node:dns look here first. */

/** Functions that open a socket, by host and port. */
exports.openers = { __proto__: null };
/** IP addresses, by host. */
exports.addresses = { __proto__: null };
