/* Makes bindings: of what the config says, and of what a worker was sent. */
const { SERVICE, createFetcher, stateOf } = require("rpc");
const { readService, writeService } = require("rpc/transfer");
const { fetcherOf, madeBy, setMadeBy } = require("wrapped");
const { wrapped } = require("wrapped/transfer");

/** What a function of an extension's module, or of a built-in one, makes of bindings. */
function make(moduleName, entrypoint, inner) {
  let isAllOfService = true;
  for (const name in inner) {
    isAllOfService &&= name === "fetcher";
    const state = stateOf(inner[name]);
    // The module speaks RPC with services whether the worker may or not.
    if (state?.kind === SERVICE) state.isInner = true;
  }
  const maker = ops.exported(moduleName, entrypoint);
  const binding = maker(inner);
  if (isAllOfService) setMadeBy(binding, [moduleName, entrypoint]);
  return binding;
}

// RPC: the module makes the binding again, of its service alone.

wrapped.is = (value) => madeBy(value) !== undefined && stateOf(fetcherOf(value))?.kind === SERVICE;

wrapped.write = (binding) => {
  const by = madeBy(binding);
  return [by[0], by[1], writeService(fetcherOf(binding))];
};

wrapped.read = ({ 0: moduleName, 1: entrypoint, 2: service }) =>
  make(moduleName, entrypoint, { fetcher: createFetcher(readService(service)) });

exports.make = make;
