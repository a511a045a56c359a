/* Batches of messages. `send` is what `stub.queue()` does; `kind` tells workers/answered how the event is received. */
const { ArrayBufferIsView, ArrayPrototypePush, Date, SafeMap, SafeSet, TypeError } = primordials;
const flags = require("flags");
const {
  argumentError,
  defineInterface,
  defineReadOnly,
  elementError,
  fieldError,
  illegalConstructor,
  illegalInvocation,
  toArray,
  toDictionary,
  toInt32,
  toMillis,
  toUint16,
} = require("webidl");
const { ExtendableEvent, kCreateExtendable } = require("events/kinds");
const { isAnyArrayBuffer } = require("fetch/body");
const { STDERR, warn: warnOn } = require("console/output");
const { session } = require("structured_clone");

const inside = { __proto__: null };

/** As the published binary says it. */
const noMembers = (type) =>
  new TypeError(`Cannot initialize ${type} with required members from an undefined or null value.`);

// The caller.

const EITHER = "Expected one of body or serializedBody for each message";

function toMessage(given, index) {
  const bad = () => elementError(index, "ServiceBindingQueueMessage");
  const members = toDictionary(given, bad);
  if (members === undefined) throw noMembers("N7workerd3api7Fetcher26ServiceBindingQueueMessageE");
  const field = (name, type) => fieldError("ServiceBindingQueueMessage", name, type);
  const id = `${members.id}`;
  const timestamp = toMillis(members.timestamp, () => field("timestamp", "date"));
  const { body, serializedBody } = members;
  if (serializedBody !== undefined && !ArrayBufferIsView(serializedBody) && !isAnyArrayBuffer(serializedBody)) {
    throw field("serializedBody", "ArrayBuffer or ArrayBufferView");
  }
  return { __proto__: null, id, timestamp, body, serializedBody, attempts: toUint16(members.attempts) };
}

/** Numbers of messages and bytes that wait, and since when, if that is known. */
function toMetrics(metadata) {
  const members = toDictionary(metadata, () => argumentError("Fetcher", "queue", 3, "MessageBatchMetadata"));
  if (members === undefined) return [0, 0, undefined];
  const metrics = toDictionary(members.metrics, () => fieldError("MessageBatchMetadata", "metrics", "MessageBatchMetrics"));
  if (metrics === undefined) throw noMembers("N7workerd3api19MessageBatchMetricsE");
  const oldest = metrics.oldestMessageTimestamp;
  const bad = () => fieldError("MessageBatchMetrics", "oldestMessageTimestamp", "date");
  return [+metrics.backlogCount, +metrics.backlogBytes, oldest === undefined ? undefined : toMillis(oldest, bad)];
}

/** What describes a batch to its receiver. */
function describe(given, queueName, messages, metadata) {
  if (given === 0) throw argumentError("Fetcher", "queue", 1, "string");
  const name = `${queueName}`;
  const list = toArray(messages);
  if (list === undefined) throw argumentError("Fetcher", "queue", 2, "Array");
  const read = [];
  for (let i = 0; i < list.length; i++) ArrayPrototypePush(read, toMessage(list[i], i));
  const metrics = toMetrics(metadata);
  const encoded = [];
  for (let i = 0; i < read.length; i++) {
    const { id, timestamp, body, serializedBody, attempts } = read[i];
    if ((body === undefined) === (serializedBody === undefined)) throw new TypeError(EITHER);
    const bytes = body === undefined ? ops.copy(serializedBody) : exports.serialize(body);
    ArrayPrototypePush(encoded, [id, timestamp, bytes, attempts]);
  }
  return [name, encoded, metrics];
}

/** What is stored may refer to stubs; messages may not. */
function withoutTokens(run) {
  const { pushToken } = session;
  session.pushToken = undefined;
  try {
    return run();
  } finally {
    session.pushToken = pushToken;
  }
}

// The receiver.

/** What a handler has said of its batch. */
class Verdict {
  ackAll = false;
  retryBatch = { retry: false };
  explicitAcks = new SafeSet();
  /** By the message's id: a delay in seconds, or undefined. */
  retries = new SafeMap();
}

const warn = (text) => warnOn(STDERR, text);

const delayOf = (options, type, method) =>
  toDictionary(options, () => argumentError(type, method, 1, "QueueRetryOptions"))?.delaySeconds;

const toSeconds = (delay) => (delay === undefined ? undefined : toInt32(delay));

class QueueMessage {
  #verdict;
  #id;

  constructor(token, verdict, { 0: id, 1: timestamp, 2: bytes, 3: attempts }) {
    if (token !== inside) throw illegalConstructor();
    this.#verdict = verdict;
    this.#id = id;
    defineReadOnly(this, "attempts", attempts);
    defineReadOnly(this, "body", ops.deserialize(bytes));
    defineReadOnly(this, "timestamp", new Date(timestamp));
    defineReadOnly(this, "id", id);
  }

  retry(options = undefined) {
    if (!(#verdict in this)) throw illegalInvocation();
    const delay = toSeconds(delayOf(options, "QueueMessage", "retry"));
    const verdict = this.#verdict;
    const id = this.#id;
    const late = (done) =>
      warn(
        `Received a call to retry() on message ${id} after ${done}() was already called. Calling retry() on a message after ` +
          `calling ${done}() has no effect.`,
      );
    if (verdict.ackAll) return late("ackAll");
    if (verdict.explicitAcks.has(id)) return late("ack");
    verdict.retries.set(id, delay === undefined ? verdict.retries.get(id) : delay);
  }

  ack() {
    if (!(#verdict in this)) throw illegalInvocation();
    const verdict = this.#verdict;
    const id = this.#id;
    const late = (done) =>
      warn(
        `Received a call to ack() on message ${id} after ${done}() was already called. Calling ack() on a message after ` +
          `calling ${done}() has no effect.`,
      );
    if (verdict.ackAll) return;
    if (verdict.retryBatch.retry) return late("retryAll");
    if (verdict.retries.has(id)) return late("retry");
    verdict.explicitAcks.add(id);
  }
}
defineInterface(QueueMessage);

function retryAll(verdict, options, type) {
  const delay = toSeconds(delayOf(options, type, "retryAll"));
  if (verdict.ackAll) {
    warn(
      "Received a call to retryAll() after ackAll() was already called. Calling retryAll() after calling ackAll() has no effect.",
    );
    return;
  }
  verdict.retryBatch.retry = true;
  if (delay !== undefined) verdict.retryBatch.delaySeconds = delay;
}

function ackAll(verdict) {
  if (verdict.retryBatch.retry) {
    warn(
      "Received a call to ackAll() after retryAll() was already called. Calling ackAll() after calling retryAll() has no effect.",
    );
    return;
  }
  verdict.ackAll = true;
}

function fill(object, verdict, { 0: queueName, 1: messages, 2: { 0: backlogCount, 1: backlogBytes, 2: oldest } }) {
  const metrics = { backlogCount, backlogBytes };
  // 0 stands for an empty queue.
  if (oldest !== undefined && oldest !== 0) metrics.oldestMessageTimestamp = new Date(oldest);
  const made = [];
  for (let i = 0; i < messages.length; i++) ArrayPrototypePush(made, new QueueMessage(inside, verdict, messages[i]));
  defineReadOnly(object, "metadata", { metrics });
  defineReadOnly(object, "queue", queueName);
  defineReadOnly(object, "messages", made);
}

/** What a handler of a module is given. */
class QueueController {
  #verdict;

  constructor(token, verdict, description) {
    if (token !== inside) throw illegalConstructor();
    this.#verdict = verdict;
    fill(this, verdict, description);
  }

  retryAll(options = undefined) {
    if (!(#verdict in this)) throw illegalInvocation();
    retryAll(this.#verdict, options, "QueueController");
  }

  ackAll() {
    if (!(#verdict in this)) throw illegalInvocation();
    ackAll(this.#verdict);
  }
}
defineInterface(QueueController);

/** The same for a listener. */
class QueueEvent extends ExtendableEvent {
  #verdict;

  constructor(token, verdict, description) {
    super(token, "queue");
    this.#verdict = verdict;
    fill(this, verdict, description);
  }

  retryAll(options = undefined) {
    if (!(#verdict in this)) throw illegalInvocation();
    retryAll(this.#verdict, options, "QueueEvent");
  }

  ackAll() {
    if (!(#verdict in this)) throw illegalInvocation();
    ackAll(this.#verdict);
  }
}
defineInterface(QueueEvent);

/** What the caller is told. */
function result(outcome, verdict) {
  const explicitAcks = [];
  const retryMessages = [];
  verdict.explicitAcks.forEach((id) => ArrayPrototypePush(explicitAcks, id));
  verdict.retries.forEach((delaySeconds, msgId) =>
    ArrayPrototypePush(retryMessages, delaySeconds === undefined ? { msgId } : { msgId, delaySeconds }),
  );
  return { outcome, ackAll: verdict.ackAll, retryBatch: verdict.retryBatch, explicitAcks, retryMessages };
}

exports.describe = describe;
/** The bytes of a message's body. */
exports.serialize = (body) => withoutTokens(() => ops.serialize(body));
exports.kind = {
  __proto__: null,
  state: () => new Verdict(),
  controller: (verdict, description) => new QueueController(inside, verdict, description),
  event: (verdict, description) => new QueueEvent(kCreateExtendable, verdict, description),
  noListener: "No event listener registered for queue messages.",
  noHandler: "Handler does not export a queue() function.",
  /** Whether the event ends with the work given to `waitUntil`, and not with its handler. */
  waits: () => !flags.queueConsumerNoWaitForWaitUntil,
  result,
};
