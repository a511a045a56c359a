/*
 * node:console: the global console, with the few members Node's has besides.
 */

const { FunctionPrototypeBind, Map, ObjectAssign, ObjectDefineProperty } = primordials;
const { console } = require("console");
const { ERR_METHOD_NOT_IMPLEMENTED } = require("node/common/errors");
const { unsupported } = require("node/common/unsupported");

function Console() {
  throw new ERR_METHOD_NOT_IMPLEMENTED("Console");
}

const names = [
  "log",
  "info",
  "debug",
  "warn",
  "error",
  "dir",
  "time",
  "timeEnd",
  "timeLog",
  "trace",
  "assert",
  "clear",
  "count",
  "countReset",
  "group",
  "groupEnd",
  "table",
  "dirxml",
  "groupCollapsed",
  "profile",
  "profileEnd",
  "timeStamp",
];
for (let i = 0; i < names.length; i++) {
  const name = names[i];
  exports[name] = FunctionPrototypeBind(console[name], console);
  Console.prototype[name] = exports[name];
}
exports.context = Console.prototype.context = console.context = unsupported("context", "Console.context");
exports.createTask = Console.prototype.createTask = console.createTask = unsupported("createTask", "Console.createTask");

ObjectAssign(console, {
  Console,
  _times: new Map(),
  _ignoreErrors: true,
  _stderrErrorHandler() {},
  _stdoutErrorHandler() {},
});
for (let i = 0, names = ["stdout", "stderr"]; i < names.length; i++) {
  const name = names[i];
  ObjectDefineProperty(console, `_${name}`, {
    __proto__: null,
    get: () => require("node/process/stdio")[name],
    enumerable: true,
    configurable: true,
  });
}

exports.Console = Console;
exports.default = console;
