/*
 * node:readline and node:readline/promises: interfaces over an input that is empty.
 */

const { ObjectAssign, PromiseResolve, SymbolAsyncDispose, SymbolAsyncIterator, SymbolDispose } = primordials;
const EventEmitter = require("node:events").default;
const { inert, self, setLengths } = require("node/common/unsupported");

class BaseInterface extends EventEmitter {
  terminal = false;
  line = "";
  cursor = 0;

  getPrompt() {
    return "";
  }

  getCursorPos() {
    return { rows: 0, cols: 0 };
  }

  [SymbolDispose]() {
    this.close();
  }

  async [SymbolAsyncDispose]() {
    this.close();
  }

  async *[SymbolAsyncIterator]() {
    yield "";
  }
}
inert(BaseInterface.prototype, ["pause", "resume"], self);
inert(BaseInterface.prototype, ["setPrompt", "prompt", "close", "write"]);

const callbackInterface = class Interface extends BaseInterface {
  question(query, options, callback) {
    if (typeof options === "function") options("");
    else if (typeof callback === "function") callback("");
  }
};

const promiseInterface = class Interface extends BaseInterface {
  question() {
    return PromiseResolve("");
  }
};

class Readline {
  commit() {
    return PromiseResolve();
  }
}
inert(Readline.prototype, ["clearLine", "clearScreenDown", "cursorTo", "moveCursor", "rollback"], self);
setLengths(Readline.prototype, "clearLine/1 cursorTo/2 moveCursor/2");
setLengths(promiseInterface.prototype, "question/2");

const promises = { Interface: promiseInterface, Readline, createInterface: () => new promiseInterface() };
const readline = {
  clearLine: () => false,
  clearScreenDown: () => false,
  createInterface: () => new callbackInterface(),
  cursorTo: () => false,
  emitKeypressEvents() {},
  moveCursor: () => false,
  Interface: callbackInterface,
  promises,
};

ObjectAssign(exports, readline, { default: readline });
