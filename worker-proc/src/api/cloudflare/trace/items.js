/* What a `tail` handler is given: traces as objects of classes, whose properties are read-only and their own. Made of what
   trace/convert.rs makes. */
const {
  ArrayPrototypePush,
  Date,
  DatePrototypeGetTime,
  ObjectDefineProperty,
  ObjectKeys,
  RegExpPrototypeExec,
  RegExpPrototypeSymbolReplace,
  StringPrototypeCharCodeAt,
  StringPrototypeIncludes,
  TypedArrayPrototypeGetByteLength,
} = primordials;
const { defineInterface, illegalConstructor, illegalInvocation } = require("webidl");

const inside = { __proto__: null };

/** Gives an object its properties, in this order. */
function define(object, fields) {
  const keys = ObjectKeys(fields);
  for (let i = 0; i < keys.length; i++) {
    ObjectDefineProperty(object, keys[i], {
      __proto__: null,
      value: fields[keys[i]],
      writable: false,
      enumerable: true,
      configurable: true,
    });
  }
}

const map = (list, each) => {
  const made = [];
  for (let i = 0; i < list.length; i++) ArrayPrototypePush(made, each(list[i]));
  return made;
};

const make = (Class, fields) => new Class(inside, fields);

/** A class that only this module makes objects of. */
const itemClass = (name) => {
  const { [name]: Class } = {
    [name]: class {
      constructor(token, fields) {
        if (token !== inside) throw illegalConstructor();
        define(this, fields);
      }
    },
  };
  return defineInterface(Class, { name });
};

const TraceItem = itemClass("TraceItem");
const FetchEventInfo = itemClass("FetchEventInfo");
const Response = itemClass("Response");
const JsRpcEventInfo = itemClass("JsRpcEventInfo");
const ScheduledEventInfo = itemClass("ScheduledEventInfo");
const AlarmEventInfo = itemClass("AlarmEventInfo");
const QueueEventInfo = itemClass("QueueEventInfo");
const TailEventInfo = itemClass("TailEventInfo");
const TailItem = itemClass("TailItem");
const HibernatableWebSocketEventInfo = itemClass("HibernatableWebSocketEventInfo");
const Message = itemClass("Message");
const Close = itemClass("Close");
const Failure = itemClass("Error");
const CustomEventInfo = itemClass("CustomEventInfo");
const TraceLog = itemClass("TraceLog");
const TraceException = itemClass("TraceException");
const TraceDiagnosticChannelEvent = itemClass("TraceDiagnosticChannelEvent");

/** A request as a tail worker sees it: what looks like a secret is left out, until it is asked for. */
class Request {
  #detail;

  constructor(token, detail, redacted) {
    if (token !== inside) throw illegalConstructor();
    this.#detail = detail;
    const headers = {};
    for (let i = 0; i < detail.headers.length; i++) {
      const { name, value } = detail.headers[i];
      ObjectDefineProperty(headers, name, {
        __proto__: null,
        value: redacted && isSecret(name) ? "REDACTED" : value,
        writable: true,
        enumerable: true,
        configurable: true,
      });
    }
    define(this, { url: redacted ? redactUrl(detail.url) : detail.url, method: detail.method, headers, cf: detail.cfJson });
  }

  getUnredacted() {
    if (!(#detail in this)) throw illegalInvocation();
    return new Request(inside, this.#detail, false);
  }
}
defineInterface(Request);

const SECRETS = ["auth", "jwt", "key", "secret", "token"];

function isSecret(name) {
  if (name === "cookie" || name === "set-cookie") return true;
  for (let i = 0; i < SECRETS.length; i++) if (StringPrototypeIncludes(name, SECRETS[i])) return true;
  return false;
}

const WORDS = /[A-Za-z0-9_+-]+/g;
const HEX_ID = /^[0-9a-fA-F_+-]*$/;
const MIN_HEX_DIGITS = 32;
const MIN_BASE64_LENGTH = 21;

const count = (text, from, to) => {
  let found = 0;
  for (let i = 0; i < text.length; i++) {
    const code = StringPrototypeCharCodeAt(text, i);
    if (code >= from && code <= to) found++;
  }
  return found;
};

/** Whether a word of a URL looks like an id or a card's number. */
function isId(word) {
  const digits = count(word, 48, 57);
  const hex = digits + count(word, 65, 70) + count(word, 97, 102);
  if (hex >= MIN_HEX_DIGITS && RegExpPrototypeExec(HEX_ID, word) !== null) return true;
  if (word.length >= MIN_BASE64_LENGTH && digits >= 2 && count(word, 65, 90) >= 2 && count(word, 97, 122) >= 2) return true;
  return isCardNumber(word);
}

/** A payment card's number: 13 to 19 digits, of which the last is Luhn's check digit (ISO/IEC 7812). */
function isCardNumber(word) {
  let digits = 0;
  let sum = 0;
  for (let i = word.length - 1; i >= 0; i--) {
    const code = StringPrototypeCharCodeAt(word, i);
    // Separators: + - _
    if (code === 43 || code === 45 || code === 95) continue;
    const digit = code - 48;
    if (digit < 0 || digit > 9) return false;
    const weighed = digits % 2 === 1 ? digit * 2 : digit;
    sum += weighed > 9 ? weighed - 9 : weighed;
    digits++;
  }
  return digits >= 13 && digits <= 19 && sum % 10 === 0;
}

const redactUrl = (url) => RegExpPrototypeSymbolReplace(WORDS, url, (word) => (isId(word) ? "REDACTED" : word));

function socketEvent(info) {
  switch (info.type) {
    case "close":
      return make(Close, { wasClean: info.wasClean, code: info.code, webSocketEventType: "close" });
    case "error":
      return make(Failure, { webSocketEventType: "error" });
    default:
      return make(Message, { webSocketEventType: "message" });
  }
}

function eventOf(info, status) {
  switch (info.type) {
    case "fetch":
      return make(FetchEventInfo, {
        request: new Request(inside, info, true),
        response: status === undefined ? undefined : make(Response, { status }),
      });
    case "jsrpc":
      return make(JsRpcEventInfo, { rpcMethod: info.method });
    case "scheduled":
      return make(ScheduledEventInfo, { cron: info.cron, scheduledTime: DatePrototypeGetTime(info.scheduledTime) });
    case "alarm":
      return make(AlarmEventInfo, { scheduledTime: new Date(DatePrototypeGetTime(info.scheduledTime)) });
    case "queue":
      return make(QueueEventInfo, { batchSize: info.batchSize, queue: info.queueName });
    case "trace":
      return make(TailEventInfo, { consumedEvents: map(info.traces, (scriptName) => make(TailItem, { scriptName })) });
    case "hibernatableWebSocket":
      return make(HibernatableWebSocketEventInfo, { getWebSocketEvent: socketEvent(info.info) });
    default:
      return make(CustomEventInfo, {});
  }
}

/** A trace as a TraceItem. */
exports.traceItem = (raw) =>
  make(TraceItem, {
    wallTime: 0,
    cpuTime: 0,
    truncated: raw.truncated,
    executionModel: raw.executionModel,
    outcome: raw.outcome,
    durableObjectId: raw.object,
    preview: undefined,
    tailAttributes: undefined,
    scriptTags: undefined,
    dispatchNamespace: undefined,
    scriptVersion: undefined,
    entrypoint: raw.entrypoint,
    scriptName: null,
    diagnosticsChannelEvents: map(raw.diagnostics, ({ timestamp, channel, message }) =>
      make(TraceDiagnosticChannelEvent, {
        message: TypedArrayPrototypeGetByteLength(message) === 0 ? undefined : ops.message(message),
        channel,
        timestamp,
      }),
    ),
    exceptions: map(raw.exceptions, ({ timestamp, name, message, stack }) =>
      make(TraceException, { stack, name, message, timestamp }),
    ),
    logs: map(raw.logs, ({ timestamp, level, message, errorInfo }) =>
      make(TraceLog, { errorInfo, message, level, timestamp }),
    ),
    eventTimestamp: raw.eventTimestamp,
    event: eventOf(raw.event, raw.status),
  });
