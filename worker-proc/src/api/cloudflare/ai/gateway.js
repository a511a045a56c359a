/* The module `cloudflare-internal:aig-api`: AI Gateway, which passes requests on to providers and logs them. */
const { ArrayIsArray, ArrayPrototypePush, Date, JSONStringify, ObjectKeys } = primordials;
const { fetchFrom, jsonOf } = require("wrapped/calls");
const { errorClass, failureOf } = require("ai/errors");

const BASE = "https://workers-binding.ai/ai-gateway";

const AiGatewayInternalError = errorClass("AiGatewayInternalError", false);
const AiGatewayLogNotFound = errorClass("AiGatewayLogNotFound", false);

class AiGateway {
  #fetcher;
  #gatewayId;

  constructor(fetcher, gatewayId) {
    this.#fetcher = fetcher;
    this.#gatewayId = gatewayId;
  }

  async getUrl(provider) {
    const response = await this.#ask(`url/${provider ?? "universal"}`, "GET");
    if (!response.ok) throw await failureOf(response, AiGatewayInternalError);
    return (await jsonOf(response)).result.url;
  }

  async getLog(logId) {
    const { result } = await jsonOf(await this.#askOfLog(logId, "GET"));
    return { ...result, created_at: new Date(result.created_at) };
  }

  async patchLog(logId, data) {
    await this.#askOfLog(logId, "PATCH", JSONStringify(data));
  }

  run(data, options) {
    const requests = ArrayIsArray(data) ? data : [data];
    const sent = [];
    for (let i = 0; i < requests.length; i++) {
      ArrayPrototypePush(sent, { ...requests[i], headers: textsOf(requests[i].headers) });
    }
    const headers = { "content-type": "application/json", ...headersOf(options?.gateway), ...options?.extraHeaders };
    const init = { __proto__: null, method: "POST", body: JSONStringify(sent), headers };
    if (options?.signal) init.signal = options.signal;
    return fetchFrom(this.#fetcher, `${BASE}/universal/run/${this.#gatewayId}`, init);
  }

  #ask(path, method, body = undefined) {
    const init = { __proto__: null, method };
    if (body !== undefined) {
      init.body = body;
      init.headers = { "content-type": "application/json" };
    }
    return fetchFrom(this.#fetcher, `${BASE}/gateways/${this.#gatewayId}/${path}`, init);
  }

  async #askOfLog(logId, method, body = undefined) {
    const response = await this.#ask(`logs/${logId}`, method, body);
    if (response.status === 200) return response;
    if (response.status !== 404) throw await failureOf(response, AiGatewayInternalError);
    throw await failureOf(response, AiGatewayInternalError, "Log Not Found", AiGatewayLogNotFound);
  }
}

/** Headers for a provider, each as text. */
function textsOf(headers) {
  const texts = { ...headers };
  const keys = ObjectKeys(texts);
  for (let i = 0; i < keys.length; i++) {
    const value = texts[keys[i]];
    if (typeof value === "number" || typeof value === "boolean") texts[keys[i]] = `${value}`;
    else if (typeof value === "object" && value !== null) texts[keys[i]] = JSONStringify(value);
  }
  return texts;
}

/** The headers by which a request tells the gateway's options. */
function headersOf(options) {
  const headers = {};
  if (!options) return headers;
  const add = (name, value) => {
    if (value !== undefined) headers[`cf-aig-${name}`] = `${value}`;
  };
  const { skipCache, cacheTtl, metadata, cacheKey, collectLog, eventId, requestTimeoutMs, retries } = options;
  add("skip-cache", skipCache === undefined ? undefined : !!skipCache);
  add("cache-ttl", cacheTtl || undefined);
  add("metadata", metadata ? JSONStringify(metadata) : undefined);
  add("cache-key", cacheKey || undefined);
  add("collect-log", collectLog === undefined ? undefined : !!collectLog);
  add("event-id", eventId);
  add("request-timeout", requestTimeoutMs);
  add("max-attempts", retries?.maxAttempts);
  add("retry-delay", retries?.retryDelayMs);
  add("backoff", retries?.backoff);
  return headers;
}

exports.AiGateway = AiGateway;
exports.AiGatewayInternalError = AiGatewayInternalError;
exports.AiGatewayLogNotFound = AiGatewayLogNotFound;
