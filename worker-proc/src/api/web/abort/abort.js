/*
 * AbortController and AbortSignal (DOM section 3). Fetch, streams, timers and event listeners attach their own steps
 * with `addAlgorithm`, which run before any listener of users. Relies on `events`, `dom_exception` and `timers`.
 */

// own: dependents (a SafeSet); algorithms (a SafeMap)
const { ArrayIsArray, ArrayPrototypePush, SafeSet, SafeMap } = primordials;
const { argumentError, defineInterface, elementError, illegalConstructor, illegalInvocation, isObject } = require("webidl");
const flags = require("flags");
const { retryableException } = require("dom_exception");
const { Event, EventTarget, dispatch, removeAllListeners, setSignals, trust } = require("events");
const { startTimer } = require("timers");
const { dataCloneError, registerCloneable, session } = require("structured_clone");

const kCreate = { __proto__: null };

let stateOf;
let isAbortSignal;
let signalOf;

class AbortSignal extends EventTarget {
  #state = {
    __proto__: null,
    aborted: false,
    reason: undefined,
    onabort: null,
    /** Steps to run at abort, by their own identity. */
    algorithms: null,
    /** Signals that `any` made of this one. */
    dependents: null,
  };

  constructor(token) {
    if (token !== kCreate) throw illegalConstructor();
    super();
  }

  static {
    stateOf = (signal) => {
      try {
        return signal.#state;
      } catch {
        throw illegalInvocation();
      }
    };
    isAbortSignal = (value) => isObject(value) && #state in value;
  }

  static abort(reason) {
    const signal = createSignal();
    abortSignal(signal, reason);
    return signal;
  }

  static timeout(delay) {
    if (arguments.length < 1) throw argumentError("AbortSignal", "timeout", 1, "number");
    const signal = createSignal();
    startTimer(
      () => abortSignal(signal, retryableException("The operation was aborted due to timeout", "TimeoutError")),
      +delay,
    );
    return signal;
  }

  static any(signals) {
    if (!ArrayIsArray(signals)) throw argumentError("AbortSignal", "any", 1, "Array");
    const sources = [];
    for (let i = 0; i < signals.length; i++) {
      const source = signals[i];
      if (!isAbortSignal(source)) throw elementError(i, "AbortSignal");
      ArrayPrototypePush(sources, source);
    }
    return anySignal(sources);
  }

  get aborted() {
    return stateOf(this).aborted;
  }
  get reason() {
    return stateOf(this).reason;
  }
  get onabort() {
    return stateOf(this).onabort;
  }
  set onabort(handler) {
    stateOf(this).onabort = isObject(handler) ? handler : null;
  }
  throwIfAborted() {
    const state = stateOf(this);
    if (state.aborted) throw state.reason;
  }
}

class AbortController {
  #signal = createSignal();

  static {
    signalOf = (controller) => {
      try {
        return controller.#signal;
      } catch {
        throw illegalInvocation();
      }
    };
  }

  get signal() {
    return signalOf(this);
  }
  abort(reason) {
    abortSignal(signalOf(this), reason);
  }
}

defineInterface(AbortSignal);
defineInterface(AbortController);

/** A signal that nothing has aborted yet; `abortSignal` does. */
function createSignal() {
  return new AbortSignal(kCreate);
}

const abortError = () => retryableException("The operation was aborted", "AbortError");

/** Aborts a signal and all that depend on it; only the first call has an effect. */
function abortSignal(signal, reason) {
  const state = stateOf(signal);
  if (state.aborted) return;
  const given = reason === undefined ? abortError() : reason;
  const aborted = [signal];
  state.aborted = true;
  state.reason = given;
  // Dependents learn the reason before anybody's steps run.
  for (let i = 0; i < aborted.length; i++) {
    const current = stateOf(aborted[i]);
    const dependents = current.dependents;
    current.dependents = null;
    if (dependents === null) continue;
    dependents.forEach((dependent) => {
      const dependentState = stateOf(dependent);
      if (dependentState.aborted) return;
      dependentState.aborted = true;
      dependentState.reason = given;
      ArrayPrototypePush(aborted, dependent);
    });
  }
  runAbortSteps(aborted);
}

/** Runs what waits on each signal. One that throws does not keep the others from it; the first error stands. */
function runAbortSteps(signals) {
  let failed = false;
  let error;
  for (let i = 0; i < signals.length; i++) {
    const signal = signals[i];
    const state = stateOf(signal);
    const algorithms = state.algorithms;
    state.algorithms = null;
    try {
      if (algorithms !== null) algorithms.forEach((steps) => steps(state.reason));
      dispatch(signal, trust(new Event("abort")));
    } catch (thrown) {
      if (!failed) error = thrown;
      failed = true;
    }
    // No other abort can come: nothing keeps the listeners.
    removeAllListeners(signal);
  }
  if (failed) throw error;
}

/** A signal that aborts with the first of `sources`. */
function anySignal(sources) {
  const signal = createSignal();
  for (let i = 0; i < sources.length; i++) {
    const source = stateOf(sources[i]);
    if (source.aborted) {
      const state = stateOf(signal);
      state.aborted = true;
      state.reason = source.reason;
      return signal;
    }
  }
  for (let i = 0; i < sources.length; i++) {
    const source = stateOf(sources[i]);
    source.dependents ??= new SafeSet();
    source.dependents.add(signal);
  }
  return signal;
}

/** Runs `steps(reason)` when the signal aborts; the caller checks `isAborted` first. Returns what removes it. */
function addAlgorithm(signal, steps) {
  const state = stateOf(signal);
  const key = {};
  state.algorithms ??= new SafeMap();
  state.algorithms.set(key, steps);
  return () => {
    if (state.algorithms !== null) state.algorithms.delete(key);
  };
}

/** How signals pass to other isolates; `rpc/transfer` sets it. */
const transfer = { __proto__: null, write: undefined, read: undefined };

function write(signal) {
  if (!flags.abortSignalRpc) throw dataCloneError("AbortSignal serialization is not enabled.");
  return transfer.write(signal);
}

registerCloneable({
  is: isAbortSignal,
  write,
  read: (value) => transfer.read(value),
  wire: {
    tag: 9,
    write: (signal) => {
      const { length, 0: reason } = write(signal);
      return length === 1 ? [1, 0, [reason]] : [0, 0, [undefined]];
    },
    read: (fields) => {
      if (fields[0] !== 0) return transfer.read([fields[2]]);
      return fields[1] === NEVER_ABORTS ? createSignal() : transfer.read([null, session.reader?.next()]);
    },
  },
});

/** A flag of signals on the wire. */
const NEVER_ABORTS = 1;

const isAborted = (signal) => stateOf(signal).aborted;
setSignals({ __proto__: null, addAlgorithm, isAborted, isAbortSignal });

exports.AbortController = AbortController;
exports.AbortSignal = AbortSignal;
exports.abortError = abortError;
exports.abortReason = (signal) => stateOf(signal).reason;
exports.abortSignal = abortSignal;
exports.addAlgorithm = addAlgorithm;
exports.createSignal = createSignal;
exports.isAborted = isAborted;
exports.isAbortSignal = isAbortSignal;
exports.transfer = transfer;
exports.globals = { AbortController, AbortSignal };
