/*
 * `util.parseArgs`: options and positionals out of command-line arguments, as Node documents it.
 */

const {
  ERR_INVALID_ARG_VALUE,
  ERR_PARSE_ARGS_INVALID_OPTION_VALUE,
  ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL,
  ERR_PARSE_ARGS_UNKNOWN_OPTION,
} = require("node/common/errors");
const { validateArray, validateBoolean, validateObject, validateOneOf, validateString } =
  require("node/common/validators");

function checkOptions(options) {
  validateObject(options, "options");
  for (const [name, option] of Object.entries(options)) {
    validateObject(option, `options.${name}`);
    validateOneOf(option.type, `options.${name}.type`, ["string", "boolean"]);
    if (Object.hasOwn(option, "short")) {
      validateString(option.short, `options.${name}.short`);
      if (option.short.length !== 1) {
        throw new ERR_INVALID_ARG_VALUE(`options.${name}.short`, option.short, "must be a single character");
      }
    }
    if (Object.hasOwn(option, "multiple")) validateBoolean(option.multiple, `options.${name}.multiple`);
    if (option.default !== undefined) checkDefault(name, option);
  }
}

function checkDefault(name, option) {
  const label = `options.${name}.default`;
  const checkOne = option.type === "string" ? validateString : validateBoolean;
  if (!option.multiple) return checkOne(option.default, label);
  validateArray(option.default, label);
  option.default.forEach((value, i) => checkOne(value, `${label}[${i}]`));
}

/** Splits arguments into tokens; knows which options take a value, reports nothing. */
function tokenize(args, options) {
  const tokens = [];
  const queue = args.map((arg, index) => ({ arg, index }));
  const longOf = (short) => Object.entries(options).find(([, option]) => option.short === short)?.[0] ?? short;
  const isString = (name) => Object.hasOwn(options, name) && options[name].type === "string";
  while (queue.length > 0) {
    const { arg, index, isGrouped } = queue.shift();
    if (arg === "--" && !isGrouped) {
      tokens.push({ kind: "option-terminator", index });
      for (const rest of queue) tokens.push({ kind: "positional", index: rest.index, value: rest.arg });
      break;
    }
    if (/^-[^-]/.test(arg) && arg.length === 2) {
      const name = longOf(arg[1]);
      let value;
      let inlineValue;
      if (isString(name) && queue.length > 0 && !queue[0].isGrouped) {
        value = queue.shift().arg;
        inlineValue = false;
      }
      tokens.push({ kind: "option", name, rawName: arg, index, value, inlineValue });
    } else if (/^-[^-]/.test(arg)) {
      const name = longOf(arg[1]);
      if (isString(name)) {
        tokens.push({ kind: "option", name, rawName: `-${arg[1]}`, index, value: arg.slice(2), inlineValue: true });
        continue;
      }
      // A group: flags up to the first option that takes a value.
      const expanded = [];
      for (let i = 1; i < arg.length; i++) {
        if (!isString(longOf(arg[i])) || i === arg.length - 1) {
          expanded.push({ arg: `-${arg[i]}`, index, isGrouped: i < arg.length - 1 });
        } else {
          expanded.push({ arg: `-${arg.slice(i)}`, index });
          break;
        }
      }
      queue.unshift(...expanded);
    } else if (arg.startsWith("--") && arg.length > 2) {
      const equals = arg.indexOf("=", 3);
      if (equals !== -1) {
        const name = arg.slice(2, equals);
        tokens.push({ kind: "option", name, rawName: `--${name}`, index, value: arg.slice(equals + 1), inlineValue: true });
        continue;
      }
      const name = arg.slice(2);
      let value;
      let inlineValue;
      if (isString(name) && queue.length > 0) {
        value = queue.shift().arg;
        inlineValue = false;
      }
      tokens.push({ kind: "option", name, rawName: arg, index, value, inlineValue });
    } else {
      tokens.push({ kind: "positional", index, value: arg });
    }
  }
  return tokens;
}

function checkToken(token, options, allowPositionals, allowNegative) {
  const { name, rawName, value } = token;
  if (!Object.hasOwn(options, name)) {
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
    const example = rawName.startsWith("--") ? `'${rawName}=-XYZ'` : `'--${name}=-XYZ' or '${rawName}-XYZ'`;
    throw new ERR_PARSE_ARGS_INVALID_OPTION_VALUE(
      `Option '${rawName}' argument is ambiguous.\nDid you forget to specify the option argument for '${rawName}'?\n` +
        `To specify an option argument starting with a dash use ${example}.`,
    );
  }
}

exports.parseArgs = function parseArgs(config = {}) {
  validateObject(config, "config");
  const { strict = true, tokens: wantTokens = false, allowNegative = false, options = {} } = config;
  const { args = globalThis.process?.argv?.slice(2) ?? [], allowPositionals = !strict } = config;
  validateArray(args, "args");
  validateBoolean(strict, "strict");
  validateBoolean(allowPositionals, "allowPositionals");
  validateBoolean(wantTokens, "tokens");
  validateBoolean(allowNegative, "allowNegative");
  checkOptions(options);

  const tokens = tokenize([...args].map(String), options);
  const values = { __proto__: null };
  const positionals = [];
  for (const token of tokens) {
    if (token.kind === "positional") {
      if (!allowPositionals) throw new ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL(token.value);
      positionals.push(token.value);
    } else if (token.kind === "option") {
      let { name } = token;
      let value = token.value ?? true;
      if (allowNegative && name.startsWith("no-") && token.value === undefined) {
        const positive = name.slice(3);
        if (Object.hasOwn(options, positive) && options[positive].type === "boolean") {
          token.name = name = positive;
          value = false;
        }
      }
      if (strict) checkToken(token, options, allowPositionals);
      if (name === "__proto__") continue;
      if (options[name]?.multiple) (values[name] ??= []).push(value);
      else values[name] = value;
    }
  }
  for (const [name, option] of Object.entries(options)) {
    if (option.default !== undefined && values[name] === undefined) values[name] = option.default;
  }
  const result = { values, positionals };
  if (wantTokens) result.tokens = tokens;
  return result;
};
