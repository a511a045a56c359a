/* The two streams of a connection, over native bodies: what a socket is made of.
 *
 * Used by sockets; compiled for workers that have some.
 */
const { PromisePrototypeThen } = primordials;
const { abortBody, takeBody } = require("streams/body");
const { Deferred, READABLE, internal, markHandled } = require("streams/common");
const { NativeReadable, NativeWritable } = require("streams/native");
const { wrapReadable } = require("streams/readable");
const { BodySink, BodySource, watch } = require("streams/resource");
const { wrapWritable, writableOf } = require("streams/writable");
const writing = require("streams/writer");

const { WRITER, BODY } = ops.Opened;

/** Tells at once when a read finds the end. */
class Received extends NativeReadable {
  constructor(source, ended) {
    super(source);
    this.ended = ended;
  }

  deliver(bytes, request, destination) {
    super.deliver(bytes, request, destination);
    if (bytes === null) this.ended.resolve(undefined);
  }
}

class Duplex {
  /** `input`: the number of the body that is received; `sink`: what is sent goes there. */
  constructor(input, sink, highWaterMark) {
    // The body may also be read to its end by others than the stream.
    const { body: number, end: received } = watch(input);
    const ended = new Deferred();
    PromisePrototypeThen(received, ended.resolve, ended.reject);
    /** A promise of the end of what is received. */
    this.received = markHandled(ended.promise);
    this.reading = new Received(new BodySource(number, undefined), ended);
    this.writing = new NativeWritable(sink, highWaterMark);
    this.readable = wrapReadable(this.reading);
    this.writable = wrapWritable(this.writing);
  }

  /** Whether nothing more will be written. */
  get isWritten() {
    return this.writing.closing || this.writing.state !== writing.WRITABLE;
  }

  /** Users read and write nothing more. */
  beginEnd() {
    this.reading.ending = true;
    this.writing.ending = true;
  }

  flush() {
    return this.writing.flush();
  }

  /** The end of what is sent, after all that waits. */
  closeWriting() {
    return this.writing.close();
  }

  /** Both directions end here and now; `error` is for whoever still reads or writes. What was sent arrives. */
  end(error) {
    this.stopReading(error);
    this.reading.close();
    this.stopWriting(error);
  }

  /** The same, with streams that fail. */
  fail(error) {
    this.stopReading(error);
    this.reading.fail(error);
    this.stopWriting(error);
    // To a writer that was there, too.
    this.writing.endedUnder = null;
  }

  stopReading(error) {
    const { request, source, state } = this.reading;
    if (state !== READABLE) return;
    this.reading.request = null;
    this.reading.destination = null;
    source.cancel(error);
    if (request !== null) request.fail(error);
  }

  stopWriting(error) {
    this.writing.sink.close();
    this.writing.drain(error);
  }
}
internal(Duplex);

/** Where to write a body: a `sink`, the number of the `output` and a promise `left` of its reading's end. */
function openOutput() {
  const { [WRITER]: writer, [BODY]: body } = ops.openBody(-1);
  const { body: output, end: left } = watch(body);
  return { __proto__: null, sink: new BodySink(writer, abortBody), output, left: markHandled(left) };
}

/** A connection over a body that is received: `duplex`, with the `output` and `left` of openOutput. */
function openDuplex(input, highWaterMark = undefined) {
  const { sink, output, left } = openOutput();
  return { __proto__: null, duplex: new Duplex(input, sink, highWaterMark), output, left };
}

/** One of native streams that were received as such; `abort(number, reason)` cuts off what is sent. */
function joinDuplex(readable, writable, abort) {
  const taken = writableOf(writable);
  taken.end();
  return new Duplex(takeBody(readable), new BodySink(taken.sink.number, abort), undefined);
}

exports.joinDuplex = joinDuplex;
exports.openDuplex = openDuplex;
exports.openOutput = openOutput;
