/* Scheduled events. `describe` is for `stub.scheduled()`; `kind` tells workers/answered how the event is received. */
const { DateNow, DatePrototypeGetTime, NumberIsNaN, ObjectDefineProperty, TypeError } = primordials;
const {
  NOT_A_DATE,
  argumentError,
  defineInterface,
  fieldError,
  illegalConstructor,
  illegalInvocation,
  toDictionary,
} = require("webidl");
const { ExtendableEvent, kCreateExtendable } = require("events/kinds");

const inside = { __proto__: null };

/** Time in milliseconds, and the schedule's text. */
function describe(options) {
  const members = toDictionary(options, () => argumentError("Fetcher", "scheduled", 1, "ScheduledOptions")) ?? {};
  const { scheduledTime, cron } = members;
  let millis = scheduledTime === undefined ? DateNow() : scheduledTime;
  if (typeof millis !== "number") {
    try {
      millis = DatePrototypeGetTime(scheduledTime);
    } catch {
      throw fieldError("ScheduledOptions", "scheduledTime", "date");
    }
  }
  if (NumberIsNaN(millis)) throw new TypeError(NOT_A_DATE);
  return [millis, cron === undefined ? "" : `${cron}`];
}

function fill(object, { 0: scheduledTime, 1: cron }) {
  const show = (name, value) =>
    ObjectDefineProperty(object, name, { __proto__: null, value, writable: false, enumerable: true, configurable: true });
  show("cron", cron);
  show("scheduledTime", scheduledTime);
}

/** What a handler of a module is given. */
class ScheduledController {
  #state;

  constructor(token, state, description) {
    if (token !== inside) throw illegalConstructor();
    this.#state = state;
    fill(this, description);
  }

  noRetry() {
    if (!(#state in this)) throw illegalInvocation();
    this.#state.noRetry = true;
  }
}
defineInterface(ScheduledController);

/** The same for a listener. */
class ScheduledEvent extends ExtendableEvent {
  #state;

  constructor(token, state, description) {
    super(token, "scheduled");
    this.#state = state;
    fill(this, description);
  }

  noRetry() {
    if (!(#state in this)) throw illegalInvocation();
    this.#state.noRetry = true;
  }
}
defineInterface(ScheduledEvent);

exports.globals = { ScheduledEvent };
exports.describe = describe;
exports.kind = {
  __proto__: null,
  state: () => ({ __proto__: null, noRetry: false }),
  controller: (state, description) => new ScheduledController(inside, state, description),
  event: (state, description) => new ScheduledEvent(kCreateExtendable, state, description),
  noListener: "No event listener registered for scheduled event.",
  noHandler: "Handler does not export a scheduled() function",
  waits: () => true,
  /** Another try would not find a handler either. */
  result: (outcome, state, missing) => ({ outcome, noRetry: state.noRetry || missing }),
};
