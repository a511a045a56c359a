/*
 * node:console: the global console, with the few members Node's has besides.
 */

const { FunctionPrototypeBind, Map, ObjectAssign, ObjectDefineProperty } = primordials;
const { console } = require("console");
const { ERR_METHOD_NOT_IMPLEMENTED } = require("node/common/errors");
const { setLengths, unsupported } = require("node/common/unsupported");

function Console(_options) {
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
  Console.prototype[name] = FunctionPrototypeBind(console[name], console);
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
    value: require("node/process/stdio")[name],
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

setLengths(Console.prototype, "assert/1 dir/2 table/2");
exports.Console = Console;
exports.default = console;
