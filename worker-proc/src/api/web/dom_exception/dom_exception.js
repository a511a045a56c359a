/*
 * DOMException (Web IDL section 2.8.1). Every module that reports one of its names makes it here. An instance is a
 * plain object with the stack of its creation, not an engine error, so that cloning can tell the two apart.
 */

const { ErrorCaptureStackTrace, ErrorPrototype, ObjectDefineProperty, ObjectSetPrototypeOf } = primordials;
const { defineConstants, defineInterface, toDOMString } = require("webidl");

const codes = {
  __proto__: null,
  IndexSizeError: 1,
  DOMStringSizeError: 2,
  HierarchyRequestError: 3,
  WrongDocumentError: 4,
  InvalidCharacterError: 5,
  NoDataAllowedError: 6,
  NoModificationAllowedError: 7,
  NotFoundError: 8,
  NotSupportedError: 9,
  InUseAttributeError: 10,
  InvalidStateError: 11,
  SyntaxError: 12,
  InvalidModificationError: 13,
  NamespaceError: 14,
  InvalidAccessError: 15,
  ValidationError: 16,
  TypeMismatchError: 17,
  SecurityError: 18,
  NetworkError: 19,
  AbortError: 20,
  URLMismatchError: 21,
  QuotaExceededError: 22,
  TimeoutError: 23,
  InvalidNodeTypeError: 24,
  DataCloneError: 25,
};

const defineField = (object, key, value) =>
  ObjectDefineProperty(object, key, {
    __proto__: null,
    value,
    writable: false,
    enumerable: true,
    configurable: true,
  });

let isDOMException;

class DOMException {
  #brand;

  constructor(message = "", name = "Error") {
    message = toDOMString(message);
    name = toDOMString(name);
    defineField(this, "code", codes[name] ?? 0);
    defineField(this, "name", name);
    defineField(this, "message", message);
    ErrorCaptureStackTrace(this, DOMException);
    ObjectDefineProperty(this, "stack", { __proto__: null, enumerable: true });
  }

  static {
    isDOMException = (value) => value !== null && typeof value === "object" && #brand in value;
  }
}

ObjectSetPrototypeOf(DOMException.prototype, ErrorPrototype);
defineInterface(DOMException);
defineConstants(DOMException, {
  __proto__: null,
  INDEX_SIZE_ERR: 1,
  DOMSTRING_SIZE_ERR: 2,
  HIERARCHY_REQUEST_ERR: 3,
  WRONG_DOCUMENT_ERR: 4,
  INVALID_CHARACTER_ERR: 5,
  NO_DATA_ALLOWED_ERR: 6,
  NO_MODIFICATION_ALLOWED_ERR: 7,
  NOT_FOUND_ERR: 8,
  NOT_SUPPORTED_ERR: 9,
  INUSE_ATTRIBUTE_ERR: 10,
  INVALID_STATE_ERR: 11,
  SYNTAX_ERR: 12,
  INVALID_MODIFICATION_ERR: 13,
  NAMESPACE_ERR: 14,
  INVALID_ACCESS_ERR: 15,
  VALIDATION_ERR: 16,
  TYPE_MISMATCH_ERR: 17,
  SECURITY_ERR: 18,
  NETWORK_ERR: 19,
  ABORT_ERR: 20,
  URL_MISMATCH_ERR: 21,
  QUOTA_EXCEEDED_ERR: 22,
  TIMEOUT_ERR: 23,
  INVALID_NODE_TYPE_ERR: 24,
  DATA_CLONE_ERR: 25,
});

/** The exception of an operation that may succeed when tried again: the peer or the caller went away. */
function retryableException(message, name) {
  const exception = new DOMException(message, name);
  ObjectDefineProperty(exception, "retryable", {
    __proto__: null,
    value: true,
    writable: true,
    enumerable: true,
    configurable: true,
  });
  return exception;
}

exports.DOMException = DOMException;
/** For Rust. */
exports.create = (message, name) => new DOMException(message, name);
exports.isDOMException = isDOMException;
exports.retryableException = retryableException;
exports.globals = { DOMException };
