/*
 * URLPattern (URL Pattern standard). The op takes a pattern apart into one regular expression a component, which run
 * here. Relies on nothing but `webidl` and the flags.
 */

const {
  ArrayPrototypePush, ReflectApply, RegExp, RegExpPrototypeExec, StringPrototypeSlice, StringPrototypeStartsWith,
  TypeError,
} = primordials;
const flags = require("flags");
const { constructorError, defineInterface, illegalInvocation, isObject, toDictionary, toUSVString } = require("webidl");

const COMPONENTS = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash"];
const MEMBERS = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash", "baseURL"];

/** The members of a URLPatternInit, in the op's order. */
function toInit(init) {
  const members = [];
  for (let i = 0; i < MEMBERS.length; i++) {
    const value = init[MEMBERS[i]];
    members[i] = value === undefined ? undefined : toUSVString(value);
  }
  return members;
}

const toInput = (input) => (isObject(input) ? toInit(input) : input === undefined || input === null ? [] : toUSVString(input));

let stateOf;

class URLPattern {
  /** For each component its pattern, regular expression and names of groups. */
  #state;

  constructor(input, baseOrOptions, options) {
    const pattern = toInput(input);
    let base;
    if (isObject(baseOrOptions)) {
      options = baseOrOptions;
    } else {
      if (baseOrOptions !== undefined) base = toUSVString(baseOrOptions);
      toDictionary(options, () => constructorError("URLPattern", 3, "URLPatternOptions"));
    }
    const ignoreCase = isObject(options) && !!options.ignoreCase;
    this.#state = compile(ops.parse(pattern, base, ignoreCase), ignoreCase);
  }

  static {
    stateOf = (pattern) => {
      try {
        return pattern.#state;
      } catch {
        throw illegalInvocation();
      }
    };
  }

  get protocol() {
    return stateOf(this).patterns[0];
  }
  get username() {
    return stateOf(this).patterns[1];
  }
  get password() {
    return stateOf(this).patterns[2];
  }
  get hostname() {
    return stateOf(this).patterns[3];
  }
  get port() {
    return stateOf(this).patterns[4];
  }
  get pathname() {
    return stateOf(this).patterns[5];
  }
  get search() {
    return stateOf(this).patterns[6];
  }
  get hash() {
    return stateOf(this).patterns[7];
  }
  get hasRegExpGroups() {
    return stateOf(this).hasRegExpGroups;
  }

  test(input, base) {
    return match(stateOf(this), "test", input, base, null);
  }

  exec(input, base) {
    const state = stateOf(this);
    const given = isObject(input) || input === undefined ? asInit(input ?? {}) : toUSVString(input);
    const result = { inputs: base === undefined ? [given] : [given, toUSVString(base)] };
    return match(state, "exec", input, base, result) ? result : null;
  }
}

/** A URLPatternInit with the members that the input has, as the result of a match shows it. */
function asInit(input) {
  const members = toInit(input);
  const init = {};
  for (let i = 0; i < MEMBERS.length; i++) {
    if (members[i] !== undefined || flags.fastJsgStruct) init[MEMBERS[i]] = members[i];
  }
  return init;
}

function compile(parsed, ignoreCase) {
  if (parsed === null) throw new TypeError("Failed to construct URLPattern");
  const state = {
    __proto__: null,
    patterns: [],
    expressions: [],
    names: [],
    hasRegExpGroups: parsed[COMPONENTS.length * 3],
  };
  try {
    for (let i = 0; i < COMPONENTS.length; i++) {
      ArrayPrototypePush(state.patterns, parsed[3 * i]);
      ArrayPrototypePush(state.expressions, new RegExp(parsed[3 * i + 1], ignoreCase ? "vi" : "v"));
      ArrayPrototypePush(state.names, parsed[3 * i + 2]);
    }
  } catch {
    throw new TypeError("Failed to construct URLPattern");
  }
  return state;
}

/**
 * The groups of a component's text, null if it does not match. As on workerd, an expression with groups is run as the
 * language runs one, so that a patched `RegExp.prototype.exec` is heeded; what that gives counts if it is an array.
 */
function run(expression, pattern, names, text) {
  const groups = {};
  if (pattern === "*") {
    groups[names[0]] = text;
    return groups;
  }
  const exec = names.length > 0 ? expression.exec : undefined;
  const found = typeof exec === "function" ? ReflectApply(exec, expression, [text]) : RegExpPrototypeExec(expression, text);
  if (found !== null && !isObject(found)) {
    throw new TypeError("RegExp exec method returned something other than an Object or null");
  }
  if (!ops.isArray(found)) return null;
  const count = found.length - 1;
  for (let i = 0; i < names.length && i < count; i++) {
    const group = found[i + 1];
    groups[names[i]] = group === undefined ? undefined : `${group}`;
  }
  return groups;
}

/** Whether every component of the input matches; fills `result` where one is wanted. */
function match(state, method, input, base, result) {
  const members = toInput(input);
  const search = MEMBERS.length - 3;
  // A quirk of workerd's: of two question marks both go.
  if (flags.specCompliantUrlpattern && isObject(input) && StringPrototypeStartsWith(members[search] ?? "", "??")) {
    members[search] = StringPrototypeSlice(members[search], 1);
  }
  const texts = ops.matchInput(members, base === undefined ? undefined : toUSVString(base));
  if (texts === undefined) throw new TypeError(`Failed to ${method} URLPattern`);
  if (texts === null) return false;
  for (let i = 0; i < COMPONENTS.length; i++) {
    const groups = run(state.expressions[i], state.patterns[i], state.names[i], texts[i]);
    if (groups === null) return false;
    if (result !== null) result[COMPONENTS[i]] = { input: texts[i], groups };
  }
  return true;
}

defineInterface(URLPattern);

exports.URLPattern = URLPattern;
exports.globals = { URLPattern };
