/*
 * node:child_process: a worker starts no processes; arguments are checked, then the calls throw.
 */

const { ArrayIsArray, ObjectAssign, SymbolDispose } = primordials;
const EventEmitter = require("node:events").default;
const { ERR_METHOD_NOT_IMPLEMENTED } = require("node/common/errors");
const { setLengths, unsupported } = require("node/common/unsupported");
const { validateArray, validateFunction, validateObject, validateString } = require("node/common/validators");

class ChildProcess extends EventEmitter {
  stdin = null;
  stdout = null;
  stderr = null;
  killed = false;
  stdio = [null, null, null, null, null];
  connected = false;
  exitCode = null;
  signalCode = null;
  spawnargs = [];
  spawnfile;

  constructor() {
    super();
    throw new ERR_METHOD_NOT_IMPLEMENTED("child_process.ChildProcess");
  }

  kill() {
    return false;
  }

  send() {
    return false;
  }

  disconnect() {}

  unref() {}

  ref() {}

  [SymbolDispose]() {
    this.kill();
  }
}

function exec(command, options, callback) {
  validateString(command, "command");
  if (options != null) validateObject(options, "options");
  if (callback != null) validateFunction(callback, "callback");
  throw new ERR_METHOD_NOT_IMPLEMENTED("child_process.exec");
}

function fork(modulePath, args, options) {
  if (args != null && typeof args === "object" && !ArrayIsArray(args)) options = args;
  else if (args != null) validateArray(args, "args");
  if (options != null) validateObject(options, "options");
  throw new ERR_METHOD_NOT_IMPLEMENTED("child_process.fork");
}

function spawnSync(command) {
  validateString(command, "command");
  throw new ERR_METHOD_NOT_IMPLEMENTED("child_process.spawnSync");
}

const named = (name) => unsupported(name, `child_process.${name}`);
const childProcess = {
  ChildProcess,
  _forkChild: named("_forkChild"),
  exec,
  execFile: named("execFile"),
  execFileSync: named("execFileSync"),
  execSync: named("execSync"),
  fork,
  spawn: named("spawn"),
  spawnSync,
};

setLengths(ChildProcess.prototype, "kill/1 send/4");
setLengths(childProcess, "_forkChild/2 execFile/4 execFileSync/3 execSync/2 spawnSync/3");

ObjectAssign(exports, childProcess, { default: childProcess });
