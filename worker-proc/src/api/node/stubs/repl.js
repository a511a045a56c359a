/*
 * node:repl: a worker has no terminal; everything that would open one throws.
 */

const { ERR_METHOD_NOT_IMPLEMENTED } = require("node/common/errors");
const { unsupported } = require("node/stubs/common");
const { promises } = require("node:readline");
const { builtinModules } = require("node/module/builtin_modules");

const writer = Object.assign(unsupported("writer"), {
  options: {
    showHidden: false,
    depth: 2,
    colors: true,
    customInspect: true,
    showProxy: true,
    maxArrayLength: 100,
    maxStringLength: 10000,
    breakLength: 80,
    compact: 3,
    sorted: false,
    getters: false,
    numericSeparator: false,
  },
});

class Recoverable extends SyntaxError {
  constructor(error) {
    super();
    this.err = error;
  }
}

class REPLServer extends promises.Interface {
  constructor() {
    super();
    throw new ERR_METHOD_NOT_IMPLEMENTED("REPLServer");
  }
}
for (const name of ["setupHistory", "defineCommand", "displayPrompt", "clearBufferedCommand"]) {
  Object.defineProperty(REPLServer.prototype, name, { value: unsupported(name), writable: true, configurable: true });
}

const publicModules = builtinModules.filter((name) => name[0] !== "_");
const repl = {
  writer,
  start: unsupported("start"),
  Recoverable,
  REPLServer,
  builtinModules: publicModules,
  _builtinLibs: publicModules,
  REPL_MODE_SLOPPY: Symbol("repl-sloppy"),
  REPL_MODE_STRICT: Symbol("repl-strict"),
};

Object.assign(exports, repl, { default: repl });
