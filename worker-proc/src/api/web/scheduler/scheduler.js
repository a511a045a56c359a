/* `scheduler.wait`: a timer as a promise, which a signal can cut short. */
const { Promise, PromiseReject } = primordials;
const { abortReason, addAlgorithm, isAborted, isAbortSignal } = require("abort");
const { clearTimer, startTimer } = require("timers");
const { argumentError, defineInterface, fieldError, illegalConstructor, illegalInvocation, toDictionary } =
  require("webidl");

const kCreate = { __proto__: null };
let isScheduler;

class Scheduler {
  #brand;
  constructor(token) {
    if (token !== kCreate) throw illegalConstructor();
  }

  static {
    isScheduler = (value) => value !== null && typeof value === "object" && #brand in value;
  }

  wait(delay, options) {
    if (!isScheduler(this)) throw illegalInvocation();
    try {
      if (arguments.length < 1) throw argumentError("Scheduler", "wait", 1, "number");
      return wait(+delay, toSignal(options));
    } catch (error) {
      return PromiseReject(error);
    }
  }
}

function toSignal(options) {
  const members = toDictionary(options, () => argumentError("Scheduler", "wait", 2, "WaitOptions"));
  const signal = members?.signal;
  if (signal !== undefined && !isAbortSignal(signal)) {
    throw fieldError("WaitOptions", "signal", "AbortSignal");
  }
  return signal;
}

function wait(delay, signal) {
  if (signal === undefined) return new Promise((resolve) => startTimer(() => resolve(), delay));
  if (isAborted(signal)) return PromiseReject(abortReason(signal));
  return new Promise((resolve, reject) => {
    const id = startTimer(() => {
      forget();
      resolve();
    }, delay);
    const forget = addAlgorithm(signal, (reason) => {
      clearTimer(id);
      reject(reason);
    });
  });
}

defineInterface(Scheduler);
const scheduler = new Scheduler(kCreate);

exports.scheduler = scheduler;
exports.globals = { scheduler };
