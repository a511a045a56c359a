/*
 * node:timers/promises.
 */

const { ObjectAssign, Promise, SymbolFor } = primordials;
const { scheduler } = require("scheduler");
const timers = require("node:timers");
const { AbortError, ERR_INVALID_THIS } = require("node/common/errors");
const { validateAbortSignal, validateBoolean, validateNumber, validateObject } = require("node/common/validators");

function checkOptions(options) {
  validateObject(options, "options");
  const { signal, ref } = options;
  if (signal !== undefined) validateAbortSignal(signal, "options.signal");
  if (ref !== undefined) validateBoolean(ref, "options.ref");
  if (signal?.aborted) throw aborted(signal);
  return signal;
}

const aborted = (signal) => new AbortError(undefined, { cause: signal.reason });

/** A promise of `value`, settled by a timer that `begin` starts, or by the signal. */
function wait(begin, end, value, signal) {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      end(timer);
      reject(aborted(signal));
    };
    const timer = begin(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve(value);
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

async function setTimeout(delay, value, options = {}) {
  if (delay !== undefined) validateNumber(delay, "delay");
  const signal = checkOptions(options);
  return wait((done) => timers.setTimeout(done, delay ?? 1), timers.clearTimeout, value, signal);
}

async function setImmediate(value, options = {}) {
  const signal = checkOptions(options);
  return wait((done) => timers.setImmediate(done), timers.clearImmediate, value, signal);
}

async function* setInterval(delay, value, options = {}) {
  if (delay !== undefined) validateNumber(delay, "delay");
  const signal = checkOptions(options);
  let due = 0;
  let wake;
  const timer = new timers.Timeout(
    () => {
      due++;
      wake?.();
    },
    delay,
    undefined,
    true,
    options.ref,
  );
  const onAbort = () => {
    timers.clearInterval(timer);
    wake?.();
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    while (!signal?.aborted) {
      if (due === 0) await new Promise((resolve) => (wake = resolve));
      for (; due > 0; due--) yield value;
    }
    throw aborted(signal);
  } finally {
    timers.clearInterval(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

const kScheduler = SymbolFor("kScheduler");

class Scheduler {
  [kScheduler] = true;

  yield() {
    if (!this[kScheduler]) throw new ERR_INVALID_THIS("Scheduler");
    return setImmediate();
  }

  wait(delay, options) {
    if (!this[kScheduler]) throw new ERR_INVALID_THIS("Scheduler");
    return scheduler.wait(delay, options);
  }
}

const promises = { setTimeout, setImmediate, setInterval, scheduler: new Scheduler() };

ObjectAssign(exports, promises, { default: promises });
