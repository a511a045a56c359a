// What tail workers are told of an R2 bucket's operations.
import { WorkerEntrypoint } from "cloudflare:workers";
import { deepStrictEqual } from "node:assert";

const spans = new Map();
let isOver = false;

export default {
  tailStream({ event: { spanId: root, info } }) {
    if (info?.type !== "fetch") return undefined;
    return ({ event, spanContext }) => {
      if (event.type === "spanOpen") spans.set(event.spanId, { name: event.name });
      else if (event.type === "attributes" && spanContext.spanId !== root) {
        for (const { name, value } of event.info) spans.get(spanContext.spanId)[name] = value;
      } else if (event.type === "spanClose" && spanContext.spanId !== root) spans.get(spanContext.spanId).isClosed = true;
      else if (event.type === "outcome") isOver = true;
    };
  },
};

const OBJECT = { name: "one", version: "v", size: "5", etag: "e", uploaded: "1000", storageClass: "s", checksums: { 0: "ff" } };

/** Answers what a bucket would. */
export class Told extends WorkerEntrypoint {
  async fetch(request) {
    await request.arrayBuffer();
    const asked = request.headers.get("cf-r2-request");
    if (asked === null) return Response.json({ ...OBJECT, uploadId: "u" });
    if (asked.includes("missing")) {
      return new Response(null, { status: 404, headers: { "cf-r2-error": '{"v4code":10007,"message":"none"}' } });
    }
    const json = JSON.stringify(asked.includes('"list"') ? { objects: [OBJECT], truncated: true, cursor: "c" } : OBJECT);
    return new Response(`${json}value`, { headers: { "cf-r2-metadata-size": `${json.length}` } });
  }
}

const operation = (name, label) => ({
  name: `r2_${name}`, "cloudflare.binding.type": "r2", "cloudflare.binding.name": "R2", "cloudflare.r2.operation": label,
  "cloudflare.r2.bucket": "r2-spans", isClosed: true,
});
const prefixed = (prefix, attributes) => Object.fromEntries(Object.entries(attributes).map(([name, value]) => [prefix + name, value]));
const request = (attributes) => prefixed("cloudflare.r2.request.", attributes);
const response = (attributes) => prefixed("cloudflare.r2.response.", { success: true, ...attributes });
const object = {
  etag: "e", size: 5, uploaded: "1970-01-01T00:00:01.000Z", "checksum.md5": "ff", storage_class: "s", custom_metadata: true,
};
const upload = { key: "one", upload_id: "u" };

export const spansOfOperations = {
  async test(_, { SUBJECT }) {
    await (await SUBJECT.fetch("http://subject/")).text();
    for (let i = 0; i < 200 && !isOver; i++) await scheduler.wait(5);
    deepStrictEqual([...spans.values()], [
      {
        ...operation("get", "GetObject"),
        ...request({ key: "one", "only_if.etag_matches": "e", "only_if.uploaded_before": "1970-01-01T00:00:00.000Z", "range.offset": 1n }),
        ...response(object),
      },
      {
        ...operation("head", "HeadObject"), ...request({ key: "missing" }), ...response({ success: false }),
        "error.type": "none", "cloudflare.r2.error.message": "none", "cloudflare.r2.error.code": 10007n,
      },
      {
        ...operation("put", "PutObject"),
        ...request({ key: "one", "http_metadata.content_type": "text/x", "checksum.type": "md5", "checksum.value": "00".repeat(16), size: 2n }),
        ...response({ ...object, content_type: "text/x" }),
      },
      { ...operation("put", "PutObject"), ...request({ key: "one" }) },
      {
        ...operation("list", "ListObjects"), ...request({ prefix: "p", limit: 2n, "include.http_metadata": true }),
        ...response({ cursor: "c", returned_objects: 1n, delimited_prefixes: 0n, truncated: true }),
      },
      { ...operation("delete", "DeleteObject"), ...request({ keys: "one, two" }), ...response() },
      { ...operation("createMultipartUpload", "CreateMultipartUpload"), ...request({ key: "one" }), ...response({ upload_id: "u" }) },
      {
        ...operation("uploadPart", "UploadPart"), ...request({ ...upload, part_number: 1n, size: 3n }), ...response({ etag: "e" }),
      },
      {
        ...operation("completeMultipartUpload", "CompleteMultipartUpload"), ...request({ ...upload, uploaded_parts: "1" }),
        ...response(object),
      },
      { ...operation("abortMultipartUpload", "AbortMultipartUpload"), ...request(upload), ...response() },
    ]);
  },
};
