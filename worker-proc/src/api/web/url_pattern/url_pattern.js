/*
 * URLPattern (URL Pattern standard). The op takes a pattern apart into one regular expression a component, which run
 * here. Relies on nothing but `webidl` and the flags.
 */

const {
  ArrayPrototypePush,
  ObjectKeys,
  ReflectApply,
  RegExp,
  RegExpPrototypeExec,
  StringPrototypeSlice,
  StringPrototypeStartsWith,
  StringPrototypeToLowerCase,
  TypeError,
} = primordials;
const flags = require("flags");
const { constructorError, defineInterface, illegalInvocation, isObject, toDictionary, toUSVString } = require("webidl");

const { PROTOCOL, USERNAME, PASSWORD, HOSTNAME, PORT, PATHNAME, SEARCH, HASH } = ops.Texts;
const { SEARCH: INIT_SEARCH } = ops.Init;
const { COMPONENTS: PARSED_COMPONENTS, HAS_GROUPS } = ops.Pattern;
const { PATTERN, EXPRESSION, NAMES } = ops.Component;

/** What JavaScript calls the members of an array that the ops know, by their places. */
function membersOf(layout) {
  const names = ObjectKeys(layout);
  const members = [];
  for (let i = 0; i < names.length; i++) {
    members[layout[names[i]]] = names[i] === "BASE_URL" ? "baseURL" : StringPrototypeToLowerCase(names[i]);
  }
  return members;
}
const COMPONENTS = membersOf(ops.Texts);
const MEMBERS = membersOf(ops.Init);

/** The members of a URLPatternInit, in the op's order. */
function toInit(init) {
  const members = [];
  for (let i = 0; i < MEMBERS.length; i++) {
    const value = init[MEMBERS[i]];
    members[i] = value === undefined ? undefined : toUSVString(value);
  }
  return members;
}

const toInput = (input) =>
  isObject(input) ? toInit(input) : input === undefined || input === null ? [] : toUSVString(input);

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
    return stateOf(this).patterns[PROTOCOL];
  }
  get username() {
    return stateOf(this).patterns[USERNAME];
  }
  get password() {
    return stateOf(this).patterns[PASSWORD];
  }
  get hostname() {
    return stateOf(this).patterns[HOSTNAME];
  }
  get port() {
    return stateOf(this).patterns[PORT];
  }
  get pathname() {
    return stateOf(this).patterns[PATHNAME];
  }
  get search() {
    return stateOf(this).patterns[SEARCH];
  }
  get hash() {
    return stateOf(this).patterns[HASH];
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
    hasRegExpGroups: parsed[HAS_GROUPS],
  };
  try {
    for (let i = 0; i < COMPONENTS.length; i++) {
      const component = parsed[PARSED_COMPONENTS][i];
      ArrayPrototypePush(state.patterns, component[PATTERN]);
      ArrayPrototypePush(state.expressions, new RegExp(component[EXPRESSION], ignoreCase ? "vi" : "v"));
      ArrayPrototypePush(state.names, component[NAMES]);
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
  // A quirk of workerd's: of two question marks both go.
  if (flags.specCompliantUrlpattern && isObject(input) && StringPrototypeStartsWith(members[INIT_SEARCH] ?? "", "??")) {
    members[INIT_SEARCH] = StringPrototypeSlice(members[INIT_SEARCH], 1);
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
