/*
 * Sessions of node:inspector: commands of the DevTools protocol for the isolate that the code runs in, and events of it.
 */

const { JSONParse, JSONStringify, MapPrototypeForEach, Promise, SafeMap } = primordials;
const EventEmitter = require("node:events").default;
const {
  ERR_INSPECTOR_ALREADY_CONNECTED,
  ERR_INSPECTOR_CLOSED,
  ERR_INSPECTOR_COMMAND,
  ERR_INSPECTOR_NOT_CONNECTED,
  ERR_INSPECTOR_NOT_WORKER,
  ERR_METHOD_NOT_IMPLEMENTED,
} = require("node/common/errors");
const { validateString } = require("node/common/validators");
const { reportError } = require("report_error");
const { queueMicrotask } = require("timers");

let send;

class BaseSession extends EventEmitter {
  #session;
  #lastId = 0;
  #callbacks = new SafeMap();
  #arrived = [];
  #isTelling = false;

  static {
    send = (session, method, params, callback) => session.#send(method, params, callback);
  }

  connect() {
    if (this.#session !== undefined) throw new ERR_INSPECTOR_ALREADY_CONNECTED("The inspector session");
    this.#session = ops.connect();
    if (this.#session === undefined) throw new ERR_METHOD_NOT_IMPLEMENTED("Session.connect");
  }

  connectToMainThread() {
    throw new ERR_INSPECTOR_NOT_WORKER();
  }

  disconnect() {
    if (this.#session === undefined) return;
    ops.disconnect(this.#session);
    this.#session = undefined;
    this.#lastId = 0;
    this.#arrived = [];
    const waiting = this.#callbacks;
    this.#callbacks = new SafeMap();
    MapPrototypeForEach(waiting, (callback) => queueMicrotask(() => callback(new ERR_INSPECTOR_CLOSED())));
  }

  #send(method, params, callback) {
    validateString(method, "method");
    if (this.#session === undefined) throw new ERR_INSPECTOR_NOT_CONNECTED();
    const id = ++this.#lastId;
    const command = { __proto__: null, id, method };
    if (typeof params === "object" && params !== null) command.params = params;
    const message = JSONStringify(command);
    if (callback !== undefined) this.#callbacks.set(id, callback);
    const session = this.#session;
    const arrived = ops.dispatch(session, message);
    // Code that the command ran may have ended the session.
    if (this.#session !== session) return;
    for (let i = 0; i < arrived.length; i++) this.#arrived[this.#arrived.length] = arrived[i];
    this.#tell();
  }

  /** Hands on what has arrived, in its order: what is told of one message may bring more. */
  #tell() {
    if (this.#isTelling) return;
    this.#isTelling = true;
    while (this.#arrived.length > 0) {
      const messages = this.#arrived;
      this.#arrived = [];
      for (let i = 0; i < messages.length && this.#session !== undefined; i++) {
        try {
          this.#hear(JSONParse(messages[i]));
        } catch (error) {
          reportError(error);
        }
      }
    }
    this.#isTelling = false;
  }

  #hear(message) {
    const { id, method, error, result } = message;
    if (id === undefined) {
      this.emit(method, message);
      this.emit("inspectorNotification", message);
      return;
    }
    const callback = this.#callbacks.get(id);
    this.#callbacks.delete(id);
    if (error === undefined) callback?.(null, result);
    else callback?.(new ERR_INSPECTOR_COMMAND(error.code, error.message));
  }
}

class Session extends BaseSession {
  post(method, params, callback) {
    if (!callback && typeof params === "function") {
      callback = params;
      params = undefined;
    }
    send(this, method, params, typeof callback === "function" ? callback : undefined);
  }
}

class PromiseSession extends BaseSession {
  post(method, params) {
    return new Promise((resolve, reject) => {
      send(this, method, params, (error, result) => {
        if (error) reject(error);
        else resolve(result);
      });
    });
  }
}

exports.PromiseSession = PromiseSession;
exports.Session = Session;
