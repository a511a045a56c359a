/* The module `cloudflare-internal:to-markdown-api`: documents of all kinds as Markdown. */
const { ArrayIsArray, ArrayPrototypePush, JSONStringify } = primordials;
const { fetchFrom, jsonOf } = require("wrapped/calls");
const { encodeArrayToString } = require("cloudflare-internal:base64").default;
const { AiInternalError } = require("cloudflare-internal:ai-api");
const { blobBytes, isBlob } = require("blob");

const BASE = "https://workers-binding.ai/to-everything/markdown";

class ToMarkdownService {
  #fetcher;

  constructor(fetcher) {
    this.#fetcher = fetcher;
  }

  /** What became of `{ name, blob }`, or of each in an array of them. */
  async transform(files, options) {
    const all = ArrayIsArray(files) ? files : [files];
    const sent = [];
    for (let i = 0; i < all.length; i++) {
      const { name, blob } = all[i];
      const bytes = isBlob(blob) ? blobBytes(blob) : await blob.arrayBuffer();
      ArrayPrototypePush(sent, { name, mimeType: blob.type, data: encodeArrayToString(bytes) });
    }
    const response = await fetchFrom(this.#fetcher, `${BASE}/transformer`, {
      __proto__: null,
      method: "POST",
      body: JSONStringify({ files: sent, options }),
      headers: { ...options?.extraHeaders, "content-type": "application/json" },
    });
    const { result, errors } = await jsonOf(response);
    if (!response.ok) throw new AiInternalError(errors[0]?.message || "Internal Error");
    if (ArrayIsArray(files)) return result;
    if (!result[0]) throw new AiInternalError("Internal Error Converting files into Markdown");
    return result[0];
  }

  async supported() {
    const headers = { "content-type": "application/json" };
    const response = await fetchFrom(this.#fetcher, `${BASE}/supported`, { __proto__: null, method: "GET", headers });
    return (await jsonOf(response)).result;
  }
}

exports.ToMarkdownService = ToMarkdownService;
