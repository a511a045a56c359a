/* The kinds of things that RPC sends by reference, or that hold such: stubs, functions, services, streams, requests and
   responses, signals. Each says how it is listed in the externals and made again from them. */
// own: writer (what an RPC message refers to)
const { ArrayPrototypePush, FunctionPrototypeToString, PromisePrototypeThen, ReflectApply, TypeError } = primordials;
const { TAKEN } = require("streams/common");
const { dataCloneError, registerCloneable, session, unsupportedType } = require("structured_clone");
const { describeError } = require("event");
const { FOR_RPC, partsOfStream, streamOfParts } = require("fetch/body");
const { isRequest, requestOfParts, requestParts } = require("fetch/request");
const { isResponse, responseOfParts, responseParts } = require("fetch/response");
const { headersFromNative, headersToFlat } = require("headers");
const flags = require("flags");
const abort = require("abort");
const streams = require("streams");
const { interfaceNameOf, isObject } = require("webidl");
const {
  MISSING,
  BOUND_STUB,
  OWNED_TARGET,
  READABLE,
  Reader,
  SERVICE,
  SIGNAL,
  TARGET,
  WRITABLE,
  Writer,
  anyWriter,
  currentReader,
  currentWriter,
  read,
  write,
} = require("rpc/externals");
const { isProxy, referentOf } = require("structured_clone/prepare");
const rpc = require("rpc");

const { STUB, SERVICE: SERVICE_STATE, PROMISE, PROPERTY, stateOf } = rpc;

const FOR_RPC_ONLY = "Remote RPC references can only be serialized for RPC.";

const NOT_PERSISTENT = "RpcStub cannot be serialized in this context because it is not a persistent stub.";

/** As V8 says it. */
const notCloned = (object) =>
  dataCloneError(`${typeof object === "function" ? FunctionPrototypeToString(object) : "#<Object>"} could not be cloned.`);

// Stubs, targets, functions.

/** What is sent in place of a parameter that makes duplicates of itself; `same` checks that it made one of its kind. */
function duplicate(object, same, complaint) {
  const dup = object.dup;
  if (typeof dup !== "function") return object;
  const made = ReflectApply(dup, object, []);
  if (!isObject(made) || !same(made)) throw dataCloneError(complaint);
  return made;
}

function writeObject(writer, object, allowInstance, same, complaint) {
  const sent = writer.transfer ? object : duplicate(object, same, complaint);
  return writer.add(OWNED_TARGET, rpc.exportObject(sent, allowInstance, writer.result));
}

function writeStub(writer, state) {
  if (state.channel !== undefined) return writer.add(OWNED_TARGET, rpc.targetOf(state));
  const index = writer.add(TARGET, rpc.targetOf(state));
  if (writer.transfer) ArrayPrototypePush(writer.stubs, state);
  return index;
}

const DUP_FUNCTION =
  "Couldn't create a stub for the function because it has a dup() method which did not return another function. Either remove " +
  "the dup() method or make sure it returns a function.";
const DUP_PROXY =
  "Couldn't create a stub for the Proxy because it has a dup() method which did not return the same underlying type (RpcTarget " +
  "or Function) as the Proxy itself represents. Either remove the dup() method or make sure it returns an RpcTarget.";
const DUP_TARGET =
  "Couldn't create a stub for the RcpTarget because it has a dup() method which did not return another RpcTarget. Either remove " +
  "the dup() method or make sure it returns an RpcTarget.";
const BAD_PROXY =
  "Proxy could not be serialized because it is not a valid RPC receiver type. The Proxy must emulate either a plain object or an " +
  "RpcTarget, as indicated by the Proxy's prototype chain.";

/** A function or proxy. */
function writeReferent(writer, object) {
  const state = stateOf(object);
  if (state !== undefined) {
    if (state.kind === STUB) {
      if (!writer.forCall) throw dataCloneError(NOT_PERSISTENT);
      return writeStub(writer, state);
    }
    if (state.kind === PROMISE) throw unsupportedType("RpcPromise");
    if (state.kind === PROPERTY) throw unsupportedType("RpcProperty");
    throw unsupportedType(interfaceNameOf(object));
  }
  if (!writer.forCall) throw notCloned(object);
  if (!isProxy(object)) return writeObject(writer, object, true, rpc.isFunctionForRpc, DUP_FUNCTION);
  const type = rpc.stubType(object);
  if (type === undefined) throw dataCloneError(BAD_PROXY);
  return writeObject(writer, object, type, (made) => rpc.stubType(made) === type, DUP_PROXY);
}

function readStub(index) {
  const reader = currentReader();
  const state = rpc.makeStub(reader.take(index, TARGET)[0], reader.ofCaller);
  ArrayPrototypePush(reader.stubs, state);
  return state.object;
}

registerCloneable({
  is: (value) => referentOf(value) !== undefined,
  write: (value) => writeReferent(anyWriter(FOR_RPC_ONLY), referentOf(value)),
  read: readStub,
  external: 1,
  stored: {
    tag: 1,
    write: (value) => {
      const object = referentOf(value);
      const state = stateOf(object);
      // Nothing else of the kind is taken.
      if (state?.kind !== STUB) return writeReferent({ __proto__: null, forCall: false }, object);
      if (session.writer === null) checkStorable("RpcStub");
      const token = ops.stubToken(rpc.targetOf(state));
      if (token === undefined) throw dataCloneError(NOT_PERSISTENT);
      if (session.writer !== null) return [session.writer.add(TARGET, rpc.targetOf(state))];
      session.pushToken(token);
      return [];
    },
    read: (fields) => {
      if (fields.length === 0) {
        checkReadable("RpcStub");
        return rpc.makeStub(ops.stubOfToken(nextToken())).object;
      }
      const reader = currentReader();
      const index = fields[0];
      if (reader.isBoundStub(index)) return rpc.makeBoundStub(reader.take(index, BOUND_STUB)[0]).object;
      return rpc.makeStub(reader.take(index, TARGET)[0]).object;
    },
  },
});

// What is stored.

/** Throws where stubs may not be stored. */
function checkStorable(type) {
  if (flags.allowIrrevocableStubStorage && session.pushToken !== undefined) return;
  throw dataCloneError(`${type} cannot be serialized in this context.`);
}

function checkReadable(type) {
  if (!flags.allowIrrevocableStubStorage) throw dataCloneError(`${type} cannot be deserialized in this context.`);
}

function nextToken() {
  const token = session.nextToken?.();
  if (token === undefined) throw dataCloneError(MISSING);
  return token;
}

/** The channel of a service or class that is sent; throws if it may not be. */
function channelToSend({ channel, unsendable }) {
  if (unsendable === undefined) return channel;
  throw typeof unsendable === "string" ? dataCloneError(unsendable) : unsendable();
}

/** The fields of a service or class: its number in props, its token in storage. */
function writeLasting(type, state, isClass) {
  const channel = channelToSend(state);
  if (session.writer !== null) return [session.writer.add(SERVICE, channel, isClass)];
  checkStorable(type);
  return [ops.serviceToken(channel, isClass)];
}

/** The channel or native service again. */
function readLasting(type, field, isClass) {
  if (typeof field === "number") return currentReader().take(field, SERVICE)[0];
  checkReadable(type);
  // The published runtime keeps tokens apart that were not there at once.
  return ops.serviceOfToken(field.length > 0 ? field : nextToken(), isClass);
}

registerCloneable({
  is: rpc.isRpcTarget,
  write: (target) => writeObject(currentWriter(FOR_RPC_ONLY), target, false, rpc.isRpcTarget, DUP_TARGET),
  read: readStub,
  external: 1,
});

// Services.

const isService = (value) => typeof value !== "function" && stateOf(value)?.kind === SERVICE_STATE;

function writeService(fetcher) {
  const writer = anyWriter("ServiceStub cannot be serialized in this context.");
  return writer.add(SERVICE, channelToSend(stateOf(fetcher)));
}

/** The channel or native service again. */
const readService = (index) => currentReader().take(index, SERVICE)[0];

registerCloneable({
  is: isService,
  write: writeService,
  read: (index) => rpc.createFetcher(readService(index)),
  external: 11,
  stored: {
    tag: 11,
    write: (fetcher) => writeLasting("ServiceStub", stateOf(fetcher), false),
    read: (fields) => rpc.createFetcher(readLasting("ServiceStub", fields[0], false)),
  },
});

exports.channelToSend = channelToSend;
exports.readLasting = readLasting;
exports.readService = readService;
exports.writeLasting = writeLasting;
exports.writeService = writeService;

// Streams.

const { WRITER, BODY } = ops.Sink;
const dropWriter = (number) => ops.dropWriter(number);

registerCloneable({
  is: streams.isReadableStream,
  write: (stream) => {
    const writer = currentWriter(FOR_RPC);
    if (streams.isLocked(stream)) throw new TypeError(TAKEN);
    return writer.add(
      READABLE,
      streams.takeBody(stream) || streams.pumpOut(stream, streams.lengthOf(stream) ?? -1, undefined, ops.notBytes),
    );
  },
  read: (index) => {
    const { 0: number, 1: length } = currentReader().take(index, READABLE);
    return streams.readableFromBody(number, length >= 0 ? length : undefined, cancelReceived);
  },
  external: 3,
});

registerCloneable({
  is: streams.isWritableStream,
  write: (stream) => {
    const writer = currentWriter("WritableStream can only be serialized for RPC.");
    if (streams.isWritableLocked(stream)) throw new TypeError("The WritableStream has been locked to a writer.");
    const { [WRITER]: sent, [BODY]: kept } = ops.openSink();
    streams.pumpIn(kept, stream, refuse);
    return writer.add(WRITABLE, sent);
  },
  read: (index) => {
    const { 0: number } = currentReader().take(index, WRITABLE);
    return streams.writableToBody(number, dropWriter);
  },
  external: 2,
});

exports.dropWriter = dropWriter;

/** The reader here wants no more: the stream's source learns why, if there is a reason. */
function cancelReceived(number, reason, given) {
  if (given === undefined) ops.dropBody(number);
  else refuse(number, reason);
}

/** The stream here takes no more: whoever writes to it learns why. */
function refuse(number, reason) {
  const { name, message } = describeError(reason);
  ops.refuse(number, name, message);
}

// Requests and responses.

// What Durable Objects store has no body: only RPC can send one. Fields that are absent have their defaults.

registerCloneable({
  is: isRequest,
  write: requestParts,
  read: requestOfParts,
  stored: {
    tag: 5,
    write: (request) => {
      const parts = requestParts(request);
      const headers = headersFromNative(parts[2]);
      return [
        parts[1],
        [{ method: parts[0], headers, body: null, redirect: parts[3], cf: parts[4], cache: parts[5], signal: parts[6] }],
      ];
    },
    read: (fields) => {
      const { method = "GET", headers, redirect = "follow", cf, cache, signal = null } = fields[1];
      return requestOfParts([method, fields[0], headersToFlat(headers), redirect, cf, cache, signal, null]);
    },
  },
  wire: {
    tag: 5,
    write: (request) => {
      const { 0: method, 1: url, 2: flat, 3: redirect, 4: cf, 5: cache, 6: signal, 7: parts } = requestParts(request);
      const { 0: body, 1: coding } = streamOfParts(parts);
      const init = { headers: headersFromNative(flat), body, redirect, cf };
      if (method !== "GET") init.method = method;
      if (cache !== undefined && cache !== null) init.cache = cache;
      if (signal !== null) init.signal = signal;
      if (coding !== undefined) init.coding = coding;
      return [url, [init]];
    },
    read: (fields) => {
      const { method = "GET", headers, body, redirect = "follow", cf, cache, signal = null, coding } = fields[1];
      const parts = partsOfStream(body, coding);
      return requestOfParts([method, fields[0], flatOf(headers), redirect ?? "follow", cf, cache, signal, parts]);
    },
  },
});

/** Flat headers of a dictionary's, which may be absent. */
const flatOf = (headers) => (headers === undefined || headers === null ? [] : headersToFlat(headers));

registerCloneable({
  is: isResponse,
  write: responseParts,
  read: responseOfParts,
  stored: {
    tag: 6,
    write: (response) => {
      const parts = responseParts(response);
      const headers = headersFromNative(parts[2]);
      return [
        [null],
        [{ status: parts[0], statusText: parts[1], headers, cf: parts[3], webSocket: parts[4], encodeBody: parts[5] }],
      ];
    },
    read: (fields) => {
      const { status = 200, statusText = "", headers, cf, webSocket = null, encodeBody = "automatic" } = fields[1];
      return responseOfParts([status, statusText, headersToFlat(headers), cf, webSocket, encodeBody, null]);
    },
  },
  wire: {
    tag: 6,
    write: (response) => {
      const {
        0: status,
        1: statusText,
        2: flat,
        3: cf,
        4: webSocket,
        5: encodeBody,
        6: parts,
        7: type,
      } = responseParts(response);
      const { 0: body, 1: coding } = streamOfParts(parts);
      const init = { headers: headersFromNative(flat), cf };
      if (status !== 200) init.status = status;
      if (statusText !== "") init.statusText = statusText;
      if (webSocket !== null) init.webSocket = webSocket;
      if (encodeBody !== "automatic") init.encodeBody = encodeBody;
      if (coding !== undefined) init.coding = coding;
      if (type !== undefined) init.type = type;
      return [[body], [init]];
    },
    read: (fields) => {
      const {
        status = 200,
        statusText = "",
        headers,
        cf,
        webSocket = null,
        encodeBody = "automatic",
        coding,
        type,
      } = fields[1];
      const parts = partsOfStream(fields[0], coding);
      return responseOfParts([status, statusText, flatOf(headers), cf, webSocket, encodeBody, parts, type]);
    },
  },
});

// Signals.

const { SIGNAL: OPEN_SIGNAL, TRIGGER } = ops.OpenSignal;
const { BYTES, EXTERNALS } = ops.Reason;

/** The reason's value, or null and the index of the signal. */
abort.transfer.write = (signal) => {
  const writer = currentWriter("AbortSignal can only be serialized for RPC.");
  if (abort.isAborted(signal)) return [abort.abortReason(signal)];
  const { [OPEN_SIGNAL]: sent, [TRIGGER]: trigger } = ops.openSignal();
  abort.addAlgorithm(signal, (reason) => {
    const reasons = new Writer(true, false);
    try {
      write(reason, reasons);
    } catch {
      write(abort.abortError(), reasons);
    }
    ops.trigger(trigger, reasons.externals);
  });
  return [null, writer.add(SIGNAL, sent)];
};

abort.transfer.read = (fields) => {
  const signal = abort.createSignal();
  if (fields.length === 1) {
    abort.abortSignal(signal, fields[0]);
    return signal;
  }
  const { 0: number } = currentReader().take(fields[1], SIGNAL);
  const aborted = (reason) => abort.abortSignal(signal, read(reason[BYTES], new Reader(reason[EXTERNALS])));
  const lost = (error) => abort.abortSignal(signal, error);
  PromisePrototypeThen(PromisePrototypeThen(ops.signalled(number), aborted), undefined, lost);
  return signal;
};
