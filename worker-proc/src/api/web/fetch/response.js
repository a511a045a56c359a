/* The Response class, and responses at the isolate's border. */
const {
  ArrayPrototypeIncludes,
  ArrayPrototypePush,
  JSONStringify,
  MathTrunc,
  RangeError,
  String,
  StringPrototypeCharCodeAt,
  StringPrototypeToLowerCase,
  TypeError,
} = primordials;
const {
  Headers,
  MUTABLE,
  IMMUTABLE,
  cloneHeaders,
  deleteHeader,
  getHeader,
  guardOf,
  hasHeader,
  headersFromNative,
  headersToFlat,
  setHeader,
} = require("headers");
const { defineInterface, isObject, argumentError, constructorError, fieldError } = require("webidl");
const trace = require("trace");
const {
  Body,
  NOTHING,
  TEXT_TYPE,
  bodyOfParts,
  bodyParts,
  cloneBody,
  contentOf,
  emptyBody,
  extractBody,
  hasBody,
  isEmpty,
  isRecoded,
  nativeBody,
  sendableAs,
  setBody,
  setType,
  streamOf,
} = require("fetch/body");
const { cancelBody } = require("streams");
const { parseHref } = require("url/href");
const flags = require("flags");

/* Few workers use it. */
const sockets = () => require("websocket");

const NULL_BODY_STATUSES = [101, 204, 205, 304];
const NO_BODY = "Response with null body status (101, 204, 205, or 304) cannot have a body.";
const emptyWarning = (status) =>
  `Constructing a Response with a null body status (${status}) and a non-null, zero-length body. This is technically ` +
  "incorrect, and we recommend you update your code to explicitly pass in a `null` body, e.g. `new Response(null, " +
  `{ status: ${status}, ... })\`. (We continue to allow the zero-length body behavior because it was previously the only way ` +
  "to construct a Response with a null body status. This behavior may change in the future.)";
const REDIRECT_STATUSES = [301, 302, 303, 307, 308];
const TEXT_HEADERS = ["content-type", "text/plain;charset=UTF-8"];
/** Tells `respond` that the headers are TEXT_HEADERS. */
const TEXT_ONLY = 1;

let stateOf, makeResponse;

class State {
  status = 200;
  statusText = "";
  /** A Headers object, or null while it would only hold the Content-Type of text. */
  headers = null;
  url = "";
  redirected = false;
  webSocket = null;
  cf = undefined;
  type = "default";
  encodeBody = "automatic";
}

class Response extends Body {
  #state;

  constructor(bodyInit = null, init = undefined) {
    super();
    const state = (this.#state = new State());
    let content = extractBody(bodyInit);
    setBody(this, content, null);
    if (init !== undefined && init !== null) {
      if (!isObject(init)) throw constructorError("Response", 2, "InitializerDict or Response");
      readInit(state, init);
      if (content.kind !== NOTHING && ArrayPrototypeIncludes(NULL_BODY_STATUSES, state.status)) {
        // As in workerd, a body of no bytes is none: once there was no other way to say so.
        if (!isEmpty(content)) throw new TypeError(NO_BODY);
        trace.warn(emptyWarning(state.status));
        content = nativeBody(0, 0);
        setBody(this, content, null);
      }
    }
    const plain = content.type === null || content.type === TEXT_TYPE;
    if (state.headers !== null || !plain) typed((state.headers ??= new Headers()), content);
  }

  clone() {
    const state = stateOf(this);
    if (state.webSocket !== null) throw new TypeError("Cannot clone a response to a WebSocket handshake.");
    const content = cloneBody(contentOf(this));
    const copy = new State();
    copy.status = state.status;
    copy.statusText = state.statusText;
    copy.headers = state.headers === null ? null : cloneHeaders(state.headers, guardOf(state.headers));
    copy.url = state.url;
    copy.redirected = state.redirected;
    copy.cf = state.cf;
    copy.type = state.type;
    copy.encodeBody = state.encodeBody;
    return makeResponse(copy, content);
  }

  get status() {
    return stateOf(this).status;
  }

  get statusText() {
    return stateOf(this).statusText;
  }

  get headers() {
    return headers(this, stateOf(this));
  }

  get ok() {
    const { status } = stateOf(this);
    return status >= 200 && status < 300;
  }

  get redirected() {
    return stateOf(this).redirected;
  }

  get url() {
    return stateOf(this).url;
  }

  get webSocket() {
    return stateOf(this).webSocket;
  }

  get cf() {
    return stateOf(this).cf;
  }

  get type() {
    return stateOf(this).type;
  }

  static error() {
    const state = new State();
    state.status = 0;
    state.type = "error";
    if (flags.pedanticWpt) state.headers = headersFromNative([], IMMUTABLE);
    return makeResponse(state, nativeBody(0, 0));
  }

  static redirect(url, status = 302) {
    if (arguments.length === 0) throw argumentError("Response", "redirect", 1, "string");
    const text = `${url}`;
    const href = parseHref(text);
    if (href === undefined) throw new TypeError(`Unable to parse URL: ${text}`);
    const code = toStatus(status);
    if (!ArrayPrototypeIncludes(REDIRECT_STATUSES, code)) {
      throw new RangeError(`${code} is not a redirect status code. It must be one of: 301, 302, 303, 307, or 308.`);
    }
    const state = new State();
    state.status = code;
    state.headers = headersFromNative(["location", flags.specCompliantResponseRedirect ? href : text], IMMUTABLE);
    return makeResponse(state, nativeBody(0, 0));
  }

  static json(data, init = undefined) {
    if (arguments.length === 0) throw argumentError("Response", "json", 1, "Value");
    const text = JSONStringify(data);
    if (text === undefined && flags.pedanticWpt) {
      throw new TypeError("Response.json() requires a value that can be serialized to JSON.");
    }
    const response = new Response(null, init);
    const content = extractBody(`${text}`);
    content.type = "application/json";
    const state = response.#state;
    if (ArrayPrototypeIncludes(NULL_BODY_STATUSES, state.status)) {
      throw new TypeError(NO_BODY);
    }
    setBody(response, content, null);
    if (state.headers === null) state.headers = headersFromNative(["content-type", "application/json"]);
    else typed(state.headers, content);
    return response;
  }

  static {
    stateOf = (response) => {
      if (!(#state in response)) contentOf({});
      return response.#state;
    };
    makeResponse = (state, content) => {
      const response = new Response();
      response.#state = state;
      setBody(response, content, null);
      return response;
    };
  }
}
defineInterface(Response);

function typed(headers, content) {
  setType(headers, content);
  return headers;
}

function headers(response, state) {
  if (state.headers === null) {
    const content = contentOf(response);
    state.headers = content.type === null ? new Headers() : headersFromNative(TEXT_HEADERS);
  }
  return state.headers;
}

const toStatus = (value) => MathTrunc(+value) || 0;

function checkStatus({ status, webSocket }) {
  if (webSocket !== null) {
    if (status !== 101) throw new RangeError("Responses with a WebSocket must have status code 101.");
  } else if (status < 200 || status > 599) {
    throw new RangeError("Responses may only be constructed with status codes in the range 200 to 599, inclusive.");
  }
}

function readInit(state, init) {
  if (isResponse(init)) {
    const other = stateOf(init);
    state.status = other.status;
    state.statusText = other.statusText;
    state.headers = cloneHeaders(headers(init, other), MUTABLE);
    state.cf = other.cf;
    state.encodeBody = other.encodeBody;
    state.webSocket = other.webSocket;
    checkStatus(state);
    return;
  }
  const { status, statusText, headers: given, cf, webSocket, encodeBody } = init;
  if (webSocket !== undefined && webSocket !== null) {
    if (!sockets().isWebSocket(webSocket)) throw fieldError("InitializerDict", "webSocket", "WebSocket");
    state.webSocket = webSocket;
  }
  if (status !== undefined) {
    state.status = toStatus(status);
  }
  checkStatus(state);
  if (statusText !== undefined) {
    state.statusText = `${statusText}`;
    for (let i = 0; i < state.statusText.length; i++) {
      const code = StringPrototypeCharCodeAt(state.statusText, i);
      if ((code < 0x20 && code !== 9) || code === 0x7f || code > 0xff) throw new TypeError("Invalid statusText");
    }
  }
  if (given !== undefined && given !== null) {
    if (!isObject(given)) throw fieldError("InitializerDict", "headers", "Headers or Sequence or object");
    state.headers = new Headers(given);
  }
  if (cf !== undefined) {
    if (!isObject(cf)) throw fieldError("InitializerDict", "cf", "Object");
    state.cf = cf;
  }
  if (encodeBody !== undefined) {
    state.encodeBody = String(encodeBody);
    if (state.encodeBody !== "automatic" && state.encodeBody !== "manual") {
      throw new TypeError(`encodeBody: unexpected value: ${state.encodeBody}`);
    }
  }
}

const isResponse = (value) => {
  if (!isObject(value) || !hasBody(value)) return false;
  try {
    stateOf(value);
    return true;
  } catch {
    return false;
  }
};

const { STATUS, STATUS_TEXT, HEADERS, BODY, BODY_LENGTH, WEB_SOCKET } = ops.Received;

/** A response from `fetch`, as the op gives it. */
function receivedResponse(parts, url, redirected, encodeBody = "automatic", toHead = false) {
  const state = new State();
  state.status = parts[STATUS];
  state.statusText = parts[STATUS_TEXT] ?? REASONS[parts[STATUS]] ?? "";
  state.headers = headersFromNative(parts[HEADERS], IMMUTABLE);
  state.url = url;
  state.redirected = redirected;
  if (parts[WEB_SOCKET] !== 0) state.webSocket = sockets().socketOver(parts[WEB_SOCKET]);
  state.encodeBody = encodeBody;
  const isNull = toHead || parts[WEB_SOCKET] !== 0 || ArrayPrototypeIncludes(NULL_BODY_STATUSES, state.status);
  if (isNull && parts[BODY] !== 0) cancelBody(parts[BODY]);
  const coding =
    parts[BODY] === 0 || encodeBody === "manual" ? null : codingNamed(headerOf(parts[HEADERS], "content-encoding"));
  const content =
    parts[BODY] === 0 && !isNull ? emptyBody() : nativeBody(isNull ? 0 : parts[BODY], parts[BODY_LENGTH], coding);
  // An answer to HEAD may be passed on with the length that it tells of.
  if (toHead) content.length = parts[BODY_LENGTH];
  return makeResponse(state, content);
}

const respond = (event, status, statusText, headers, body, webSocket) =>
  ops.respond(event, status, statusText, headers, body, webSocket);

const NOT_ASKED =
  'Worker tried to return a WebSocket in a response to a request which did not contain the header "Upgrade: websocket".';
const EXTENSIONS = "sec-websocket-extensions";

/** Sends a response with a WebSocket to whoever asked for one. */
function sendUpgrade(response, state, request, event) {
  const { requestHeaders } = require("fetch/request");
  const asked = requestHeaders(request);
  if (!asksForWebSocket(asked)) {
    sockets().dropSocket(state.webSocket);
    throw new TypeError(NOT_ASKED);
  }
  const copy = cloneHeaders(headers(response, state), MUTABLE);
  const extensions = sockets().extensionsOf(state.webSocket, headerOf(asked, EXTENSIONS));
  if (!flags.webSocketCompression) deleteHeader(copy, EXTENSIONS);
  else if (extensions !== null && !hasHeader(copy, EXTENSIONS)) setHeader(copy, EXTENSIONS, extensions);
  respond(
    event,
    101,
    state.statusText === "" ? undefined : state.statusText,
    headersToFlat(copy),
    undefined,
    sockets().returnSocket(state.webSocket),
  );
}

/** What a Content-Encoding header asks the runtime to do for the worker, null for nothing. */
function codingNamed(name) {
  return name === "gzip" || (name === "br" && flags.brotliContentEncoding) ? name : null;
}

/** The coding in which a response is to be sent, null for none. */
const codingToSend = ({ headers: given, encodeBody }) =>
  given === null || encodeBody === "manual" ? null : codingNamed(getHeader(given, "content-encoding"));

/** A header of a flat list, or null. */
function headerOf(flat, name) {
  for (let i = 0; i < flat.length; i += 2) if (StringPrototypeToLowerCase(flat[i]) === name) return flat[i + 1];
  return null;
}

/** Whether a flat list of headers asks for a WebSocket. */
function asksForWebSocket(flat) {
  const upgrade = headerOf(flat, "upgrade");
  return upgrade !== null && StringPrototypeToLowerCase(upgrade) === "websocket";
}

const NO_HEADERS = [];

/** Sends the handler's response to whoever asked. Throws if its body is used. */
function sendResponse(response, request, event) {
  const state = stateOf(response);
  if (state.type === "error") {
    throw new TypeError("Return value from serve handler must not be an error response (like Response.error())");
  }
  if (state.webSocket !== null) return sendUpgrade(response, state, request, event);
  const content = contentOf(response);
  const coding = codingToSend(state);
  const recoded = isRecoded(content, coding);
  const body = sendableAs(content, coding, -1, trace.bodyFailed);
  let flat;
  if (state.headers !== null) {
    flat = recoded ? withoutLength(state.headers) : headersToFlat(state.headers);
    if (content.kind === NOTHING && content.length > 0 && getHeader(state.headers, "content-length") === null) {
      const told = ["content-length", `${content.length}`];
      for (let i = 0; i < flat.length; i++) ArrayPrototypePush(told, flat[i]);
      flat = told;
    }
  } else flat = content.type === null ? NO_HEADERS : TEXT_ONLY;
  respond(event, state.status, state.statusText === "" ? undefined : state.statusText, flat, body, 0);
}

/** The length that they tell is not that of what is sent. */
function withoutLength(headers) {
  const sent = cloneHeaders(headers, MUTABLE);
  deleteHeader(sent, "content-length");
  return headersToFlat(sent);
}

const REASONS = {
  __proto__: null,
  101: "Switching Protocols",
  200: "OK",
  201: "Created",
  202: "Accepted",
  203: "Non-Authoritative Information",
  204: "No Content",
  205: "Reset Content",
  206: "Partial Content",
  300: "Multiple Choices",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  305: "Use Proxy",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  407: "Proxy Authentication Required",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  411: "Length Required",
  412: "Precondition Failed",
  413: "Payload Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  416: "Range Not Satisfiable",
  417: "Expectation Failed",
  418: "I'm a teapot",
  421: "Misdirected Request",
  422: "Unprocessable Entity",
  425: "Too Early",
  426: "Upgrade Required",
  428: "Precondition Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  451: "Unavailable For Legal Reasons",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
};

/** A response as values that can be cloned, and from them. Its body is used up. */
function responseParts(response) {
  const state = stateOf(response);
  const flat = headersToFlat(headers(response, state));
  return [
    state.status,
    state.statusText,
    flat,
    state.cf,
    state.webSocket,
    state.encodeBody,
    bodyParts(contentOf(response)),
    state.type,
  ];
}

function responseOfParts(parts) {
  const state = new State();
  state.status = parts[0];
  state.statusText = parts[1];
  state.headers = headersFromNative(parts[2], MUTABLE);
  state.cf = parts[3];
  state.webSocket = parts[4];
  state.encodeBody = parts[5];
  state.type = parts[7];
  return makeResponse(state, bodyOfParts(parts[6]));
}

exports.responseOfParts = responseOfParts;
exports.responseParts = responseParts;
exports.Response = Response;
exports.EXTENSIONS = EXTENSIONS;
exports.REASONS = REASONS;
exports.asksForWebSocket = asksForWebSocket;
exports.codingNamed = codingNamed;
exports.headerOf = headerOf;
exports.isResponse = isResponse;
/** What the accessors give, whatever a worker has put in their place. */
exports.responseBody = (response) => streamOf(contentOf(response));
exports.responseHeaders = (response) => headers(response, stateOf(response));
exports.responseCoding = (response) => codingToSend(stateOf(response));
/** Status, text and flat headers; throws for an answer to a WebSocket's handshake. */
exports.responseHead = (response) => {
  const state = stateOf(response);
  if (state.webSocket !== null) throw new TypeError(NOT_ASKED);
  const { status, statusText } = state;
  const flat = headersToFlat(headers(response, state));
  return { __proto__: null, status, statusText: statusText === "" ? (REASONS[status] ?? "") : statusText, headers: flat };
};
/** The URL that redirects have led to, if there were any. */
exports.redirectedTo = (response) => {
  const { redirected, url } = stateOf(response);
  return redirected ? url : undefined;
};
exports.responseType = (response) => stateOf(response).type;
exports.receivedResponse = receivedResponse;
/** Answers an event. */
exports.respond = respond;
exports.sendResponse = sendResponse;
exports.globals = { Response };
