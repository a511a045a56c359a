/* UDP: `Datagram`, and the streams of a flow, in whose bodies each datagram is behind its length, in two bytes.
 *
 * Rust (`net/datagrams`) makes and reads the same. A flow stands where streams/duplex stands for other connections.
 */
const { PromisePrototypeThen, TypeError, TypedArrayPrototypeSet, TypedArrayPrototypeSubarray, Uint8Array } = primordials;
const { constructorError, defineInterface, illegalInvocation, isObject } = require("webidl");
const {
  Deferred,
  READABLE,
  internal,
  isView,
  markHandled,
  noop,
  typedArrayName,
  viewByteLength,
} = require("streams/common");
const { DefaultReadable } = require("streams/default");
const { openOutput } = require("streams/duplex");
const { READ_CHUNK_BYTES } = require("streams/native");
const { wrapReadable } = require("streams/readable");
const { BodySource, watch } = require("streams/resource");
const { DefaultWritable } = require("streams/sink");
const { wrapWritable } = require("streams/writable");
const { WRITABLE } = require("streams/writer");

const LENGTH_BYTES = 2;
/** What a length can tell; what UDP takes is a little less. */
const MAX_DATAGRAM_BYTES = 65535;

let dataOf;

class Datagram {
  #data;

  constructor(data) {
    if (typedArrayName(data) !== "Uint8Array") throw constructorError("Datagram", 1, "Uint8Array");
    this.#data = data;
  }

  static {
    dataOf = (value) => (isObject(value) && #data in value ? value.#data : undefined);
  }

  get data() {
    if (!(#data in this)) throw illegalInvocation();
    return this.#data;
  }
}
defineInterface(Datagram);

/** Reads datagrams from a native body. */
class FlowSource {
  constructor(source, ended) {
    this.source = source;
    this.ended = ended;
    this.pulls = true;
    this.readable = null;
    /** Bytes that are no whole datagram yet. */
    this.rest = new Uint8Array(0);
  }

  pull() {
    const datagram = this.next();
    if (datagram !== null) {
      this.readable.enqueue(datagram);
      return undefined;
    }
    const read = this.source.read(READ_CHUNK_BYTES);
    if (read === null || isView(read)) return this.arrived(read);
    return PromisePrototypeThen(read, (bytes) => this.arrived(bytes));
  }

  arrived(bytes) {
    if (!this.readable.canEnqueue) return undefined;
    if (bytes === null) {
      this.readable.requestClose();
      this.ended.resolve(undefined);
      return undefined;
    }
    this.rest = joined(this.rest, bytes);
    return this.pull();
  }

  /** The first datagram of what has come, or null. */
  next() {
    const { rest } = this;
    const length = viewByteLength(rest);
    if (length < LENGTH_BYTES) return null;
    const end = LENGTH_BYTES + rest[0] * 256 + rest[1];
    if (length < end) return null;
    const data = new Uint8Array(end - LENGTH_BYTES);
    TypedArrayPrototypeSet(data, TypedArrayPrototypeSubarray(rest, LENGTH_BYTES, end));
    this.rest = TypedArrayPrototypeSubarray(rest, end);
    return new Datagram(data);
  }

  cancel(reason) {
    this.source.cancel(reason);
  }
}
internal(FlowSource);

function joined(first, second) {
  const length = viewByteLength(first);
  if (length === 0) return second;
  const both = new Uint8Array(length + viewByteLength(second));
  TypedArrayPrototypeSet(both, first);
  TypedArrayPrototypeSet(both, second, length);
  return both;
}

/** Writes datagrams to a native body. */
class FlowSink {
  constructor(sink) {
    this.sink = sink;
  }

  write(datagram) {
    const data = dataOf(datagram);
    if (data === undefined) throw new TypeError("This socket's writable stream only accepts Datagram instances.");
    const length = viewByteLength(data);
    if (length > MAX_DATAGRAM_BYTES) throw new TypeError(`A datagram has at most ${MAX_DATAGRAM_BYTES} bytes.`);
    const framed = new Uint8Array(LENGTH_BYTES + length);
    framed[0] = length >> 8;
    framed[1] = length & 255;
    TypedArrayPrototypeSet(framed, data, LENGTH_BYTES);
    return this.sink.write(framed);
  }

  close() {
    return this.sink.close();
  }

  abort(reason) {
    this.sink.abort(reason);
  }
}
internal(FlowSink);

class Flow {
  constructor(input, sink) {
    const { body: number, end: received } = watch(input);
    const ended = new Deferred();
    PromisePrototypeThen(received, ended.resolve, ended.reject);
    this.received = markHandled(ended.promise);
    this.source = new BodySource(number, undefined);
    this.sink = sink;
    const source = new FlowSource(this.source, ended);
    this.reading = new DefaultReadable(source, 0, undefined);
    source.readable = this.reading;
    this.reading.start(undefined);
    this.writing = new DefaultWritable(new FlowSink(sink), 1, undefined, noop);
    this.writing.start(undefined);
    this.readable = wrapReadable(this.reading);
    this.writable = wrapWritable(this.writing);
  }

  /** Whether nothing more will be written. */
  get isWritten() {
    return this.writing.closing || this.writing.state !== WRITABLE;
  }

  beginEnd() {}

  /** All that waits is sent, and nothing after it. */
  flush() {
    return this.writing.close();
  }

  closeWriting() {
    return this.writing.close();
  }

  end(error) {
    if (this.reading.state === READABLE) {
      this.source.cancel(error);
      this.reading.finish();
    }
    this.stopWriting(error);
  }

  fail(error) {
    if (this.reading.state === READABLE) this.source.cancel(error);
    this.reading.fail(error);
    this.stopWriting(error);
  }

  stopWriting(error) {
    if (this.isWritten) return;
    this.sink.close();
    this.writing.fail(error);
  }
}
internal(Flow);

/** As `openDuplex` of streams/duplex. */
exports.openFlow = (input) => {
  const { sink, output, left } = openOutput();
  return { __proto__: null, duplex: new Flow(input, sink), output, left };
};
exports.globals = { Datagram };
