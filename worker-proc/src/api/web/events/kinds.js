/*
 * The events that carry something: CustomEvent, ErrorEvent, MessageEvent, CloseEvent, PromiseRejectionEvent and
 * ExtendableEvent. What they carry stands on the instance, read-only. Relies on `events`.
 */

const { ObjectDefineProperty, ReflectOwnKeys } = primordials;
const {
  constructorError,
  defineInterface,
  fieldError,
  illegalConstructor,
  illegalInvocation,
  toArray,
  elementError,
  toDOMString,
  toDictionary,
  toInt32,
  toUSVString,
} = require("webidl");
const { DOMException } = require("dom_exception");
const { Event, trust } = require("events");

const kCreate = { __proto__: null };

/** Of `message_channel`. */
let isMessagePort;

function defineFields(event, fields) {
  const keys = ReflectOwnKeys(fields);
  for (let i = 0; i < keys.length; i++) {
    ObjectDefineProperty(event, keys[i], {
      __proto__: null,
      value: fields[keys[i]],
      writable: false,
      enumerable: true,
      configurable: true,
    });
  }
}

const optional = (value, convert, fallback) => (value === undefined ? fallback : convert(value));

/** The converted dictionary argument of an event's constructor, or an empty one. */
function initOf(className, dictionary, count, init) {
  if (count < 1) throw constructorError(className, 1, "string");
  return toDictionary(init, () => constructorError(className, 2, dictionary)) ?? { __proto__: null };
}

let detailOf;

class CustomEvent extends Event {
  #detail;
  constructor(type, init) {
    const members = initOf("CustomEvent", "CustomEventInit", arguments.length, init);
    super(type, members);
    this.#detail = members.detail;
  }
  static {
    detailOf = (event) => {
      try {
        return event.#detail;
      } catch {
        throw illegalInvocation();
      }
    };
  }
  get detail() {
    return detailOf(this);
  }
}

let errorFieldsOf;

class ErrorEvent extends Event {
  #fields;
  constructor(type, init) {
    const members = initOf("ErrorEvent", "ErrorEventInit", arguments.length, init);
    super(type, members);
    this.#fields = {
      __proto__: null,
      message: optional(members.message, toDOMString, ""),
      filename: optional(members.filename, toDOMString, ""),
      lineno: optional(members.lineno, toInt32, 0),
      colno: optional(members.colno, toInt32, 0),
      error: members.error,
    };
  }
  static {
    errorFieldsOf = (event) => {
      try {
        return event.#fields;
      } catch {
        throw illegalInvocation();
      }
    };
  }
  get filename() {
    return errorFieldsOf(this).filename;
  }
  get message() {
    return errorFieldsOf(this).message;
  }
  get lineno() {
    return errorFieldsOf(this).lineno;
  }
  get colno() {
    return errorFieldsOf(this).colno;
  }
  get error() {
    return errorFieldsOf(this).error;
  }
}

function toPort(value, error) {
  if (!isMessagePort(value)) throw error();
  return value;
}

class MessageEvent extends Event {
  constructor(type, init) {
    const members = initOf("MessageEvent", "Initializer", arguments.length, init);
    super(type, members);
    const { data = null, origin, lastEventId, source, ports } = members;
    const list = ports === undefined ? [] : toArray(ports, (port, i) => toPort(port, () => elementError(i, "MessagePort")));
    if (list === undefined) throw fieldError("Initializer", "ports", "Array");
    defineFields(this, {
      __proto__: null,
      ports: list,
      source:
        source === undefined || source === null
          ? null
          : toPort(source, () => fieldError("Initializer", "source", "MessagePort")),
      lastEventId: optional(lastEventId, toDOMString, ""),
      origin: optional(origin, toDOMString, ""),
      data,
    });
  }
}

class CloseEvent extends Event {
  constructor(type, init) {
    const members = initOf("CloseEvent", "Initializer", arguments.length, init);
    super(type, members);
    const { code, reason, wasClean } = members;
    defineFields(this, {
      __proto__: null,
      wasClean: !!wasClean,
      reason: optional(reason, toUSVString, ""),
      code: optional(code, toInt32, 0),
    });
  }
}

class PromiseRejectionEvent extends Event {
  constructor(token, type, promise, reason) {
    if (token !== kCreate) throw illegalConstructor();
    super(type);
    defineFields(this, { __proto__: null, reason, promise });
  }
}

let waitUntil = null;
let isExtendableEvent;

class ExtendableEvent extends Event {
  #brand;
  constructor(token, type) {
    if (token !== kCreate) throw illegalConstructor();
    super(type);
  }
  static {
    isExtendableEvent = (value) => value !== null && typeof value === "object" && #brand in value;
  }
  waitUntil(promise) {
    if (!isExtendableEvent(this)) throw illegalInvocation();
    if (!this.isTrusted) {
      throw new DOMException("waitUntil() can only be called on trusted event.", "InvalidStateError");
    }
    waitUntil(promise);
  }
}

defineInterface(CustomEvent);
defineInterface(ErrorEvent);
defineInterface(MessageEvent);
defineInterface(CloseEvent);
defineInterface(PromiseRejectionEvent);
defineInterface(ExtendableEvent);

/** The trusted event of a rejection that nothing handles, or that something handles after all. */
const promiseRejectionEvent = (type, promise, reason) => trust(new PromiseRejectionEvent(kCreate, type, promise, reason));

exports.CloseEvent = CloseEvent;
exports.ErrorEvent = ErrorEvent;
exports.ExtendableEvent = ExtendableEvent;
/** What a subclass of ExtendableEvent passes first to `super`. */
exports.kCreateExtendable = kCreate;
exports.MessageEvent = MessageEvent;
exports.promiseRejectionEvent = promiseRejectionEvent;
/** `message_channel` says what a port is. */
exports.setPorts = (is) => {
  isMessagePort = is;
};
/** The request module says what `event.waitUntil(promise)` does. */
exports.setWaitUntil = (hook) => {
  waitUntil = hook;
};
exports.globals = {
  CloseEvent,
  CustomEvent,
  ErrorEvent,
  ExtendableEvent,
  MessageEvent,
  PromiseRejectionEvent,
};
