/*
 * Makes the functions of node:* modules that a worker cannot have: they throw
 * ERR_METHOD_NOT_IMPLEMENTED, as in the published binary, or do nothing; and gives others the shape that they have there.
 */

const { Number, ObjectDefineProperty, StringPrototypeSplit, Symbol, SymbolToStringTag } = primordials;
const { ERR_METHOD_NOT_IMPLEMENTED } = require("node/common/errors");

/** A function called `name` that throws for `label`. */
exports.unsupported = (name, label = name) =>
  ({
    [name]() {
      throw new ERR_METHOD_NOT_IMPLEMENTED(label);
    },
  })[name];

/** Gives functions of `target` the lengths that they have elsewhere: "name/length" for each that takes something. */
exports.setLengths = function (target, list) {
  const pairs = StringPrototypeSplit(list, " ");
  for (let i = 0; i < pairs.length; i++) {
    const { 0: name, 1: length } = StringPrototypeSplit(pairs[i], "/");
    ObjectDefineProperty(target[name], "length", { __proto__: null, value: Number(length), configurable: true });
  }
};

/** Gives functions that one function makes for many names the length that they have elsewhere. */
exports.setLength = function (functions, length) {
  for (let i = 0; i < functions.length; i++) {
    ObjectDefineProperty(functions[i], "length", { __proto__: null, value: length, configurable: true });
  }
};

/** A module's exports as `import *` shows them. */
exports.asNamespace = (module) =>
  ObjectDefineProperty({ __proto__: null, ...module }, SymbolToStringTag, { __proto__: null, value: "Module" });

/** Adds methods that do nothing and return `result` (or the receiver, for `exports.self`). */
exports.self = Symbol("self");
exports.inert = function (target, names, result) {
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    const method = {
      [name]() {
        return result === exports.self ? this : result;
      },
    }[name];
    ObjectDefineProperty(target, name, { value: method, writable: true, configurable: true, enumerable: false });
  }
};
