/* The request that runs a model. */
const { ArrayPrototypePush, JSONStringify, ObjectKeys } = primordials;
const { isFormData } = require("form_data");
const { isReadableStream } = require("streams");
const { isObject } = require("webidl");
const { serializeForm } = require("url/form");

/** What can only be sent as a body. */
const isStream = (value) => isReadableStream(value) || isFormData(value);

/** The names of inputs that are streams or forms, or have one as `body`. */
function streamKeys(inputs) {
  const keys = ObjectKeys(inputs);
  const found = [];
  for (let i = 0; i < keys.length; i++) {
    const value = inputs[keys[i]];
    if (isStream(value) || (isObject(value) && isStream(value.body))) ArrayPrototypePush(found, keys[i]);
  }
  return found;
}

/** What of the options the service is told. */
function toldOf({ prefix: _, extraHeaders: _1, sessionOptions: _2, signal: _3, ...told }) {
  return told;
}

/** `{ url, init }` for `fetch`; `streamKey` names the input that is the body, if one is. */
function requestOf(model, inputs, options, streamKey, Failure) {
  const told = toldOf(options);
  const headers = (own, last) => ({
    ...options.sessionOptions?.extraHeaders,
    ...options.extraHeaders,
    ...own,
    "cf-consn-sdk-version": "2.0.0",
    "cf-consn-model-id": `${options.prefix ? `${options.prefix}:` : ""}${model}`,
    ...last,
  });
  const made = (url, init) => {
    if (options.signal) init.signal = options.signal;
    return { url, init };
  };
  if (options.websocket) {
    const url = withQuery("/run", { version: "3", body: JSONStringify({ inputs, options: told }) });
    return made(url, { __proto__: null, headers: headers(undefined, { Upgrade: "websocket" }) });
  }
  if (streamKey === undefined) {
    const url = told.gateway?.id ? "/ai-gateway/run?version=3" : "/run?version=3";
    const body = JSONStringify({ inputs, options: told });
    return made(url, { __proto__: null, method: "POST", body, headers: headers({ "content-type": "application/json" }) });
  }
  const { [streamKey]: stream, ...userInputs } = inputs;
  if (told.gateway?.id) throw new Failure("AI Gateway does not support ReadableStreams yet.");
  if (!stream.contentType) throw new Failure("Content-Type is required with ReadableStream inputs");
  const url = withQuery("/run", { ...told, version: "3", userInputs: JSONStringify(userInputs) });
  const { body, contentType } = stream;
  return made(url, { __proto__: null, method: "POST", body, headers: headers({ "content-type": contentType }) });
}

/** A URL with what an object says as its query. */
function withQuery(url, query) {
  const keys = ObjectKeys(query);
  if (keys.length === 0) return url;
  const list = [];
  for (let i = 0; i < keys.length; i++) ArrayPrototypePush(list, keys[i], `${query[keys[i]]}`);
  return `${url}?${serializeForm(list)}`;
}

exports.requestOf = requestOf;
exports.streamKeys = streamKeys;
exports.withQuery = withQuery;
