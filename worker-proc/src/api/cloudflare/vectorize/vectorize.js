/* The module `cloudflare-internal:vectorize-api`: an index of vectors, of the beta (v1) or after it (v2). */
const { ArrayIsArray, ArrayPrototypeJoin, ArrayPrototypePush, Error, JSONParse, JSONStringify, StringPrototypeSlice } =
  primordials;
const flags = require("flags");
const { fetchFrom, jsonOf, textOf } = require("wrapped/calls");

/** The most that a message tells of an answer. */
const MAX_SHOWN_CHARS = 1000;

class VectorizeIndexImpl {
  constructor(fetcher, indexId, indexVersion, useNdJson) {
    this.fetcher = fetcher;
    this.indexId = indexId;
    this.indexVersion = indexVersion;
    this.useNdJson = useNdJson;
  }

  async describe() {
    const path = this.indexVersion === "v2" ? "info" : `binding/indexes/${this.indexId}`;
    return ask(this, "INDEX_GET", path, { __proto__: null, method: "GET" });
  }

  async query(vector, options) {
    const values = toArray(vector);
    if (this.indexVersion === "v2") return queryNow(this, { vector: values }, options);
    if (options?.returnMetadata && typeof options.returnMetadata !== "boolean") {
      throw new Error(`Invalid returnMetadata option. Expected boolean; got: ${options.returnMetadata}`);
    }
    const compat = { queryMetadataOptional: flags.vectorizeQueryMetadataOptional };
    return post(
      this,
      "VECTOR_QUERY",
      pathOf(this, "query"),
      { ...options, vector: values, compat },
      {
        "cf-vector-search-query-compat": JSONStringify(compat),
      },
    );
  }

  async queryById(vectorId, options) {
    if (this.indexVersion === "v1") throw new Error("QueryById operation is not supported for v1 indexes.");
    return queryNow(this, { vectorId }, options);
  }

  async insert(vectors) {
    return put(this, "VECTOR_INSERT", "insert", vectors);
  }

  async upsert(vectors) {
    return put(this, "VECTOR_UPSERT", "upsert", vectors);
  }

  async getByIds(ids) {
    return post(this, "VECTOR_GET", pathOf(this, "getByIds"), { ids });
  }

  async deleteByIds(ids) {
    return post(this, "VECTOR_DELETE", pathOf(this, "deleteByIds"), { ids });
  }
}

const pathOf = ({ indexVersion, indexId }, method) =>
  indexVersion === "v2" ? method : `binding/indexes/${indexId}/${method}`;

/** The numbers of a vector. */
function toArray(vector) {
  if (ArrayIsArray(vector)) return vector;
  const numbers = [];
  for (let i = 0; i < vector.length; i++) ArrayPrototypePush(numbers, vector[i]);
  return numbers;
}

/** A query of an index after the beta. */
async function queryNow(index, what, options) {
  let query = options;
  const level = options?.returnMetadata;
  if (level) {
    if (level !== true && level !== "all" && level !== "indexed" && level !== "none") {
      throw new Error(`Invalid returnMetadata option. Expected: true, false, "none", "indexed" or "all"; got: ${level}`);
    }
    if (level === true) query = { ...options, returnMetadata: "all" };
  }
  return post(index, "VECTOR_QUERY", "query", { ...query, ...what });
}

async function put(index, operation, method, vectors) {
  const sent = [];
  for (let i = 0; i < vectors.length; i++) ArrayPrototypePush(sent, { ...vectors[i], values: toArray(vectors[i].values) });
  const dimensions = {
    "cf-vector-search-dim-width": `${vectors.length === 0 ? 0 : vectors[0].values?.length}`,
    "cf-vector-search-dim-height": `${vectors.length}`,
  };
  if (!index.useNdJson) return post(index, operation, pathOf(index, method), { vectors: sent }, dimensions);
  const lines = [];
  for (let i = 0; i < sent.length; i++) ArrayPrototypePush(lines, JSONStringify(sent[i]));
  return ask(index, operation, pathOf(index, method), {
    __proto__: null,
    method: "POST",
    headers: { "content-type": "application/x-ndjson", ...dimensions, accept: "application/json" },
    body: ArrayPrototypeJoin(lines, "\n"),
  });
}

const post = (index, operation, path, content, headers = undefined) =>
  ask(index, operation, path, {
    __proto__: null,
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json", ...headers },
    body: JSONStringify(content),
  });

/** What the service answers. The host is none: the service is whoever is asked. */
async function ask(index, operation, path, init) {
  const response = await fetchFrom(index.fetcher, `http://vector-search/${path}`, init);
  if (response.status !== 200) throw await failureOf(operation, response);
  const text = await textOf(response);
  try {
    return JSONParse(text);
  } catch {
    const shown = text.length > MAX_SHOWN_CHARS ? `${StringPrototypeSlice(text, 0, MAX_SHOWN_CHARS)}\u2026` : text;
    throw new Error(`Failed to parse body as JSON, got: ${shown}`);
  }
}

async function failureOf(operation, response) {
  try {
    const { code, error } = await jsonOf(response);
    const shown = typeof code === "number" ? ` (code = ${code})` : "";
    return new Error(`${operation}_ERROR${shown}: ${error}`, { __proto__: null, cause: new Error(error) });
  } catch {
    const cause = new Error(`Status ${response.status}`);
    return new Error(`${operation}_ERROR: Status + ${response.status}`, { __proto__: null, cause });
  }
}

function makeBinding({ fetcher, indexId, indexVersion, useNdJson }) {
  return new VectorizeIndexImpl(fetcher, indexId, indexVersion ?? "v1", useNdJson ?? false);
}

exports.default = makeBinding;
exports.makeBinding = makeBinding;
