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

const { setLengths } = require("node/common/unsupported");

const lookup = (hostname, options = undefined) => find(hostname, options);

setLengths(methods, "resolve4/2 resolve6/2");
const promises = {
  ...methods,
  getServers,
  setServers,
  getDefaultResultOrder,
  setDefaultResultOrder,
  lookup,
  lookupService,
  Resolver: makeResolver(methods, true),
  ...CODES,
  ...HINTS,
};
setLengths(promises, "lookup/2");

ObjectAssign(exports, promises, { default: promises });
