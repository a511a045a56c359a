/* An Analytics Engine binding. Each data point is a POST of JSON to the binding's service, as workerd words it; nobody waits
   for its answer. Compiled for workers that have one. */
const {
  ArrayPrototypeJoin,
  DateNow,
  Number,
  NumberIsFinite,
  ObjectIs,
  PromisePrototypeThen,
  TypeError,
  TypedArrayPrototypeGetByteLength,
} = primordials;
const {
  argumentError,
  defineInterface,
  fieldError,
  illegalConstructor,
  illegalInvocation,
  isObject,
  toArray,
  toDictionary,
  toUSVString,
} = require("webidl");
const { ask, isOk, statusOf } = require("fetch/answer");
const { encodeUtf8 } = require("encoding");
const { bytesIn } = require("streams/native");
const { release, retain } = require("event");
const { ASYNC, logOnly } = require("report_error");

/** The most doubles, and as many blobs. */
const MAX_MEMBERS = 20;
const MAX_BLOBS_BYTES = 16000;
const MAX_INDEXES = 1;
const MAX_INDEX_BYTES = 96;

const inside = { __proto__: null };

class AnalyticsEngine {
  #channel;
  #dataset;

  constructor(token, channel, dataset) {
    if (token !== inside) throw illegalConstructor();
    this.#channel = channel;
    this.#dataset = dataset;
  }

  writeDataPoint(event = undefined) {
    if (!isObject(this) || !(#channel in this)) throw illegalInvocation();
    const members =
      toDictionary(event, () => argumentError("AnalyticsEngine", "writeDataPoint", 1, "AnalyticsEngineEvent")) ?? {};
    const indexes = listOf(members, "indexes", toBytes);
    const doubles = listOf(members, "doubles", Number);
    const blobs = listOf(members, "blobs", toBytes);
    send(this.#channel, toJson(this.#dataset, indexes, doubles, blobs));
  }
}
defineInterface(AnalyticsEngine);

function listOf(members, field, convert) {
  const value = members[field];
  if (value === undefined) return [];
  const list = toArray(value, (item) => convert(item));
  if (list === undefined) throw fieldError("AnalyticsEngineEvent", field, "Array");
  return list;
}

/** The bytes of a blob or index, null where there is none. */
function toBytes(item) {
  if (item === undefined || item === null) return null;
  return (isObject(item) ? bytesIn(item) : undefined) ?? encodeUtf8(toUSVString(item));
}

const refuse = (why) => {
  throw new TypeError(`writeDataPoint(): ${why}`);
};

/** Checks the data point, and tells of it as Cap'n Proto's JSON would. */
function toJson(dataset, indexes, doubles, blobs) {
  if (indexes.length > MAX_INDEXES) refuse(`Maximum of ${MAX_INDEXES} indexes supported.`);
  if (blobs.length > MAX_MEMBERS) refuse(`Maximum of ${MAX_MEMBERS} blobs supported.`);
  if (doubles.length > MAX_MEMBERS) refuse(`Maximum of ${MAX_MEMBERS} doubles supported.`);
  const index = indexes[0] ?? encodeUtf8("");
  if (TypedArrayPrototypeGetByteLength(index) > MAX_INDEX_BYTES)
    refuse(`Size of indexes[0] exceeds ${MAX_INDEX_BYTES} bytes).`);
  let total = 0;
  for (let i = 0; i < blobs.length; i++) if (blobs[i] !== null) total += TypedArrayPrototypeGetByteLength(blobs[i]);
  if (total > MAX_BLOBS_BYTES) refuse(`Cumulative size of blobs exceeds ${MAX_BLOBS_BYTES} bytes).`);
  let json = `{"accountId":"1","dataset":${bytesOf(encodeUtf8(dataset))},"schemaVersion":"0","index1":${bytesOf(index)}`;
  // In nanoseconds.
  json += `,"timestamp":"${DateNow()}000000"`;
  for (let i = 0; i < MAX_MEMBERS; i++) json += `,"double${i + 1}":${numberOf(i < doubles.length ? doubles[i] : 0)}`;
  for (let i = 0; i < blobs.length; i++) if (blobs[i] !== null) json += `,"blob${i + 1}":${bytesOf(blobs[i])}`;
  return `${json}}`;
}

const bytesOf = (bytes) => `[${ArrayPrototypeJoin(bytes, ",")}]`;

function numberOf(number) {
  if (!NumberIsFinite(number)) return `"${number}"`;
  return ObjectIs(number, -0) ? "-0" : `${number}`;
}

/** The event goes on until the service has answered; a failure is for the log. */
function send(channel, json) {
  const failed = (error) => {
    release();
    logOnly(ASYNC, error);
  };
  const answered = (answer) => {
    if (!isOk(answer)) throw new TypeError(`A data point of Analytics Engine was answered ${statusOf(answer)}.`);
    release();
  };
  retain();
  PromisePrototypeThen(
    PromisePrototypeThen(ask(channel, "POST", "https://fake-host", [], json), answered),
    undefined,
    failed,
  );
}

exports.bind = ({ service, dataset }) => new AnalyticsEngine(inside, service, dataset);
