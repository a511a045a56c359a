/* What other modules tell tail workers, if the worker has any: `workers` says so before its code runs. Where it has none,
   each of these is the look at one variable. */
"use strict";

let isOn = false;
const record = () => require("trace/record");
const spans = () => require("trace/spans");

/** The worker has tails. */
exports.enable = () => {
  isOn = true;
};

/** A call of `console.log` and its like. */
exports.log = (level, args) => {
  if (isOn) record().log(level, args);
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

/** A message on a diagnostics channel. */
exports.published = (channel, message) => {
  if (isOn) record().published(channel, message);
};

/** Opens a span below the one that runs; undefined where nobody would see it. */
exports.open = (name) => (isOn ? spans().open(name) : undefined);

/** The same for a span below another, if there is that. */
exports.openBelow = (parent, name) => (parent === undefined ? undefined : spans().openBelow(parent, name));

/** Sets attributes of a span, if it is one: names and values in turn. Undefined values are left out. */
exports.set = (span, ...attributes) => {
  if (span !== undefined) spans().set(span, attributes);
};

/** Closes a span, if it is one. */
exports.close = (span) => {
  if (span !== undefined) spans().close(span);
};

/** Runs `call` in a span of that name, which lasts as long as the call or the promise that it returns. */
exports.measure = (name, attributes, call) => (isOn ? spans().measure(name, attributes, call) : call());

/** An event's RPC call: `call` is run in a span of its own. See rpc/serve. */
exports.serve = (path, isCall, call) => (isOn ? spans().serve(path, isCall, call) : call(undefined));
