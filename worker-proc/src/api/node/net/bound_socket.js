/*
 * `BoundSocket`: a port that is taken before who uses it is known.
 */

const { Symbol, SymbolDispose } = primordials;
const { tcpPorts } = require("cloudflare-internal:http");
const { ERR_INVALID_ARG_VALUE, ERR_SOCKET_HANDLE_ADOPTED } = require("node/common/errors");
const { validateBoolean, validateObject, validatePort, validateString } = require("node/common/validators");
const { ANY_IPV4, ANY_IPV6, bindPort, isIP } = require("node/net/address");

const kConsume = Symbol("kBoundSocketConsume");
const NO_NAME = "must be a numeric IP address; net.BoundSocket does not perform DNS resolution";

class BoundSocket {
  /** null once it is closed or adopted. */
  #address;
  #isEphemeral;

  static isBoundSocket(value) {
    return typeof value === "object" && value !== null && #address in value;
  }

  constructor(options = {}) {
    validateObject(options, "options");
    if (options.path !== undefined) throw new ERR_INVALID_ARG_VALUE("options.path", options.path, "is not supported");
    const port = validatePort(options.port ?? 0, "options.port");
    const ipv6Only = options.ipv6Only ?? false;
    validateBoolean(ipv6Only, "options.ipv6Only");
    const reusePort = options.reusePort ?? false;
    validateBoolean(reusePort, "options.reusePort");
    const host = options.host ?? (ipv6Only ? ANY_IPV6 : ANY_IPV4);
    validateString(host, "options.host");
    const version = isIP(host);
    if (version === 0) throw new ERR_INVALID_ARG_VALUE("options.host", host, NO_NAME);
    this.#isEphemeral = port === 0;
    this.#address = { address: host, family: `IPv${version}`, port: bindPort(host, port, reusePort) };
  }

  #own() {
    if (this.#address === null) throw new ERR_SOCKET_HANDLE_ADOPTED();
    return this.#address;
  }

  address() {
    return this.#own();
  }

  fd() {
    this.#own();
    return -1;
  }

  close() {
    tcpPorts.release(this.#own().port);
    this.#address = null;
  }

  [SymbolDispose]() {
    if (this.#address !== null) this.close();
  }

  /** Hands the port over to who adopts it. */
  [kConsume]() {
    const address = this.#own();
    this.#address = null;
    return { __proto__: null, address, ephemeral: this.#isEphemeral };
  }
}

exports.BoundSocket = BoundSocket;
exports.kConsume = kConsume;
