/* The module `cloudflare-internal:autorag-api`: answers from indexed documents. */
const { JSONStringify } = primordials;
const { fetchFrom, jsonOf } = require("wrapped/calls");
const { errorClass, failureOf } = require("ai/errors");

const BASE = "https://workers-binding.ai/autorag/rags";

const AutoRAGInternalError = errorClass("AutoRAGInternalError", true);
const AutoRAGNotFoundError = errorClass("AutoRAGNotFoundError", true);
const AutoRAGUnauthorizedError = errorClass("AutoRAGUnauthorizedError", true);
const AutoRAGNameNotSetError = errorClass("AutoRAGNameNotSetError", true);

class AutoRAG {
  #fetcher;
  #autoragId;

  constructor(fetcher, autoragId) {
    this.#fetcher = fetcher;
    this.#autoragId = autoragId || null;
  }

  async list() {
    const response = await this.#fetch(BASE, "GET");
    if (!response.ok) throw await failureOf(response, AutoRAGInternalError);
    return (await jsonOf(response)).result;
  }

  async search(params) {
    return (await jsonOf(await this.#ask("search", params))).result;
  }

  /** With `stream` the response itself, whose body says the answer as it is made. */
  async aiSearch(params) {
    const response = await this.#ask("ai-search", params);
    return params.stream === true ? response : (await jsonOf(response)).result;
  }

  #fetch(url, method, body = undefined) {
    const headers = { "content-type": "application/json" };
    return fetchFrom(this.#fetcher, url, { __proto__: null, method, body, headers });
  }

  async #ask(path, params) {
    if (this.#autoragId === null) throw new AutoRAGNameNotSetError("AutoRAG name not defined");
    const response = await this.#fetch(`${BASE}/${this.#autoragId}/${path}`, "POST", JSONStringify(params));
    if (response.ok) return response;
    const { 0: fallback, 1: Kind } = WHY[response.status] ?? [];
    throw await failureOf(response, AutoRAGInternalError, fallback, Kind);
  }
}

/** What a status means, if the service says no more. */
const WHY = {
  __proto__: null,
  401: ["You don't have access to this AutoRAG", AutoRAGUnauthorizedError],
  404: ["AutoRAG not found", AutoRAGNotFoundError],
};

exports.AutoRAG = AutoRAG;
exports.AutoRAGInternalError = AutoRAGInternalError;
exports.AutoRAGNameNotSetError = AutoRAGNameNotSetError;
exports.AutoRAGNotFoundError = AutoRAGNotFoundError;
exports.AutoRAGUnauthorizedError = AutoRAGUnauthorizedError;
