/* `ctx.access`: who Cloudflare Access says the client is. */
const { JSONParse, ObjectDefineProperty } = primordials;
const { defineInterface, illegalConstructor, illegalInvocation } = require("webidl");
const { createFetcher, specialize } = require("rpc");
const { call } = require("wrapped/calls");

const inside = { __proto__: null };

class AccessContext {
  #props;
  #channel;

  constructor(token, audience, props, channel) {
    if (token !== inside) throw illegalConstructor();
    ObjectDefineProperty(this, "aud", { __proto__: null, value: audience, enumerable: true, configurable: true });
    this.#props = props;
    this.#channel = channel;
  }

  /** What the service says that knows the client: undefined where there is none. */
  getIdentity() {
    if (!(#props in this)) throw illegalInvocation();
    return identity(this.#channel, this.#props);
  }
}
defineInterface(AccessContext);

async function identity(channel, props) {
  if (channel === null) return undefined;
  const service = specialize(channel, "AccessContext", [{ __proto__: null, props: JSONParse(props) }]);
  return await call(createFetcher(service), "getIdentity", []);
}

/** Of what dispatch/access.rs reads, and the channel of the service that knows more, or null. */
exports.createAccess = ({ 0: audience, 1: props }, channel) => new AccessContext(inside, audience, props, channel);
