/*
 * node:dns: the functions of node:dns/promises with callbacks.
 */

const { ObjectAssign, PromisePrototypeThen } = primordials;
const core = require("node/dns/core");
const promises = require("node:dns/promises");
const { nextTick } = require("node/timers/next_tick");
const { callbackify } = require("node:util");
const { asNamespace, setLengths } = require("node/common/unsupported");
const { validateFunction } = require("node/common/validators");

function lookup(hostname, options, callback = undefined) {
  if (typeof options === "function") {
    callback = options;
    options = undefined;
  }
  validateFunction(callback, "callback");
  const all = options?.all === true;
  PromisePrototypeThen(
    core.find(hostname, options),
    (found) => (all ? nextTick(callback, null, found) : nextTick(callback, null, found.address, found.family)),
    (error) => nextTick(callback, error),
  );
}

const methods = {};
for (const name in core.methods) methods[name] = callbackify(core.methods[name]);
const { CODES, HINTS, getDefaultResultOrder, getServers, setDefaultResultOrder, setServers } = core;

const dns = {
  ...methods,
  getServers,
  lookup,
  lookupService: callbackify(core.lookupService),
  setDefaultResultOrder,
  getDefaultResultOrder,
  setServers,
  Resolver: core.makeResolver(methods),
  promises: asNamespace(promises),
  ...CODES,
  ...HINTS,
};

setLengths(dns, "lookup/3 resolve4/3 resolve6/3");

ObjectAssign(exports, dns, { default: dns });
