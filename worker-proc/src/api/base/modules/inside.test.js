import { deepStrictEqual, match, strictEqual, throws } from "node:assert";
import { EmailMessage } from "cloudflare:email";
import { check, tryImport } from "test:inside";

const isUrls = import.meta.url !== undefined;

export const extensions = {
  async test() {
    const base64 = check();
    for (const [text, fault] of [["a", "1: BASE64_INPUT_REMAINDER"], ["!!", "0: INVALID_BASE64_CHARACTER"], ["aGk=aG", "3: INVALID_BASE64_CHARACTER"]]) {
      throws(() => base64.decodeArray(new TextEncoder().encode(text)), { name: "SyntaxError", message: `Invalid base64 at position ${fault}` });
    }
    throws(() => base64.encodeArray("x"), { name: "TypeError", message: /'encodeArray' on 'Base64Module': parameter 1 is not of type 'BufferSource'/ });
    // What the worker has is not theirs to see: it could stand in for what they mean.
    match(`${await tryImport("mine")}`, /No such module|Invalid module specifier|not found/);
    match(`${await tryImport("node-internal:none")}`, /No such module|not found/);
    match(`${await tryImport("cloudflare-internal:none")}`, /No such module|not found/);
    if (!isUrls) strictEqual(await tryImport("cloudflare:workers"), 'No such module "cloudflare:workers".');
    if (isUrls) strictEqual((await tryImport("cloudflare:vectorize")).includes("DistanceMetric"), true);
  },
};

export const workers = {
  async test() {
    for (const name of ["node-internal:internal_buffer", "cloudflare-internal:workers", "cloudflare-internal:email", "internal:unsafe-eval",
      "test:secret", "builtin:node:buffer", "builtin:cloudflare-internal:workers"]) {
      const message = await import(name).then(() => "imported", (error) => error.message);
      match(message, /^(No such module|Module not found)/, name);
    }
    strictEqual(new EmailMessage().constructor.name, "EmailMessage");
    if (!isUrls) strictEqual((await import("cloudflare:test-internal")).default, "the worker's");
  },
};

export const publicModules = {
  async test() {
    const names = async (name) => Object.keys(await import(name)).sort();
    deepStrictEqual(await names("cloudflare:ai"), ["Ai", "AiGateway", "AiGatewayInternalError", "AiGatewayLogNotFound", "AutoRAG",
      "AutoRAGInternalError", "AutoRAGNotFoundError", "AutoRAGUnauthorizedError", "InferenceUpstreamError", "ToMarkdownService"]);
    deepStrictEqual(await names("cloudflare:br"), ["BrowserRendering"]);
    deepStrictEqual(await names("cloudflare:durable-objects"), ["onHibernate", "retryable"]);
    deepStrictEqual(await names("cloudflare:node"), ["connectHandler", "handleAsNodeConnection", "handleAsNodeRequest", "httpServerHandler"]);
    deepStrictEqual(await names("cloudflare:pipelines"), ["PipelineTransformationEntrypoint"]);
    deepStrictEqual(await names("cloudflare:vectorize"), ["DistanceMetric", "KnownModel", "MetadataRetrievalLevel"]);
    deepStrictEqual(await names("cloudflare:workflows"), ["NonRetryableError"]);
    const { retryable } = await import("cloudflare:durable-objects");
    strictEqual(retryable(() => {}), undefined);
    throws(() => retryable(1), { name: "TypeError", message: "retryable() accepts only functions." });
    const { NonRetryableError } = await import("cloudflare:workflows");
    strictEqual(`${new NonRetryableError("x")}`, "NonRetryableError: x");
  },
};
