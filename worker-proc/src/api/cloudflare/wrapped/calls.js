/* Calls of the service behind a binding, whatever the worker has done to the classes that it sees. A module of an extension may
   give an object of its own for the service. */
const { JSONParse, ReflectApply } = primordials;
const { fetchThrough } = require("fetch");
const { readText } = require("fetch/body");
const { isResponse, responseHeaders } = require("fetch/response");
const { getHeader } = require("headers");
const { SERVICE, methodOf, stateOf } = require("rpc");

/** A promise of the service's response. */
function fetchFrom(fetcher, url, init = undefined) {
  const state = stateOf(fetcher);
  if (state?.kind === SERVICE) return fetchThrough(state.channel, url, init, state);
  return call(fetcher, "fetch", [url, init]);
}

/** What a method returns: of a service the promise of an RPC call. */
function call(target, method, args) {
  const state = stateOf(target);
  return ReflectApply(state?.kind === SERVICE ? methodOf(state, method) : target[method], target, args);
}

/** A header of a response by its name in lower case, or null. */
const headerOf = (response, name) =>
  isResponse(response) ? getHeader(responseHeaders(response), name) : call(response.headers, "get", [name]);

/** A promise of the text of a response. */
const textOf = (response) => (isResponse(response) ? readText(response) : response.text());

/** A promise of what a response's JSON says. */
const jsonOf = async (response) => JSONParse(await textOf(response));

exports.call = call;
exports.fetchFrom = fetchFrom;
exports.headerOf = headerOf;
exports.jsonOf = jsonOf;
exports.textOf = textOf;
