/*
 * `util.parseArgs`: options and positionals out of command-line arguments, as Node documents it.
 */

const {
  ArrayPrototypeFind,
  ArrayPrototypeForEach,
  ArrayPrototypeMap,
  ArrayPrototypePush,
  ArrayPrototypeShift,
  ArrayPrototypeSlice,
  ArrayPrototypeUnshift,
  ObjectEntries,
  ObjectHasOwn,
  RegExpPrototypeExec,
  String,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  StringPrototypeStartsWith,
} = primordials;
const {
  ERR_INVALID_ARG_VALUE,
  ERR_PARSE_ARGS_INVALID_OPTION_VALUE,
  ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL,
  ERR_PARSE_ARGS_UNKNOWN_OPTION,
} = require("node/common/errors");
const { processObject } = require("node/common/process");
const { validateArray, validateBoolean, validateObject, validateOneOf, validateString } = require("node/common/validators");

function checkOptions(options) {
  validateObject(options, "options");
  for (let i = 0, list = ObjectEntries(options); i < list.length; i++) {
    const { 0: name, 1: option } = list[i];
    validateObject(option, `options.${name}`);
    validateOneOf(option.type, `options.${name}.type`, ["string", "boolean"]);
    if (ObjectHasOwn(option, "short")) {
      validateString(option.short, `options.${name}.short`);
      if (option.short.length !== 1) {
        throw new ERR_INVALID_ARG_VALUE(`options.${name}.short`, option.short, "must be a single character");
      }
    }
    if (ObjectHasOwn(option, "multiple")) validateBoolean(option.multiple, `options.${name}.multiple`);
    if (option.default !== undefined) checkDefault(name, option);
  }
}

function checkDefault(name, option) {
  const label = `options.${name}.default`;
  const checkOne = option.type === "string" ? validateString : validateBoolean;
  if (!option.multiple) return checkOne(option.default, label);
  validateArray(option.default, label);
  ArrayPrototypeForEach(option.default, (value, i) => checkOne(value, `${label}[${i}]`));
}

/** Splits arguments into tokens; knows which options take a value, reports nothing. */
function tokenize(args, options) {
  const tokens = [];
  const queue = ArrayPrototypeMap(args, (arg, index) => ({ arg, index }));
  const longOf = (short) =>
    ArrayPrototypeFind(ObjectEntries(options), ({ 1: option }) => option.short === short)?.[0] ?? short;
  const isString = (name) => ObjectHasOwn(options, name) && options[name].type === "string";
  while (queue.length > 0) {
    const { arg, index, isGrouped } = ArrayPrototypeShift(queue);
    if (arg === "--" && !isGrouped) {
      ArrayPrototypePush(tokens, { kind: "option-terminator", index });
      for (let i = 0; i < queue.length; i++) {
        const rest = queue[i];
        ArrayPrototypePush(tokens, { kind: "positional", index: rest.index, value: rest.arg });
      }
      break;
    }
    if (RegExpPrototypeExec(/^-[^-]/, arg) !== null && arg.length === 2) {
      const name = longOf(arg[1]);
      let value;
      let inlineValue;
      if (isString(name) && queue.length > 0 && !queue[0].isGrouped) {
        value = ArrayPrototypeShift(queue).arg;
        inlineValue = false;
      }
      ArrayPrototypePush(tokens, { kind: "option", name, rawName: arg, index, value, inlineValue });
    } else if (RegExpPrototypeExec(/^-[^-]/, arg) !== null) {
      const name = longOf(arg[1]);
      if (isString(name)) {
        ArrayPrototypePush(tokens, {
          kind: "option",
          name,
          rawName: `-${arg[1]}`,
          index,
          value: StringPrototypeSlice(arg, 2),
          inlineValue: true,
        });
        continue;
      }
      // A group: flags up to the first option that takes a value.
      const expanded = [];
      for (let i = 1; i < arg.length; i++) {
        if (!isString(longOf(arg[i])) || i === arg.length - 1) {
          ArrayPrototypePush(expanded, { arg: `-${arg[i]}`, index, isGrouped: i < arg.length - 1 });
        } else {
          ArrayPrototypePush(expanded, { arg: `-${StringPrototypeSlice(arg, i)}`, index });
          break;
        }
      }
      for (let i = expanded.length - 1; i >= 0; i--) ArrayPrototypeUnshift(queue, expanded[i]);
    } else if (StringPrototypeStartsWith(arg, "--") && arg.length > 2) {
      const equals = StringPrototypeIndexOf(arg, "=", 3);
      if (equals !== -1) {
        const name = StringPrototypeSlice(arg, 2, equals);
        ArrayPrototypePush(tokens, {
          kind: "option",
          name,
          rawName: `--${name}`,
          index,
          value: StringPrototypeSlice(arg, equals + 1),
          inlineValue: true,
        });
        continue;
      }
      const name = StringPrototypeSlice(arg, 2);
      let value;
      let inlineValue;
      if (isString(name) && queue.length > 0) {
        value = ArrayPrototypeShift(queue).arg;
        inlineValue = false;
      }
      ArrayPrototypePush(tokens, { kind: "option", name, rawName: arg, index, value, inlineValue });
    } else {
      ArrayPrototypePush(tokens, { kind: "positional", index, value: arg });
    }
  }
  return tokens;
}

function checkToken(token, options, allowPositionals, allowNegative) {
  const { name, rawName, value } = token;
  if (!ObjectHasOwn(options, name)) {
    throw new ERR_PARSE_ARGS_UNKNOWN_OPTION(rawName, allowPositionals);
  }
  const { short, type } = options[name];
  const shown = `${short ? `-${short}, ` : ""}--${name}`;
  if (type === "string" && typeof value !== "string") {
    throw new ERR_PARSE_ARGS_INVALID_OPTION_VALUE(`Option '${shown} <value>' argument missing`);
  }
  if (type === "boolean" && value != null) {
    throw new ERR_PARSE_ARGS_INVALID_OPTION_VALUE(`Option '${shown}' does not take an argument`);
  }
  if (type === "string" && !token.inlineValue && value.length > 1 && value[0] === "-") {
    const example = StringPrototypeStartsWith(rawName, "--") ? `'${rawName}=-XYZ'` : `'--${name}=-XYZ' or '${rawName}-XYZ'`;
    throw new ERR_PARSE_ARGS_INVALID_OPTION_VALUE(
      `Option '${rawName}' argument is ambiguous.\nDid you forget to specify the option argument for '${rawName}'?\n` +
        `To specify an option argument starting with a dash use ${example}.`,
    );
  }
}

exports.parseArgs = function parseArgs(config = {}) {
  validateObject(config, "config");
  const { strict = true, tokens: wantTokens = false, allowNegative = false, options = {} } = config;
  const { args = ArrayPrototypeSlice(processObject().argv, 2), allowPositionals = !strict } = config;
  validateArray(args, "args");
  validateBoolean(strict, "strict");
  validateBoolean(allowPositionals, "allowPositionals");
  validateBoolean(wantTokens, "tokens");
  validateBoolean(allowNegative, "allowNegative");
  checkOptions(options);

  const tokens = tokenize(ArrayPrototypeMap(args, String), options);
  const values = { __proto__: null };
  const positionals = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (token.kind === "positional") {
      if (!allowPositionals) throw new ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL(token.value);
      ArrayPrototypePush(positionals, token.value);
    } else if (token.kind === "option") {
      let { name } = token;
      let value = token.value ?? true;
      if (allowNegative && StringPrototypeStartsWith(name, "no-") && token.value === undefined) {
        const positive = StringPrototypeSlice(name, 3);
        if (ObjectHasOwn(options, positive) && options[positive].type === "boolean") {
          token.name = name = positive;
          value = false;
        }
      }
      if (strict) checkToken(token, options, allowPositionals);
      if (name === "__proto__") continue;
      if (options[name]?.multiple) ArrayPrototypePush((values[name] ??= []), value);
      else values[name] = value;
    }
  }
  for (let i = 0, list = ObjectEntries(options); i < list.length; i++) {
    const { 0: name, 1: option } = list[i];
    if (option.default !== undefined && values[name] === undefined) values[name] = option.default;
  }
  const result = { values, positionals };
  if (wantTokens) result.tokens = tokens;
  return result;
};
