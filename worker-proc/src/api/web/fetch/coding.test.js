// Content-Encoding: what a response says is done for whoever reads it, and undone for nobody who passes it on.
import { ok, rejects, strictEqual } from "node:assert";
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from "node:zlib";

const TEXT = "what is said twice, ".repeat(5000);
const coded = (body, coding, init) => new Response(body, { headers: { "Content-Encoding": coding }, ...init });
const AS_IT_IS = { encodeBody: "manual" };

/** Where the answer to a path comes from. */
const origins = {
  gzip: () => coded(gzipSync(TEXT), "gzip", AS_IT_IS),
  br: () => coded(brotliCompressSync(TEXT), "br", AS_IT_IS),
  members: () => coded(Buffer.concat([gzipSync("one"), gzipSync("two")]), "gzip", AS_IT_IS),
  malformed: () => coded("this is no gzip", "gzip", AS_IT_IS),
  malformedBr: () => coded("this is no brotli", "br", AS_IT_IS),
  short: () => coded(gzipSync(TEXT).subarray(0, 40), "gzip", AS_IT_IS),
  unknown: () => coded(TEXT, "gzip, br"),
  text: () => coded(TEXT, "gzip"),
  bytes: () => coded(new TextEncoder().encode(TEXT), "br"),
  stream: () => coded(new Blob([TEXT]).stream(), "gzip"),
  jsStream: () => coded(new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(TEXT));
      controller.close();
    },
  }), "gzip"),
};

export default {
  async fetch(request, { SELF }) {
    const [, what, from] = new URL(request.url).pathname.split("/");
    if (what === "origin") return origins[from]();
    const response = await SELF.fetch(`http://x/origin/${from}`);
    const headers = new Headers(response.headers);
    switch (what) {
      case "forward":
        return response;
      case "again":
        return new Response(response.body, response);
      case "clone":
        return response.clone();
      case "plain":
        headers.delete("content-encoding");
        return new Response(response.body, { headers });
      case "other":
        headers.set("content-encoding", "br");
        return new Response(response.body, { headers });
      case "through":
        return new Response(response.body.pipeThrough(new IdentityTransformStream()), response);
    }
  },
};

const get = (env, path) => env.SELF.fetch(`http://x/${path}`);
const raw = async (env, path) => Buffer.from(await (await env.SELF.fetch(`http://x/${path}`, { encodeResponseBody: "manual" })).arrayBuffer());

export const reading = {
  async test(_, env) {
    for (const from of ["gzip", "br", "text", "bytes", "stream", "jsStream"]) {
      const response = await get(env, `origin/${from}`);
      ok(response.headers.has("content-encoding"));
      strictEqual(await response.text(), TEXT, from);
      let length = 0;
      for await (const chunk of (await get(env, `origin/${from}`)).body) length += chunk.byteLength;
      strictEqual(length, TEXT.length, from);
    }
    strictEqual(await (await get(env, "origin/members")).text(), "onetwo");
    strictEqual(await (await get(env, "origin/unknown")).text(), TEXT);
  },
};

export const sending = {
  async test(_, env) {
    for (const from of ["text", "stream", "jsStream"]) strictEqual(`${gunzipSync(await raw(env, `origin/${from}`))}`, TEXT, from);
    strictEqual(`${brotliDecompressSync(await raw(env, "origin/bytes"))}`, TEXT);
    strictEqual(`${await raw(env, "origin/unknown")}`, TEXT);
  },
};

export const passingOn = {
  async test(_, env) {
    const origin = await raw(env, "origin/gzip");
    for (const how of ["forward", "again", "clone"]) ok(origin.equals(await raw(env, `${how}/gzip`)), how);
    strictEqual(`${await raw(env, "plain/gzip")}`, TEXT);
    strictEqual(`${brotliDecompressSync(await raw(env, "other/gzip"))}`, TEXT);
    strictEqual(`${gunzipSync(await raw(env, "through/gzip"))}`, TEXT);
    for (const how of ["forward", "again", "clone", "plain", "other", "through"]) {
      strictEqual(await (await get(env, `${how}/gzip`)).text(), TEXT, how);
    }
  },
};

export const malformed = {
  async test(_, env) {
    const failing = { malformed: "Gzip decompression failed.", malformedBr: "Brotli decompression failed.", short: "Gzip compressed stream ended prematurely." };
    for (const [from, message] of Object.entries(failing)) {
      await rejects((await get(env, `origin/${from}`)).text(), { name: "TypeError", message });
      await rejects((await get(env, `origin/${from}`)).arrayBuffer(), { name: "TypeError", message });
      const reader = (await get(env, `origin/${from}`)).body.getReader();
      await rejects(async () => {
        while (!(await reader.read()).done);
      }, { name: "TypeError", message });
    }
    strictEqual(`${await raw(env, "origin/malformed")}`, "this is no gzip");
    const bad = () => new Request("http://x", { encodeResponseBody: "sometimes" });
    await rejects(async () => bad(), { name: "TypeError", message: "encodeResponseBody: unexpected value: sometimes" });
  },
};
