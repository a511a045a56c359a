/* Service-worker syntax: `addEventListener("fetch", ...)` in a classic script. */
const { ArrayPrototypePush, Error, PromiseResolve, TypeError, globalThis } = primordials;
const { defineInterface } = require("webidl");
const { ExtendableEvent, kCreateExtendable } = require("events/kinds");
const { dispatch, listenerCount, trust } = require("events");

const EVENTS = ["fetch", "scheduled", "test", "queue", "tail", "alarm", "email", "trace"];

/** What a fetch listener is given. */
class FetchEvent extends ExtendableEvent {
  #request;
  #state;

  constructor(token, request, state) {
    super(token, "fetch");
    this.#request = request;
    this.#state = state;
  }

  get request() {
    return this.#request;
  }

  respondWith(response) {
    if (this.#state.responded)
      throw new TypeError("FetchEvent.respondWith() has already been called; it can only be called once.");
    this.#state.responded = true;
    this.#state.response = PromiseResolve(response);
  }

  passThroughOnException() {
    this.#state.passThrough = true;
  }
}
defineInterface(FetchEvent);

/** `default:fetch` and so on for the events that have listeners. */
function handlers() {
  const list = [];
  for (let i = 0; i < EVENTS.length; i++) {
    if (listenerCount(globalThis, EVENTS[i]) > 0) ArrayPrototypePush(list, `default:${EVENTS[i]}`);
  }
  return list;
}

/** The response that a listener gave, as a promise; undefined if none did. */
function fetch(request, state) {
  state.responded = false;
  const fetchEvent = trust(new FetchEvent(kCreateExtendable, request, state));
  if (listenerCount(globalThis, "fetch") === 0) throw new Error("No event listener registered for event type 'fetch'.");
  dispatch(globalThis, fetchEvent);
  return state.response;
}

/** Another event: the listeners get an object with the argument's properties. */
function event(name, argument) {
  if (name === "test") throw new Error("Tests are not currently supported with Service Workers syntax.");
  const made = trust(new ExtendableEvent(kCreateExtendable, name));
  for (const key in argument) made[key] = argument[key];
  dispatch(globalThis, made);
}

/** What dispatches an event of that name; undefined if nobody listens. */
const listener = (name) => (listenerCount(globalThis, name) > 0 ? (made) => void dispatch(globalThis, made) : undefined);

/** A trace, to the listeners of both names. */
function tail(events) {
  const { tailEvent } = require("trace/tail_event");
  dispatch(globalThis, trust(tailEvent("tail", events)));
  dispatch(globalThis, trust(tailEvent("trace", events)));
}

exports.handlers = handlers;
exports.listener = listener;
exports.tail = tail;
exports.fetch = fetch;
exports.event = event;
exports.globals = { FetchEvent };
