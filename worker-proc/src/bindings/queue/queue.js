/* A queue to send to. Messages are requests to the binding's service. Compiled for workers that have one. */
const {
  ArrayBufferIsView,
  ArrayBufferPrototypeTransfer,
  ArrayPrototypeJoin,
  ArrayPrototypePush,
  Date,
  Error,
  JSONParse,
  JSONStringify,
  StringPrototypeToLowerCase,
  TypeError,
  Uint8Array,
} = primordials;
const {
  argumentError,
  defineInterface,
  fieldError,
  illegalConstructor,
  illegalInvocation,
  isObject,
  toDictionary,
  toInt32,
  toMillis,
  toSequence,
  toUSVString,
  valueError,
} = require("webidl");
const { byteLengthOf, encodeUtf8 } = require("encoding");
const answers = require("fetch/answer");
const flags = require("flags");
const { checkJson } = require("memory_limit");
const { asyncFailure, viewBuffer, viewByteOffset } = require("streams/common");
const trace = require("trace");

const HOST = "https://fake-host";

const inside = { __proto__: null };

let own;

class WorkerQueue {
  #channel;

  constructor(token, channel) {
    if (token !== inside) throw illegalConstructor();
    this.#channel = channel;
  }

  static {
    own = (queue) => {
      if (!isObject(queue) || !(#channel in queue)) throw illegalInvocation();
      return queue.#channel;
    };
  }

  metrics() {
    const channel = own(this);
    const span = trace.open(undefined, "queue_metrics");
    return trace.closeAfter(span, metrics(channel, span));
  }

  send(body, options = undefined) {
    const channel = own(this);
    try {
      if (arguments.length < 1) throw argumentError("WorkerQueue", "send", 1, "Value");
      const { contentType, delaySeconds } = toSendOptions(options, () =>
        argumentError("WorkerQueue", "send", 2, "SendOptions"),
      );
      requireBody(body);
      const headers = ["Content-Type", "application/octet-stream"];
      let type = contentType === undefined ? undefined : toType(contentType);
      if (type !== undefined) ArrayPrototypePush(headers, "X-Msg-Fmt", type);
      if (delaySeconds !== undefined) ArrayPrototypePush(headers, "X-Msg-Delay-Secs", `${delaySeconds}`);
      if (type === undefined && flags.queuesJsonMessages) {
        type = "json";
        ArrayPrototypePush(headers, "X-Msg-Fmt", type);
      }
      const content = encode(body, type ?? "v8");
      const message = type === "bytes" ? take(content) : content;
      const span = trace.open(undefined, "queue_send");
      return trace.closeAfter(span, send(channel, span, "message", headers, message, SENT));
    } catch (error) {
      return asyncFailure(error);
    }
  }

  sendBatch(messages, options = undefined) {
    const channel = own(this);
    try {
      const batch = toSequence(messages, toRequest);
      if (batch === undefined) throw argumentError("WorkerQueue", "sendBatch", 1, "Sequence");
      const { delaySeconds } = toSendOptions(options, () =>
        argumentError("WorkerQueue", "sendBatch", 2, "SendBatchOptions"),
      );
      if (batch.length === 0) throw new TypeError("sendBatch() requires at least one message");
      const { body, bytes, largest } = encodeBatch(batch);
      const headers = [
        "CF-Queue-Batch-Count",
        `${batch.length}`,
        "CF-Queue-Batch-Bytes",
        `${bytes}`,
        "CF-Queue-Largest-Msg",
        `${largest}`,
        "Content-Type",
        "application/json",
      ];
      if (delaySeconds !== undefined) ArrayPrototypePush(headers, "X-Msg-Delay-Secs", `${delaySeconds}`);
      const span = trace.open(undefined, "queue_send");
      return trace.closeAfter(span, send(channel, span, "batch", headers, body, SENT_BATCH));
    } catch (error) {
      return asyncFailure(error);
    }
  }
}
defineInterface(WorkerQueue);

// What users pass.

const NO_OPTIONS = { __proto__: null, contentType: undefined, delaySeconds: undefined };

function readOptions({ contentType, delaySeconds }) {
  return {
    __proto__: null,
    contentType: contentType === undefined ? undefined : toUSVString(contentType),
    delaySeconds: delaySeconds === undefined ? undefined : toInt32(delaySeconds),
  };
}

function toSendOptions(options, error) {
  const members = toDictionary(options, error);
  return members === undefined ? NO_OPTIONS : readOptions(members);
}

/** One message of a batch. */
function toRequest(given) {
  const members = toDictionary(given, () => valueError("MessageSendRequest"));
  if (members === undefined) throw noMembers("MessageSendRequest");
  const { body } = members;
  return { __proto__: null, body, options: readOptions(members) };
}

/** As the published binary says it. */
const noMembers = (type) =>
  new TypeError(
    `Cannot initialize N7workerd3api11WorkerQueue${type.length}${type}E with required members from an undefined or null value.`,
  );

function requireBody(body) {
  if (body === undefined) throw new TypeError("Message body cannot be undefined");
}

const unsupported = (type) => new TypeError(`Unsupported queue message content type: ${type}`);

function toType(given) {
  const type = StringPrototypeToLowerCase(given);
  if (type !== "text" && type !== "bytes" && type !== "json" && type !== "v8") throw unsupported(given);
  return type;
}

const wrongBody = (type, wanted, body) =>
  new TypeError(`Content Type "${type}" requires a value of type ${wanted}, but received: ${typeof body}`);

/** A message's body: a string or bytes. */
function encode(body, type) {
  switch (type) {
    case "text":
      if (typeof body !== "string") throw wrongBody(type, "string", body);
      return body;
    case "bytes":
      if (!ArrayBufferIsView(body)) throw wrongBody(type, "ArrayBufferView", body);
      return body;
    case "json":
      // As on workerd, what JSON has no text for is `undefined`.
      return `${JSONStringify(body)}`;
    case "v8":
      return require("queue").serialize(body);
    default:
      throw unsupported(type);
  }
}

/** The same bytes; who gave them has them no more, where they can be taken. */
function take(view) {
  const offset = viewByteOffset(view);
  const length = byteLengthOf(view);
  try {
    return new Uint8Array(ArrayBufferPrototypeTransfer(viewBuffer(view)), offset, length);
  } catch {
    return view;
  }
}

function encodeBatch(batch) {
  const parts = [];
  let bytes = 0;
  let largest = 0;
  for (let i = 0; i < batch.length; i++) {
    const { body, options } = batch[i];
    requireBody(body);
    let type = options.contentType;
    // As on workerd, types are to be in lower case here.
    if (type !== undefined) toType(type);
    else if (flags.queuesJsonMessages) type = "json";
    const encoded = encode(body, type ?? "v8");
    const content = typeof encoded === "string" ? encodeUtf8(encoded) : encoded;
    const size = byteLengthOf(content);
    bytes += size;
    if (size > largest) largest = size;
    let part = `{"body":"${ops.base64(content)}"`;
    if (type !== undefined) part += `,"contentType":"${type}"`;
    if (options.delaySeconds !== undefined) part += `,"delaySecs": ${options.delaySeconds}`;
    ArrayPrototypePush(parts, `${part}}`);
  }
  return { __proto__: null, body: `{"messages":[${ArrayPrototypeJoin(parts, ",")}]}`, bytes, largest };
}

// Requests and answers.

/* What the published binary calls the parts of an answer, and an operation that fails. */
const SENT = { __proto__: null, operation: "send", prefix: "Send" };
const SENT_BATCH = { __proto__: null, operation: "sendBatch", prefix: "SendBatch" };

async function send(channel, span, path, headers, content, { operation, prefix }) {
  const body = content.length === 0 || (typeof content !== "string" && byteLengthOf(content) === 0) ? null : content;
  const answer = await answers.ask(channel, "POST", `${HOST}/${path}`, headers, body, span);
  if (answers.statusOf(answer) !== 200) {
    answers.drop(answer);
    if (flags.queueExposeErrorCodes) throw failure(answer);
    throw new Error(`Queue ${operation} failed: ${answers.reasonOf(answer)}`);
  }
  const text = await answers.textOf(answer);
  const response = members(parse(text), `${prefix}Response`, () => new Error(`Failed to parse queue send response${text}`));
  const field = (name, type) => () =>
    fieldError(`${prefix}${type}`, name, `${prefix}${name === "metadata" ? "Metadata" : "Metrics"}`);
  const metadata = members(response.metadata, `${prefix}Metadata`, field("metadata", "Response"));
  const given = members(metadata.metrics, `${prefix}Metrics`, field("metrics", "Metadata"));
  return { metadata: { metrics: toMetrics(given, `${prefix}Metrics`) } };
}

async function metrics(channel, span) {
  const answer = await answers.askAtOnce(channel, "GET", `${HOST}/metrics`, [], null, span);
  if (answers.statusOf(answer) !== 200) {
    answers.drop(answer);
    throw failure(answer);
  }
  const text = await answers.textOf(answer);
  const given = members(parse(text), "Metrics", () => new Error(`Failed to parse queue metrics response${text}`));
  return toMetrics(given, "Metrics");
}

function failure(answer) {
  const cause = answers.headerOf(answer, "cf-queues-error-cause") ?? "Unknown Internal Error";
  return new Error(`${cause} (${answers.headerOf(answer, "cf-queues-error-code") ?? "15000"})`);
}

function parse(text) {
  checkJson(text);
  return JSONParse(text);
}

/** An object of an answer that has members of that type's; `error` makes what is thrown if it is another value. */
function members(value, type, error) {
  const given = toDictionary(value, error);
  if (given === undefined) throw noMembers(type);
  return given;
}

function toMetrics({ backlogCount, backlogBytes, oldestMessageTimestamp }, type) {
  const result = { backlogCount: +backlogCount, backlogBytes: +backlogBytes };
  const bad = () => fieldError(type, "oldestMessageTimestamp", "date");
  // 0 stands for an empty queue.
  const oldest = oldestMessageTimestamp === undefined ? 0 : toMillis(oldestMessageTimestamp, bad);
  if (oldest !== 0) result.oldestMessageTimestamp = new Date(oldest);
  else if (flags.fastJsgStruct) result.oldestMessageTimestamp = undefined;
  return result;
}

exports.bind = (channel) => new WorkerQueue(inside, channel);
