/* Requests of the runtime's own to services, for bindings and caches, and what comes back: the parts of an answer, with none of
   a Response's state. */
const { codingNamed, headerOf, REASONS } = require("fetch/response");
const { cancelBody, readBody } = require("streams");

const { STATUS, STATUS_TEXT, HEADERS, BODY, BODY_LENGTH } = ops.Received;

/** One request, in a span if there is one: a promise of its answer. In an object it waits for what is written. */
exports.ask = (channel, method, url, headers, body, span = undefined, cf = undefined) =>
  ops.fetch(channel, method, url, headers, body, cf, undefined, span);

/** The same for a request that changes nothing, and so waits for nothing. */
exports.askAtOnce = (channel, method, url, headers, body, span) =>
  ops.fetch(channel, method, url, headers, body, undefined, undefined, span, true);

exports.statusOf = (answer) => answer[STATUS];
exports.isOk = (answer) => answer[STATUS] >= 200 && answer[STATUS] < 300;
exports.reasonOf = (answer) => answer[STATUS_TEXT] ?? REASONS[answer[STATUS]] ?? "";

/** A header by its name in lower case, or null. */
exports.headerOf = (answer, name) => headerOf(answer[HEADERS], name);

const coding = (answer) => codingNamed(headerOf(answer[HEADERS], "content-encoding"));

/** The number of the body, decoded; 0 for none. It is the caller's from then on. */
function bodyOf(answer) {
  const number = answer[BODY];
  if (number === 0) return 0;
  const name = coding(answer);
  return name === null ? number : require("compression/content").decode(number, name);
}
exports.bodyOf = bodyOf;

/** Bytes to come of what `bodyOf` gives; -1 if that is unknown. */
exports.lengthOf = (answer) => {
  if (answer[BODY] === 0) return 0;
  return coding(answer) === null ? answer[BODY_LENGTH] : -1;
};

/** All of the body as text, or a promise of that. */
exports.textOf = (answer) => {
  const number = bodyOf(answer);
  return number === 0 ? "" : readBody(number, true, true);
};

/** Does without the body. */
exports.drop = (answer) => {
  if (answer[BODY] !== 0) cancelBody(answer[BODY]);
};

/** Reads the body for nothing, so that its connection can be used again; undefined, or a promise of the end. */
exports.drain = (answer) => (answer[BODY] === 0 ? undefined : readBody(answer[BODY], false));
