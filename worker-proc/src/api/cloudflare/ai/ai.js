/* The module `cloudflare-internal:ai-api`: models that a service runs. */
const { ArrayPrototypeJoin, JSONParse, ObjectKeys, String } = primordials;
const flags = require("flags");
const { WrappedBinding } = require("wrapped");
const { call, fetchFrom, headerOf, jsonOf, textOf } = require("wrapped/calls");
const { errorClass } = require("ai/errors");
const { requestOf, streamKeys, withQuery } = require("ai/run");

const HOST = "https://workers-binding.ai";

/** What a model's failure is. */
const InferenceUpstreamError = errorClass("InferenceUpstreamError", true);
const AiInternalError = errorClass("AiInternalError", true);
exports.AiInternalError = AiInternalError;
exports.InferenceUpstreamError = InferenceUpstreamError;

class Ai extends WrappedBinding {
  #fetcher;
  lastRequestId = null;
  aiGatewayLogId = null;
  lastRequestHttpStatusCode = null;
  lastRequestInternalStatusCode = null;

  constructor(fetcher) {
    super(fetcher);
    this.#fetcher = fetcher;
  }

  async fetch(input, init) {
    return fetchFrom(this.#fetcher, input, init);
  }

  async run(model, inputs, options = {}) {
    this.lastRequestId = "";
    const streams = options.websocket ? [] : streamKeys(inputs);
    if (streams.length > 1) {
      throw new AiInternalError(
        `Multiple ReadableStreams are not supported. Found streams in keys: [${ArrayPrototypeJoin(streams, ", ")}]`,
      );
    }
    const { url, init } = requestOf(model, inputs, options, streams[0], AiInternalError);
    const response = await fetchFrom(this.#fetcher, `${HOST}${url}`, init);
    this.lastRequestId = headerOf(response, "cf-ai-req-id");
    this.aiGatewayLogId = headerOf(response, "cf-aig-log-id");
    this.lastRequestHttpStatusCode = response.status;
    if (options.returnRawResponse || options.websocket) return response;
    if (!response.ok || !response.body) throw await this._parseError(response);
    return headerOf(response, "content-type") === "application/json" ? jsonOf(response) : response.body;
  }

  /** The error that a failed response tells of. */
  async _parseError(response) {
    const text = await textOf(response);
    try {
      const told = JSONParse(text);
      if (told.internalCode) {
        this.lastRequestInternalStatusCode = told.internalCode;
        return new InferenceUpstreamError(`${told.internalCode}: ${told.description}`, told.name);
      }
      const first = told.errors?.[0];
      if (first) return new InferenceUpstreamError(`${first.code}: ${first.message}`);
    } catch {}
    return new InferenceUpstreamError(text);
  }

  /** There are none any more. */
  getLogs() {
    return [];
  }

  async models(params = {}) {
    const keys = ObjectKeys(params);
    const query = { __proto__: null };
    for (let i = 0; i < keys.length; i++) query[keys[i]] = String(params[keys[i]]);
    const url = withQuery(`${HOST}/ai-api/models/search`, query);
    const response = await fetchFrom(this.#fetcher, url, { __proto__: null, method: "GET" });
    const { result, errors } = await jsonOf(response);
    if (response.status === 200) return result;
    throw new AiInternalError(errors[0]?.message || "Internal Error");
  }

  toMarkdown(files, options) {
    const { ToMarkdownService } = require("cloudflare-internal:to-markdown-api");
    const service = new ToMarkdownService(this.#fetcher);
    return files ? service.transform(files, options) : service;
  }

  /** An RPC target with `beta`, which is the default under a flag: abort signals do not cross RPC as yet. */
  gateway(gatewayId, options) {
    if (options?.beta ?? flags.workerdExperimental) return call(this.#fetcher, "gateway", [gatewayId]);
    const { AiGateway } = require("cloudflare-internal:aig-api");
    return new AiGateway(this.#fetcher, gatewayId);
  }

  autorag(autoragId) {
    if (flags.workerdExperimental) return call(this.#fetcher, "autorag", [autoragId]);
    const { AutoRAG } = require("cloudflare-internal:autorag-api");
    return new AutoRAG(this.#fetcher, autoragId);
  }

  aiSearch() {
    return call(this.#fetcher, "aiSearch", []);
  }

  websearch(request, params) {
    return call(this.#fetcher, "websearch", [request, params]);
  }
}

function makeBinding(env) {
  return new Ai(env.fetcher);
}

exports.Ai = Ai;
exports.default = makeBinding;
