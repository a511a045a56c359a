/*
 * node:dns/promises.
 */

const { ObjectAssign } = primordials;
const {
  CODES,
  HINTS,
  find,
  getDefaultResultOrder,
  getServers,
  lookupService,
  makeResolver,
  methods,
  setDefaultResultOrder,
  setServers,
} = require("node/dns/core");

const lookup = (hostname, options = undefined) => find(hostname, options);

const promises = {
  ...methods,
  getServers,
  setServers,
  getDefaultResultOrder,
  setDefaultResultOrder,
  lookup,
  lookupService,
  Resolver: makeResolver(methods),
  ...CODES,
};

ObjectAssign(exports, promises, HINTS, { default: promises });
