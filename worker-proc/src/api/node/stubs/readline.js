/*
 * node:readline and node:readline/promises: interfaces over an input that is empty.
 */

const EventEmitter = require("node:events").default;
const { inert, self } = require("node/stubs/common");

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

  [Symbol.dispose]() {
    this.close();
  }

  async [Symbol.asyncDispose]() {
    this.close();
  }

  async *[Symbol.asyncIterator]() {
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
    return Promise.resolve("");
  }
};

class Readline {
  commit() {
    return Promise.resolve();
  }
}
inert(Readline.prototype, ["clearLine", "clearScreenDown", "cursorTo", "moveCursor", "rollback"], self);

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

Object.assign(exports, readline, { default: readline });
