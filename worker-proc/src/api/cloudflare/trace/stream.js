/* A streaming tail worker's event: `tailStream` is called with the onset, and what it returns with all that follows. */
const { ArrayPrototypePush, PromiseResolve, ReflectApply } = primordials;
const { isObject } = require("webidl");
const { warnOnce } = require("trace/record");

/** What each kind of event is called in a handler object; the others are called by their type. */
const HANDLERS = { __proto__: null, streamDiagnostic: "streamDiagEvent" };

const WRONG_HANDLER = "A worker configured to act as a streaming tail worker does not export a tailStream() handler.";
const FAILED_HANDLER = "A worker configured to act as a streaming tail worker did not return a valid tailStream() handler.";

/** Calls the handler for one event; returns its result. */
function tell(handler, event) {
  if (typeof handler === "function") return ReflectApply(handler, handler, [event]);
  const { type } = event.event;
  const method = handler[HANDLERS[type] ?? type];
  return typeof method === "function" ? ReflectApply(method, handler, [event]) : undefined;
}

/** `call(onset)` calls the worker's handler; undefined if it has none. `stream` is the number of the stream. */
exports.run = async (stream, call) => {
  let events = await ops.nextEvents(stream);
  if (events.length === 0) return;
  if (call === undefined) {
    warnOnce(WRONG_HANDLER);
    return;
  }
  let result;
  try {
    result = call(events[0]);
  } catch {
    warnOnce(FAILED_HANDLER);
    return;
  }
  const handler = await PromiseResolve(result);
  if (!isObject(handler)) {
    if (handler !== undefined) {
      const type = handler === null ? "object" : typeof handler;
      warnOnce(
        "tailStream() handler returned an unusable value. The tailStream() handler is expected to return either a function, an " +
          `object, or undefined. Received ${type}`,
      );
    }
    return;
  }
  // The onset may have come with more.
  for (let i = 1; events.length > 0; events = await ops.nextEvents(stream), i = 0) {
    const results = [];
    for (; i < events.length; i++) ArrayPrototypePush(results, tell(handler, events[i]));
    for (let j = 0; j < results.length; j++) await results[j];
  }
};
