/*
 * node:wasi: the options are checked, then the constructor throws.
 */

const { ObjectAssign, ObjectDefineProperty } = primordials;
const { ERR_METHOD_NOT_IMPLEMENTED } = require("node/common/errors");
const { setLengths, unsupported } = require("node/common/unsupported");
const { validateArray, validateBoolean, validateInt32, validateObject, validateOneOf } = require("node/common/validators");

class WASI {
  constructor(options = { version: "unstable" }) {
    validateObject(options, "options");
    validateOneOf(options.version, "options.version", ["unstable", "preview1"]);
    if (options.args !== undefined) validateArray(options.args, "options.args");
    if (options.env !== undefined) validateObject(options.env, "options.env");
    if (options.preopens !== undefined) validateObject(options.preopens, "options.preopens");
    const { stdin = 0, stdout = 1, stderr = 2 } = options;
    validateInt32(stdin, "options.stdin", 0);
    validateInt32(stdout, "options.stdout", 0);
    validateInt32(stderr, "options.stderr", 0);
    if (options.returnOnExit !== undefined) validateBoolean(options.returnOnExit, "options.returnOnExit");
    throw new ERR_METHOD_NOT_IMPLEMENTED("WASI");
  }

  getImportObject() {
    return {};
  }
}
for (let i = 0, names = ["finalizeBindings", "start", "initialize"]; i < names.length; i++) {
  const name = names[i];
  ObjectDefineProperty(WASI.prototype, name, {
    value: unsupported(name, `WASI.${name}`),
    writable: true,
    configurable: true,
  });
}

setLengths(WASI.prototype, "finalizeBindings/1 initialize/1 start/1");

ObjectAssign(exports, { WASI, default: { WASI } });
