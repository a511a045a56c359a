/* What other modules tell tail workers, if the worker has any: `workers` says so before its code runs. Where it has none,
   each of these is the look at one variable. */

// own: spans() (a module)
const { setListener } = require("console/listener");

let isOn = false;
const record = () => require("trace/record");
const spans = () => require("trace/spans");

/** The worker has tails. */
exports.enable = () => {
  isOn = true;
};

exports.isOn = () => isOn;

/** A call of `console.log` and its like. */
setListener((level, args) => {
  if (isOn) record().log(level, args);
});

/** Advice for the worker's author, as a message of `console.warn`. */
exports.warn = (text) => {
  if (isOn) record().log("warn", [text]);
};

/** An exception that nobody caught. */
exports.exception = (error) => {
  if (isOn) record().exception(error);
};

/** An exception that the worker reports itself, as text. */
exports.reported = (text) => {
  if (isOn) record().reported(text);
};

/** Work that an event does after its answer has failed. */
exports.backgroundFailed = () => {
  if (isOn) record().backgroundFailed();
};

/** The event fails, though something else answers in its place. */
exports.failed = () => {
  if (isOn) record().failed();
};

/** A stream that answers the event has failed. */
exports.bodyFailed = (reason) => {
  if (isOn) record().bodyFailed(reason);
};

/** A message on a diagnostics channel. */
exports.published = (channel, message) => {
  if (isOn) record().published(channel, message);
};

const { NAME, MESSAGE, STACK } = ops.Told;

/** An error as the ops take it. */
exports.told = (name, message, stack) => {
  const parts = [undefined, undefined, undefined];
  parts[NAME] = name;
  parts[MESSAGE] = message;
  parts[STACK] = stack;
  return parts;
};

/* Spans. What opens one returns undefined where nobody would see it; the others take that for no span. */

/** A subrequest's, below the span of `target` if it has one. `headers` is a flat list, `body` what is sent. */
exports.openFetch = (target, method, url, headers, body) =>
  isOn ? spans().openFetch(target, method, url, headers, body) : undefined;

/** Its answer, as the op gives it. */
exports.answered = (span, status, headers, length, webSocket) => {
  if (span !== undefined) spans().answered(span, status, headers, length, webSocket);
};

/** An RPC call's on `target`. */
exports.openCall = (target, path, isCall) => (isOn ? spans().openCall(target, path, isCall) : undefined);

/** Another call's of a service. */
exports.open = (target, name) => (isOn ? spans().open(target, name) : undefined);

/** Sets attributes: names and values in turn; undefined values are left out. */
exports.set = (span, ...attributes) => {
  if (span !== undefined) spans().set(span, attributes);
};

exports.close = (span) => {
  if (span !== undefined) spans().close(span);
};

/** Closes a span once a promise has settled: gives one that settles with it. */
exports.closeAfter = (span, promise) => (span === undefined ? promise : spans().closeAfter(span, () => promise));

/** An event's RPC call, served by `call(done)`; `done` is called once it is answered, if it is given. See rpc/serve. */
exports.serve = (path, isCall, call) => (isOn ? spans().serve(path, isCall, call) : call(undefined));

/** Puts methods of a prototype into spans of their own, named with a prefix; if the worker has tails. */
exports.instrument = (prototype, prefix, names) => {
  if (isOn) spans().instrument(prototype, prefix, names);
};

/** Sets attributes of the span of such a method, while it runs. */
exports.note = (...attributes) => {
  if (isOn) spans().note(attributes);
};
