/*
 * The end and the beginning of a stream's life: `destroy`, the "error" and "close" events, and
 * `_construct`.
 */

const { ObjectAssign, Symbol } = primordials;
const { AbortError, ERR_MULTIPLE_CALLBACK, aggregateTwoErrors } = require("node/common/errors");
const { nextTick } = require("node/timers/next_tick");
const { isDestroyed, isFinished, isRequest, isServerRequest, kDestroyed } = require("node/streams/state");

const kDestroy = Symbol("kDestroy");
const kConstruct = Symbol("kConstruct");

function markErrored(error, ...states) {
  if (!error) return;
  // Reading the stack now keeps the place of the first error.
  void error.stack;
  for (let i = 0; i < states.length; i++) {
    const state = states[i];
    if (state && !state.errored) state.errored = error;
  }
}

function destroy(error, callback) {
  const { _readableState: r, _writableState: w } = this;
  const state = w || r;
  if (w?.destroyed || r?.destroyed) {
    if (typeof callback === "function") callback();
    return this;
  }
  markErrored(error, w, r);
  if (w) w.destroyed = true;
  if (r) r.destroyed = true;
  if (!state.constructed) {
    this.once(kDestroy, (later) => runDestroy(this, aggregateTwoErrors(later, error), callback));
  } else {
    runDestroy(this, error, callback);
  }
  return this;
}

function runDestroy(stream, error, callback) {
  let isCalled = false;
  const onDestroy = (failure) => {
    if (isCalled) return;
    isCalled = true;
    const { _readableState: r, _writableState: w } = stream;
    markErrored(failure, w, r);
    if (w) w.closed = true;
    if (r) r.closed = true;
    if (typeof callback === "function") callback(failure);
    nextTick(() => {
      if (failure) emitError(stream, failure);
      emitClose(stream);
    });
  };
  try {
    stream._destroy(error || null, onDestroy);
  } catch (thrown) {
    onDestroy(thrown);
  }
}

function emitClose(stream) {
  const { _readableState: r, _writableState: w } = stream;
  if (w) w.closeEmitted = true;
  if (r) r.closeEmitted = true;
  if (w?.emitClose || r?.emitClose) stream.emit("close");
}

function emitError(stream, error) {
  const { _readableState: r, _writableState: w } = stream;
  if (w?.errorEmitted || r?.errorEmitted) return;
  if (w) w.errorEmitted = true;
  if (r) r.errorEmitted = true;
  stream.emit("error", error);
}

/** Takes a destroyed stream back to its beginning. */
function undestroy() {
  const { _readableState: r, _writableState: w } = this;
  if (r) {
    ObjectAssign(r, {
      constructed: true,
      closed: false,
      closeEmitted: false,
      destroyed: false,
      errored: null,
      errorEmitted: false,
      reading: false,
      ended: r.readable === false,
      endEmitted: r.readable === false,
    });
  }
  if (w) {
    ObjectAssign(w, {
      constructed: true,
      destroyed: false,
      closed: false,
      closeEmitted: false,
      errored: null,
      errorEmitted: false,
      finalCalled: false,
      prefinished: false,
      ended: w.writable === false,
      ending: w.writable === false,
      finished: w.writable === false,
    });
  }
}

/** Ends a stream with an error, by destroying it or, without autoDestroy, by the event alone. */
function errorOrDestroy(stream, error, sync) {
  const { _readableState: r, _writableState: w } = stream;
  if (w?.destroyed || r?.destroyed) return;
  if (r?.autoDestroy || w?.autoDestroy) {
    stream.destroy(error);
    return;
  }
  if (!error) return;
  markErrored(error, w, r);
  if (sync) nextTick(emitError, stream, error);
  else emitError(stream, error);
}

/** Runs `_construct` at the next tick; `ready` follows its callback. */
function construct(stream, ready) {
  if (typeof stream._construct !== "function") return;
  const { _readableState: r, _writableState: w } = stream;
  if (r) r.constructed = false;
  if (w) w.constructed = false;
  stream.once(kConstruct, ready);
  if (stream.listenerCount(kConstruct) > 1) return;
  nextTick(() => {
    let isCalled = false;
    const onConstruct = (error) => {
      if (isCalled) {
        errorOrDestroy(stream, error ?? new ERR_MULTIPLE_CALLBACK());
        return;
      }
      isCalled = true;
      const state = w || r;
      if (r) r.constructed = true;
      if (w) w.constructed = true;
      if (state.destroyed) stream.emit(kDestroy, error);
      else if (error) errorOrDestroy(stream, error, true);
      else stream.emit(kConstruct);
    };
    try {
      stream._construct((error) => nextTick(onConstruct, error));
    } catch (error) {
      nextTick(onConstruct, error);
    }
  });
}

/** Destroys any kind of stream, also those of other libraries. */
function destroyer(stream, error) {
  if (!stream || isDestroyed(stream)) return;
  if (!error && !isFinished(stream)) error = new AbortError();
  if (isServerRequest(stream)) {
    stream.socket = null;
    stream.destroy(error);
  } else if (isRequest(stream)) stream.abort();
  else if (isRequest(stream.req)) stream.req.abort();
  else if (typeof stream.destroy === "function") stream.destroy(error);
  else if (typeof stream.close === "function") stream.close();
  else if (error) nextTick(() => stream.emit("error", error));
  else nextTick(() => stream.emit("close"));
  if (!stream.destroyed) stream[kDestroyed] = true;
}

ObjectAssign(exports, { construct, destroy, destroyer, errorOrDestroy, undestroy });
