/* `ctx.facets`: objects of an object's own, each of a class that it chooses, with storage of its own. */
const { PromisePrototypeThen, PromiseResolve, ReflectApply, TypeError } = primordials;
const { argumentError, defineInterface, fieldError, illegalConstructor, illegalInvocation, isObject } = require("webidl");
const { Fetcher, kFetcher } = require("rpc");
const { describe } = require("rpc/errors");
const { isId, serviceOfClass, textOf } = require("actors/namespace");
const { addPart } = require("actors");

const inside = { __proto__: null };

const CLASSES = "DurableObjectClass or LoopbackDurableObjectNamespace or LoopbackColoLocalActorNamespace";
const NO_OPTIONS = "Cannot initialize FacetStartupOptions with required members from an undefined or null value.";
const UNSENDABLE = "Stubs pointing to Durable Object facets are not serializable.";

class DurableObjectFacets {
  #holder;

  constructor(token, holder) {
    if (token !== inside) throw illegalConstructor();
    this.#holder = holder;
  }

  get(name, getStartupOptions) {
    if (!(#holder in this)) throw illegalInvocation();
    const text = nameArgument("get", arguments.length, 1, name);
    if (typeof getStartupOptions !== "function") throw argumentError("DurableObjectFacets", "get", 2, "function");
    const holder = this.#holder;
    return new Fetcher(
      kFetcher,
      ops.facet(text, (number) => start(number, holder, getStartupOptions)),
      UNSENDABLE,
    );
  }

  abort(name, reason) {
    if (!(#holder in this)) throw illegalInvocation();
    const text = nameArgument("abort", arguments.length, 1, name);
    if (arguments.length < 2) throw argumentError("DurableObjectFacets", "abort", 2, "Value");
    const { name: type, message } = describe(reason);
    ops.abortFacet(text, type, message);
  }

  delete(name) {
    if (!(#holder in this)) throw illegalInvocation();
    const text = nameArgument("delete", arguments.length, 1, name);
    ops.deleteFacet(text);
  }

  clone(src, dst) {
    if (!(#holder in this)) throw illegalInvocation();
    const from = nameArgument("clone", arguments.length, 1, src);
    const to = nameArgument("clone", arguments.length, 2, dst);
    ops.copyFacet(from, to);
  }
}
defineInterface(DurableObjectFacets);

function nameArgument(method, given, position, name) {
  if (given < position) throw argumentError("DurableObjectFacets", method, position, "string");
  return `${name}`;
}

/** Asks the parent what a facet is to be. */
function start(number, holder, getStartupOptions) {
  const failed = (error) => {
    const { name, message } = describe(error);
    ops.facetFails(number, name, message);
  };
  const answered = (options) => {
    if (!isObject(options)) throw new TypeError(NO_OPTIONS);
    const service = serviceOfClass(options.class);
    if (service === undefined) throw fieldError("StartupOptions", "class", CLASSES);
    const given = options.id;
    const id = given === undefined ? holder.id : given;
    if (isId(id)) ops.facetStarts(number, service, textOf(id), id.name, false);
    else ops.facetStarts(number, service, `${id}`, undefined, true);
  };
  try {
    PromisePrototypeThen(
      PromisePrototypeThen(PromiseResolve(ReflectApply(getStartupOptions, undefined, [])), answered),
      undefined,
      failed,
    );
  } catch (error) {
    failed(error);
  }
}

addPart("facets", (holder) => new DurableObjectFacets(inside, holder));
