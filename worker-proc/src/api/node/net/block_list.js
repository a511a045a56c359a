/*
 * `SocketAddress` and `BlockList`: addresses as values, and lists of rules that cover some.
 */

const {
  ArrayPrototypeMap,
  ArrayPrototypePush,
  ArrayPrototypeSome,
  BigInt,
  JSONParse,
  NumberParseInt,
  RegExpPrototypeExec,
  StringPrototypeEndsWith,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  StringPrototypeSplit,
  StringPrototypeStartsWith,
  StringPrototypeToLowerCase,
} = primordials;
const { inspect } = require("console/inspect");
const { ERR_INVALID_ADDRESS, ERR_INVALID_ARG_VALUE, ERR_INVALID_IP_ADDRESS, ERR_OUT_OF_RANGE } =
  require("node/common/errors");
const {
  validateArray,
  validateInt32,
  validateObject,
  validateOneOf,
  validatePort,
  validateString,
  validateUint32,
} = require("node/common/validators");
const { URL } = require("url");
const { isIPv4, isIPv6 } = require("node/net/address");

const FAMILIES = ["ipv4", "ipv6"];
const deeper = (options) => ({ ...options, depth: options.depth == null ? null : options.depth - 1 });
const isOf = (family, address) => (family === "ipv4" ? isIPv4(address) : isIPv6(address));

class SocketAddress {
  #address;
  #port;
  #family;
  #flowlabel;

  static isSocketAddress(value) {
    return value instanceof SocketAddress;
  }

  static parse(input) {
    validateString(input, "input");
    const url = URL.parse(`http://${input}`);
    if (url === null) return undefined;
    const { hostname, port } = url;
    const isBracketed = StringPrototypeStartsWith(hostname, "[") && StringPrototypeEndsWith(hostname, "]");
    const address = isBracketed ? StringPrototypeSlice(hostname, 1, -1) : hostname;
    const family = isBracketed ? "ipv6" : "ipv4";
    return isOf(family, address) ? new SocketAddress({ address, port: port | 0, family }) : undefined;
  }

  constructor(options = {}) {
    validateObject(options, "options");
    const { family = "ipv4" } = options;
    this.#family = typeof family === "string" && family !== "" ? StringPrototypeToLowerCase(family) : family || "ipv4";
    validateOneOf(this.#family, "options.family", FAMILIES);
    const { address = this.#family === "ipv4" ? "127.0.0.1" : "::", port = 0, flowlabel = 0 } = options;
    validateString(address, "options.address");
    this.#port = validatePort(port, "options.port");
    validateUint32(flowlabel, "options.flowlabel", false);
    if (!isOf(this.#family, address)) throw new ERR_INVALID_ADDRESS();
    this.#address = address;
    this.#flowlabel = flowlabel;
  }

  get address() {
    return this.#address;
  }

  get port() {
    return this.#port;
  }

  get family() {
    return this.#family;
  }

  get flowlabel() {
    return this.#flowlabel;
  }

  [inspect.custom](depth, options) {
    return depth < 0 ? this : `SocketAddress ${inspect(fieldsOf(this), deeper(options))}`;
  }

  toJSON() {
    return fieldsOf(this);
  }
}

const fieldsOf = ({ address, port, family, flowlabel }) => ({ address, port, family, flowlabel });

const BITS = { __proto__: null, ipv4: 32, ipv6: 128 };

/** The number that a valid IPv4 address is. */
function numberOfIPv4(address) {
  let number = 0n;
  for (let i = 0, parts = StringPrototypeSplit(address, "."); i < parts.length; i++) {
    number = (number << 8n) | BigInt(NumberParseInt(parts[i], 10));
  }
  return number;
}

/** The number that groups of hexadecimal digits are, and how many bits they have. */
function numberOfGroups(text) {
  let number = 0n;
  let bits = 0n;
  for (let i = 0, groups = text === "" ? [] : StringPrototypeSplit(text, ":"); i < groups.length; i++) {
    const isIPv4Part = StringPrototypeIndexOf(groups[i], ".") !== -1;
    const size = isIPv4Part ? 32n : 16n;
    number = (number << size) | (isIPv4Part ? numberOfIPv4(groups[i]) : BigInt(NumberParseInt(groups[i], 16)));
    bits += size;
  }
  return { number, bits };
}

/** The number that a valid address is; a zone does not count. */
function numberOf(address, family) {
  if (family === "ipv4") return numberOfIPv4(address);
  const zone = StringPrototypeIndexOf(address, "%");
  const text = zone === -1 ? address : StringPrototypeSlice(address, 0, zone);
  const gap = StringPrototypeIndexOf(text, "::");
  if (gap === -1) return numberOfGroups(text).number;
  const high = numberOfGroups(StringPrototypeSlice(text, 0, gap));
  return (high.number << (128n - high.bits)) | numberOfGroups(StringPrototypeSlice(text, gap + 2)).number;
}

const requireAddress = (address, family) => {
  if (isOf(family, address)) return;
  throw new ERR_INVALID_IP_ADDRESS(family === "ipv4" ? "Invalid IPv4 address" : "Invalid IPv6 address");
};

/** An address and its family, of a `SocketAddress` or of texts. */
function addressAndFamily(address, family, name) {
  if (SocketAddress.isSocketAddress(address)) return { __proto__: null, address: address.address, family: address.family };
  validateString(address, name);
  validateOneOf(family, "family", FAMILIES);
  return { __proto__: null, address, family };
}

const shown = (family) => (family === "ipv4" ? "IPv4" : "IPv6");
const RULE = /^(Address|Range|Subnet): IPv([46]) ([\da-f:.]+)(?:[-/]([\da-f:.]+))?$/i;

class BlockList {
  /** `{ family, low, high, text }`: the numbers that a rule covers. */
  #rules = [];

  static isBlockList(value) {
    return value instanceof BlockList;
  }

  addAddress(address, family = "ipv4") {
    const own = addressAndFamily(address, family, "address");
    requireAddress(own.address, own.family);
    const number = numberOf(own.address, own.family);
    this.#add(own.family, number, number, `Address: ${shown(own.family)} ${own.address}`);
  }

  addRange(start, end, family = "ipv4") {
    const from = addressAndFamily(start, family, "start");
    const to = addressAndFamily(end, from.family, "end");
    if (SocketAddress.isSocketAddress(start) && to.family !== from.family) {
      throw new ERR_INVALID_ARG_VALUE("end", end, "must be same family as start");
    }
    requireAddress(from.address, from.family);
    requireAddress(to.address, from.family);
    const low = numberOf(from.address, from.family);
    const high = numberOf(to.address, from.family);
    if (low > high) throw new ERR_INVALID_ARG_VALUE("start", from.address, "must come before end");
    this.#add(from.family, low, high, `Range: ${shown(from.family)} ${from.address}-${to.address}`);
  }

  addSubnet(network, prefix, family = "ipv4") {
    const own = addressAndFamily(network, family, "network");
    validateInt32(prefix, "prefix");
    const bits = BITS[own.family];
    if (prefix < 0 || prefix > bits) throw new ERR_OUT_OF_RANGE("prefix", `between 0 and ${bits}`, prefix);
    requireAddress(own.address, own.family);
    const rest = (1n << BigInt(bits - prefix)) - 1n;
    const low = numberOf(own.address, own.family) & ~rest;
    this.#add(own.family, low, low | rest, `Subnet: ${shown(own.family)} ${own.address}/${prefix}`);
  }

  #add(family, low, high, text) {
    ArrayPrototypePush(this.#rules, { __proto__: null, family, low, high, text });
  }

  check(address, family = "ipv4") {
    const own = addressAndFamily(address, family, "address");
    if (!isOf(own.family, own.address)) return false;
    const number = numberOf(own.address, own.family);
    // RFC 4291 section 2.5.5.2: an IPv4 address as one of IPv6.
    const isMapped = own.family === "ipv6" && number >> 32n === 0xffffn;
    return ArrayPrototypeSome(this.#rules, ({ family, low, high }) => {
      const value = family === own.family ? number : isMapped ? number & 0xffffffffn : -1n;
      return low <= value && value <= high;
    });
  }

  get rules() {
    return ArrayPrototypeMap(this.#rules, ({ text }) => text);
  }

  toJSON() {
    return this.rules;
  }

  /** Adds rules as `rules` or JSON of it has them; what is no rule is passed over. */
  fromJSON(data) {
    let rules = data;
    if (typeof data === "string") {
      try {
        rules = JSONParse(data);
      } catch {
        throw new ERR_INVALID_ARG_VALUE("data", data, "must be valid JSON");
      }
    }
    validateArray(rules, "data");
    for (let i = 0; i < rules.length; i++) {
      const found = typeof rules[i] === "string" ? RegExpPrototypeExec(RULE, rules[i]) : null;
      if (found === null) continue;
      const { 1: kind, 2: version, 3: first, 4: second } = found;
      const family = `ipv${version}`;
      if (StringPrototypeToLowerCase(kind) === "address") this.addAddress(first, family);
      else if (second === undefined) continue;
      else if (StringPrototypeToLowerCase(kind) === "range") this.addRange(first, second, family);
      else this.addSubnet(first, NumberParseInt(second, 10), family);
    }
  }

  [inspect.custom](depth, options) {
    return depth < 0 ? "[BlockList]" : `BlockList {\n  rules: ${inspect(this.rules, deeper(options))}\n}`;
  }
}

exports.BlockList = BlockList;
exports.SocketAddress = SocketAddress;
