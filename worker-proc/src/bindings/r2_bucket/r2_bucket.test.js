// R2 buckets: what the binding's service is sent, and what workers get of its answers.
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";

const OBJECT = { name: "n", version: "v", size: "5", etag: "e", uploaded: "1724767257918", storageClass: "Standard" };

/** Requests as JSON, and what to answer them with. */
const seen = [];
let answer;

export class Store extends WorkerEntrypoint {
  async fetch(request) {
    const { method, url, headers } = request;
    const bytes = new Uint8Array(await request.arrayBuffer());
    const size = headers.get("cf-r2-metadata-size");
    const text = (part) => new TextDecoder().decode(part);
    const json = size === null ? headers.get("cf-r2-request") : text(bytes.subarray(0, size));
    const value = size === null ? null : text(bytes.subarray(size));
    seen.push({ method, url, json, value, length: headers.get("content-length") });
    return answer(JSON.parse(json));
  }
}

/** An answer to a read. */
const found = (metadata, value = "", init = {}) => {
  const head = new TextEncoder().encode(JSON.stringify(metadata));
  const headers = { "cf-r2-metadata-size": `${head.length}`, ...init.headers };
  return new Response(new Blob([head, value]), { ...init, headers });
};
const failed = (status, v4code, init = {}) => ({
  status, headers: { "cf-r2-error": JSON.stringify({ version: 0, v4code, message: "m" }), ...init },
});
const typeError = (message) => ({ name: "TypeError", message });
const rangeError = (message) => ({ name: "RangeError", message });

/** The members that the one request of a call has after its version and method, and the rest of it. */
async function asked(call) {
  seen.length = 0;
  const result = await call();
  strictEqual(seen.length, 1);
  const [request] = seen;
  return { ...request, members: /^\{"version":1,"method":"\w+",(.*)\}$/.exec(request.json)[1], result };
}

const unset = { contentType: undefined, contentLanguage: undefined, contentDisposition: undefined, contentEncoding: undefined };
const HTTP = { ...unset, cacheControl: undefined, cacheExpiry: undefined };

export const heads = {
  async test(_, { R2 }) {
    answer = () => found(OBJECT);
    const { method, url, json, result } = await asked(() => R2.head('a"\u00fc\n'));
    deepStrictEqual([method, url, json], ["GET", "https://fake-host", '{"version":1,"method":"head","object":"a\\"\u00fc\\n"}']);
    strictEqual(result.constructor.name, "HeadResult");
    deepStrictEqual(Object.keys(result), [
      "ssecKeyMd5", "storageClass", "range", "customMetadata", "httpMetadata", "uploaded", "checksums", "httpEtag", "etag", "size",
      "version", "key",
    ]);
    const { checksums, ...rest } = { ...result };
    deepStrictEqual(rest, {
      ssecKeyMd5: undefined, storageClass: "Standard", range: undefined, customMetadata: {}, httpMetadata: HTTP,
      uploaded: new Date(1724767257918), httpEtag: '"e"', etag: "e", size: 5, version: "v", key: "n",
    });
    deepStrictEqual(Object.keys(checksums), ["sha512", "sha384", "sha256", "sha1", "md5"]);
    throws(() => (result.key = "x"), TypeError);
    answer = () => found({
      httpFields: { contentType: "text/x", cacheExpiry: "1500" }, customFields: [{ k: "a", v: "b" }, { k: "c" }],
      range: { offset: "1", length: 2 }, checksums: { 0: "9A03", 4: "ff" }, ssec: { keyMd5: "k" }, unknown: [],
    });
    const full = await R2.head("a");
    deepStrictEqual(full.httpMetadata, { ...HTTP, contentType: "text/x", cacheExpiry: new Date(1500) });
    deepStrictEqual(Object.entries(full.customMetadata), [["a", "b"], ["c", ""]]);
    deepStrictEqual(full.range, { offset: 1, length: 2, suffix: undefined });
    deepStrictEqual(new Uint8Array(full.checksums.md5), new Uint8Array([0x9a, 3]));
    strictEqual(JSON.stringify(full.checksums), '{"md5":"9a03","sha512":"ff"}');
    deepStrictEqual([full.ssecKeyMd5, full.size, full.key, full.storageClass], ["k", 0, "", ""]);
    const headers = new Headers();
    full.writeHttpMetadata(headers);
    deepStrictEqual([...headers], [["content-type", "text/x"], ["expires", "Thu, 01 Jan 1970 00:00:01 GMT"]]);
    throws(() => full.writeHttpMetadata({}), TypeError);
    answer = () => new Response("x", failed(404, 10007));
    strictEqual(await R2.head("a"), null);
  },
};

export const gets = {
  async test(_, { R2 }) {
    answer = () => found({ ...OBJECT, httpFields: { contentType: "text/x" } }, "\ufeffvalue");
    const object = await R2.get("a");
    strictEqual(object.constructor.name, "GetResult");
    strictEqual(object.bodyUsed, false);
    strictEqual(object.body, object.body);
    strictEqual(await object.text(), "value");
    strictEqual(object.bodyUsed, true);
    const used = typeError("Body has already been used. It can only be used once. Use tee() first if you need to read it twice.");
    for (const method of ["text", "json", "arrayBuffer", "bytes", "blob"]) await rejects(object[method](), used);
    strictEqual((await (await R2.get("a")).arrayBuffer()).byteLength, 8);
    strictEqual((await (await R2.get("a")).bytes()).length, 8);
    strictEqual((await (await R2.get("a")).blob()).type, "text/x");
    await rejects((await R2.get("a")).json(), SyntaxError);
    strictEqual(await new Response((await R2.get("a")).body).text(), "value");
    const large = "x".repeat(300000);
    answer = () => found(OBJECT, large);
    strictEqual(await (await R2.get("a")).text(), large);
    answer = () => found(OBJECT, "packed", { headers: { "content-encoding": "gzip" } });
    strictEqual(await (await R2.get("a")).text(), "packed");
    answer = () => found(OBJECT);
    strictEqual(await (await R2.get("a")).text(), "");
    answer = () => found(OBJECT, "", failed(412, 10031, { "cf-r2-metadata-size": `${JSON.stringify(OBJECT).length}` }));
    strictEqual((await R2.get("a")).constructor.name, "HeadResult");
    answer = () => new Response("x", failed(404, 10007));
    strictEqual(await R2.get("a"), null);
  },
};

export const getOptions = {
  async test(_, { R2 }) {
    answer = () => found(OBJECT);
    const members = async (options) => (await asked(() => R2.get("a", options))).members.slice('"object":"a"'.length);
    const headers = (init) => new Headers(init);
    for (const [options, expected] of [
      [null, ""], [{}, ""], [{ range: {} }, ',"range":{}'], [{ range: null }, ',"range":{}'],
      [{ range: { offset: "1", length: 2 } }, ',"range":{"offset":"1","length":"2"}'],
      [{ range: { suffix: 0 } }, ',"range":{"suffix":"0"}'],
      [{ range: { offset: 2 ** 53 } }, ',"range":{"offset":"9007199254740992"}'],
      [{ range: headers({ range: "bytes=0-5" }) }, ',"rangeHeader":"bytes=0-5"'], [{ range: headers() }, ""],
      [{ onlyIf: {} }, ',"onlyIf":{}'], [{ onlyIf: headers() }, ',"onlyIf":{}'],
      [{ onlyIf: { etagMatches: "e", etagDoesNotMatch: "*" } },
        ',"onlyIf":{"etagMatches":[{"value":"e","type":"strong"}],"etagDoesNotMatch":[{"type":"wildcard"}]}'],
      [{ onlyIf: { uploadedBefore: new Date(1500), uploadedAfter: 1.9, secondsGranularity: true } },
        ',"onlyIf":{"uploadedBefore":"1500","uploadedAfter":"1","secondsGranularity":true}'],
      [{ onlyIf: { uploadedBefore: new Date(-5) } }, ',"onlyIf":{"uploadedBefore":"18446744073709551611"}'],
      [{ onlyIf: headers({ "if-match": ' ,"a", W/"b" ,foo, "c"' }) },
        ',"onlyIf":{"etagMatches":[{"value":"a","type":"strong"},{"value":"b","type":"weak"}]}'],
      [{ onlyIf: headers({ "if-none-match": '"a", *, "b"' }) }, ',"onlyIf":{"etagDoesNotMatch":[{"type":"wildcard"}]}'],
      [{ onlyIf: headers({ "if-modified-since": "Tue, 15 Nov 1994 12:45:26 GMT", "if-unmodified-since": "junk" }) },
        ',"onlyIf":{"uploadedBefore":"0","uploadedAfter":"784903526000","secondsGranularity":true}'],
      [{ ssecKey: new Uint8Array(32).fill(10) }, `,"ssec":{"key":"${"0a".repeat(32)}"}`],
      [{ ssecKey: "ab".repeat(32), range: { offset: 1 }, onlyIf: { etagMatches: "" } },
        `,"range":{"offset":"1"},"onlyIf":{"etagMatches":[{"value":"","type":"strong"}]},"ssec":{"key":"${"ab".repeat(32)}"}`],
    ]) strictEqual(await members(options), expected);
  },
};

export const badGets = {
  async test(_, { R2 }) {
    const onlyIf = (name, value) => ({ onlyIf: new Headers({ [name]: value }) });
    const error = (message) => ({ name: "Error", message });
    for (const [options, expected] of [
      [5, typeError("Failed to execute 'get' on 'R2Bucket': parameter 2 is not of type 'GetOptions'.")],
      [{ range: 5 }, typeError("Incorrect type for the 'range' field on 'GetOptions': the provided value is not of type 'Range or Headers'.")],
      [{ onlyIf: 5 }, typeError("Incorrect type for the 'onlyIf' field on 'GetOptions': the provided value is not of type 'Conditional or Headers'.")],
      [{ onlyIf: { etagMatches: 5 } }, typeError("Incorrect type for the 'etagMatches' field on 'Conditional': the provided value is not of type 'string'.")],
      [{ onlyIf: { uploadedBefore: "x" } }, typeError("Incorrect type for the 'uploadedBefore' field on 'Conditional': the provided value is not of type 'date'.")],
      [{ onlyIf: { etagMatches: '"e"' } }, typeError('Conditional ETag should not be wrapped in quotes ("e").')],
      [{ range: { offset: -1 } }, rangeError("Invalid range. Starting offset (-1) must be greater than or equal to 0.")],
      [{ range: { offset: NaN } }, rangeError("Invalid range. Starting offset (nan) must be greater than or equal to 0.")],
      [{ range: { length: 1.5 } }, rangeError("Invalid range. Length (1.5) must be an integer, not floating point.")],
      [{ range: { suffix: -1 } }, rangeError("Invalid suffix. Suffix (-1) must be greater than or equal to 0.")],
      [{ range: { suffix: 1, offset: 1 } }, typeError("Suffix is incompatible with offset.")],
      [{ range: { suffix: 1, length: 1 } }, typeError("Suffix is incompatible with length.")],
      [{ ssecKey: "AB".repeat(32) }, error("SSE-C Key has invalid format")],
      [{ ssecKey: "ab" }, error("SSE-C Key must be 32 bytes in length")],
      [{ ssecKey: new ArrayBuffer(31) }, error("SSE-C Key must be 32 bytes in length")],
      [onlyIf("if-match", "a"), error("Invalid ETag in if-match header")],
      [onlyIf("if-none-match", ""), error("Invalid ETag in if-none-match header")],
      [onlyIf("if-match", '"a'), error("Unclosed double quote for Etag")],
      [onlyIf("if-match", "W/b"), error("Weak etags must start with W/ and their value must be quoted")],
      [onlyIf("if-match", '"a" *'), error("Comma was expected to separate etags. Encountered a wildcard character '*' instead.")],
    ]) await rejects(R2.get("a", options), expected);
    await rejects(R2.head(), typeError("Failed to execute 'head' on 'R2Bucket': parameter 1 is not of type 'string'."));
    throws(() => R2.get.call({}, "a"), TypeError);
    throws(() => new R2.constructor(), typeError("Illegal constructor"));
    throws(() => structuredClone(R2), { name: "DataCloneError", message: "An R2 bucket binding cannot be serialized." });
    strictEqual(R2.constructor.name, "R2Bucket");
  },
};

export const puts = {
  async test(_, { R2 }) {
    answer = () => Response.json({ ...OBJECT, httpFields: { contentType: "other" } });
    const { method, json, value, length, result } = await asked(() => R2.put("a", "\u00fc"));
    deepStrictEqual([method, json, value, length], ["PUT", '{"version":1,"method":"put","object":"a"}', "\u00fc", "43"]);
    // What was sent counts.
    deepStrictEqual([result.httpMetadata, result.customMetadata], [HTTP, {}]);
    const sent = async (value) => (await asked(() => R2.put("a", value))).value;
    for (const nothing of [null, undefined, "", new ArrayBuffer(0)]) strictEqual(await sent(nothing), "");
    strictEqual(await sent(new Uint8Array([97, 98]).subarray(1)), "b");
    strictEqual(await sent(new DataView(new Uint8Array([97, 98]).buffer, 1)), "b");
    strictEqual(await sent(new Blob(["blob"])), "blob");
    strictEqual(await sent(new Response("body").body), "body");
    const { readable, writable } = new FixedLengthStream(2);
    new Blob(["ab"]).stream().pipeTo(writable);
    strictEqual(await sent(readable), "ab");
    const members = async (options) => (await asked(() => R2.put("a", "v", options))).members.slice('"object":"a"'.length);
    const http = {
      contentType: "ct", contentLanguage: "cl", contentDisposition: "cd", contentEncoding: "ce", cacheControl: "cc", cacheExpiry: new Date(1000),
    };
    const fields = ',"httpFields":{"contentType":"ct","contentLanguage":"cl","contentDisposition":"cd","contentEncoding":"ce","cacheControl":"cc","cacheExpiry":"1000"}';
    const headers = new Headers({
      "content-type": "ct", "content-language": "cl", "content-disposition": "cd", "content-encoding": "ce", "cache-control": "cc",
      expires: "Thu, 01 Jan 1970 00:00:01 GMT",
    });
    for (const [options, expected] of [
      [{ httpMetadata: http }, fields], [{ httpMetadata: headers }, fields], [{ httpMetadata: null }, ',"httpFields":{}'],
      [{ customMetadata: { b: 5, a: "\u00fc" } }, ',"customFields":[{"k":"b","v":"5"},{"k":"a","v":"\u00fc"}]'],
      [{ md5: "0123456789abcdef0123456789ABCDEF" }, ',"md5":"ASNFZ4mrze8BI0VniavN7w=="'],
      [{ md5: new Uint8Array(16) }, ',"md5":"AAAAAAAAAAAAAAAAAAAAAA=="'],
      [{ sha1: new Uint8Array(20).fill(171) }, `,"sha1":"${"ab".repeat(20)}"`], [{ sha256: "AB".repeat(32) }, `,"sha256":"${"ab".repeat(32)}"`],
      [{ sha384: "a".repeat(96) }, `,"sha384":"${"a".repeat(96)}"`], [{ sha512: new ArrayBuffer(64) }, `,"sha512":"${"0".repeat(128)}"`],
      [{ storageClass: "s", onlyIf: { etagMatches: "e" }, customMetadata: {}, httpMetadata: {} },
        ',"customFields":[],"httpFields":{},"onlyIf":{"etagMatches":[{"value":"e","type":"strong"}]},"storageClass":"s"'],
    ]) strictEqual(await members(options), expected);
    const { result: told } = await asked(() => R2.put("a", "v", { httpMetadata: headers, customMetadata: { a: "b" } }));
    deepStrictEqual([told.httpMetadata, told.customMetadata], [http, { a: "b" }]);
    answer = () => new Response("x", failed(412, 10032));
    strictEqual(await R2.put("a", "v"), null);
  },
};

export const badPuts = {
  async test(_, { R2 }) {
    const VALUES = "JsReadableStream or ArrayBuffer or ArrayBufferView or string or Blob";
    const wrong = typeError(`Failed to execute 'put' on 'R2Bucket': parameter 2 is not of type '${VALUES}'.`);
    for (const value of [5, true, {}, [], new String("x"), () => 1]) await rejects(R2.put("a", value), wrong);
    await rejects(R2.put("a"), wrong);
    for (const [options, expected] of [
      [5, typeError("Failed to execute 'put' on 'R2Bucket': parameter 3 is not of type 'PutOptions'.")],
      [{ customMetadata: [] }, typeError("Incorrect type for the 'customMetadata' field on 'PutOptions': the provided value is not of type 'object'.")],
      [{ httpMetadata: 5 }, typeError("Incorrect type for the 'httpMetadata' field on 'PutOptions': the provided value is not of type 'HttpMetadata or Headers'.")],
      [{ md5: 5 }, typeError("Incorrect type for the 'md5' field on 'PutOptions': the provided value is not of type 'BufferSource or string'.")],
      [{ md5: "ab" }, typeError("MD5 is 32 hex characters, not 2")], [{ md5: new ArrayBuffer(15) }, typeError("MD5 is 16 bytes, not 15")],
      [{ md5: "x".repeat(32) }, typeError("Provided MD5 wasn't a valid hex string")],
      [{ sha1: "a" }, typeError("SHA-1 is 40 hex characters, not 1")], [{ sha512: new ArrayBuffer(1) }, typeError("SHA-512 is 64 bytes, not 1")],
      [{ md5: new ArrayBuffer(16), sha1: new ArrayBuffer(20) }, typeError("You cannot specify multiple hashing algorithms.")],
    ]) await rejects(R2.put("a", "v", options), expected);
    const unknown = () => ReadableStream.from([new Uint8Array(1)]);
    await rejects(R2.put("a", unknown()),
      typeError("Provided readable stream must have a known length (request/response body or readable half of FixedLengthStream)"));
    const locked = new Response("x").body;
    locked.getReader();
    await rejects(R2.put("a", locked), typeError("The ReadableStream has been locked to a reader."));
    let reason;
    const cancelled = new ReadableStream({ cancel: (why) => (reason = why) });
    await rejects(R2.put("a", cancelled, { md5: "x" }), TypeError);
    strictEqual(reason.message, "Stream cancelled because the associated put operation encountered an error.");
  },
};

export const removals = {
  async test(_, { R2 }) {
    answer = () => new Response();
    const { method, members, value, result } = await asked(() => R2.delete("a"));
    deepStrictEqual([method, members, value, result], ["PUT", '"object":"a"', "", undefined]);
    strictEqual((await asked(() => R2.delete(["a", 5]))).members, '"objects":["a","5"]');
    answer = () => new Response("x", failed(404, 10007));
    strictEqual(await R2.delete("a"), undefined);
    await rejects(R2.delete(), typeError("Failed to execute 'delete' on 'R2Bucket': parameter 1 is not of type 'string or Array'."));
  },
};

export const lists = {
  async test(_, { R2, OLD }) {
    answer = () => found({ objects: [OBJECT], truncated: true, cursor: "c", delimitedPrefixes: ["d"] });
    const members = async (...args) => (await asked(() => R2.list(...args))).members;
    strictEqual(await members(), '"newRuntime":true');
    strictEqual(await members({}), '"include":[],"newRuntime":true');
    strictEqual(await members({ startAfter: "s", delimiter: "/", cursor: "c", prefix: "", limit: "3" }),
      '"limit":3,"prefix":"","cursor":"c","delimiter":"/","startAfter":"s","include":[],"newRuntime":true');
    strictEqual(await members({ limit: -1 }), '"include":[],"newRuntime":true');
    const { members: included, result } = await asked(() => R2.list({ include: ["customMetadata"] }));
    strictEqual(included, '"include":[1],"newRuntime":true');
    const [object] = result.objects;
    deepStrictEqual([object.constructor.name, object.customMetadata, object.httpMetadata], ["HeadResult", {}, undefined]);
    throws(() => object.writeHttpMetadata(new Headers()),
      typeError("HTTP metadata unknown for key `n`. Did you forget to add 'httpMetadata' to `include` when listing?"));
    deepStrictEqual({ ...result, objects: [] }, { objects: [], truncated: true, cursor: "c", delimitedPrefixes: ["d"] });
    answer = ({ method }) => found(method === "list" ? { objects: [OBJECT] } : OBJECT, "\ufeffx");
    seen.length = 0;
    deepStrictEqual(await (await OLD.fetch("http://old/")).json(), [{}, {}, "\ufeffx"]);
    strictEqual(seen[0].json, '{"version":1,"method":"list","limit":5,"include":[0,1],"newRuntime":true}');
    await rejects(R2.list(5), typeError("Failed to execute 'list' on 'R2Bucket': parameter 1 is not of type 'ListOptions'."));
    await rejects(R2.list({ prefix: 5 }), typeError("Incorrect type for the 'prefix' field on 'ListOptions': the provided value is not of type 'string'."));
    await rejects(R2.list({ include: ["x"] }), rangeError("Unsupported include value x"));
    await rejects(R2.list({ include: [5] }), typeError("Incorrect type for array element 0: the provided value is not of type 'string'."));
    await rejects(R2.list({ include: "x" }), typeError("Incorrect type for the 'include' field on 'ListOptions': the provided value is not of type 'Array'."));
  },
};

export const uploads = {
  async test(_, { R2 }) {
    answer = ({ method }) => {
      if (method === "createMultipartUpload") return Response.json({ uploadId: "u" });
      if (method === "uploadPart") return Response.json({ etag: "p" });
      return method === "abortMultipartUpload" ? new Response() : Response.json(OBJECT);
    };
    const created = await asked(() => R2.createMultipartUpload("k", { httpMetadata: { contentType: "a" }, storageClass: "s", customMetadata: {} }));
    strictEqual(created.members, '"object":"k","customFields":[],"httpFields":{"contentType":"a"},"storageClass":"s"');
    const { result: upload } = created;
    deepStrictEqual({ ...upload }, { uploadId: "u", key: "k" });
    strictEqual(upload.constructor.name, "R2MultipartUpload");
    const part = await asked(() => upload.uploadPart("3", "value", { ssecKey: "ab".repeat(32) }));
    strictEqual(part.members, `"object":"k","uploadId":"u","partNumber":3,"ssec":{"key":"${"ab".repeat(32)}"}`);
    deepStrictEqual([part.value, part.result], ["value", { partNumber: 3, etag: "p" }]);
    const completed = await asked(() => upload.complete([{ partNumber: 3, etag: "p" }, { partNumber: "4", etag: 5 }]));
    strictEqual(completed.members, '"object":"k","uploadId":"u","parts":[{"etag":"p","part":3},{"etag":"5","part":4}]');
    strictEqual(completed.result.constructor.name, "HeadResult");
    const resumed = R2.resumeMultipartUpload("k", "u");
    deepStrictEqual({ ...resumed }, { uploadId: "u", key: "k" });
    strictEqual((await asked(() => resumed.abort())).members, '"object":"k","uploadId":"u"');
    const outOfRange = (number) => typeError(`Part number must be between 1 and 10000 (inclusive). Actual value was: ${number}`);
    await rejects(upload.uploadPart(0, "x"), outOfRange(0));
    await rejects(upload.complete([{ partNumber: 10001, etag: "e" }]), outOfRange(10001));
    await rejects(upload.uploadPart(1, null), TypeError);
    await rejects(upload.complete(5), typeError("Failed to execute 'complete' on 'R2MultipartUpload': parameter 1 is not of type 'Array'."));
    await rejects(upload.complete([5]), typeError("Incorrect type for array element 0: the provided value is not of type 'UploadedPart'."));
    throws(() => R2.resumeMultipartUpload("a"), typeError("Failed to execute 'resumeMultipartUpload' on 'R2Bucket': parameter 2 is not of type 'string'."));
    throws(() => structuredClone(upload), { name: "DataCloneError" });
    answer = () => new Response("x", failed(404, 10007));
    strictEqual(await upload.abort(), undefined);
  },
};

export const failures = {
  async test(_, { R2 }) {
    const upload = R2.resumeMultipartUpload("k", "u");
    const calls = {
      head: () => R2.head("a"), get: () => R2.get("a"), put: () => R2.put("a", "v"), delete: () => R2.delete("a"), list: () => R2.list(),
      createMultipartUpload: () => R2.createMultipartUpload("a"), uploadPart: () => upload.uploadPart(1, "v"),
      completeMultipartUpload: () => upload.complete([]), abortMultipartUpload: () => upload.abort(),
    };
    for (const [action, call] of Object.entries(calls)) {
      answer = () => new Response("x", failed(400, 10));
      await rejects(call(), { name: "Error", message: `${action}: m (10)` });
      answer = () => new Response("x", { status: 500 });
      await rejects(call(), { name: "Error", message: `${action}: Unspecified error (0)` });
    }
  },
};

/** Passes objects between workers. */
export class Courier extends WorkerEntrypoint {
  async fetchObject() {
    return this.env.R2.get("a");
  }
  async read(object) {
    return [object.constructor.name, object.key, object.httpMetadata.contentType, await object.text()];
  }
  echo(value) {
    return value;
  }
}

export const calls = {
  async test(_, { R2 }, { exports: { Courier } }) {
    answer = () => found({ ...OBJECT, httpFields: { contentType: "text/x" }, customFields: [{ k: "a", v: "b" }], checksums: { 0: "ff" } }, "value");
    const object = await Courier.fetchObject();
    strictEqual(object.constructor.name, "GetResult");
    deepStrictEqual([object.customMetadata, object.etag, JSON.stringify(object.checksums)], [{ a: "b" }, "e", '{"md5":"ff"}']);
    strictEqual(await object.text(), "value");
    deepStrictEqual(await Courier.read(await R2.get("a")), ["GetResult", "n", "text/x", "value"]);
    const head = await Courier.echo(await R2.head("a"));
    deepStrictEqual([head.constructor.name, head.uploaded], ["HeadResult", new Date(1724767257918)]);
    strictEqual((await Courier.echo(head.checksums)).md5.byteLength, 1);
    throws(() => structuredClone(head), { name: "DataCloneError", message: "R2 resources can only be serialized for RPC." });
  },
};

/** Tells what is on its way before a write of the object is on disk. */
export class Gated extends DurableObject {
  async run() {
    const { R2 } = this.env;
    answer = ({ method }) => (method === "put" ? Response.json(OBJECT) : found(OBJECT, "value"));
    seen.length = 0;
    this.ctx.storage.put("a", "x".repeat(1000));
    const put = R2.put("written", "v");
    await R2.get("read");
    const first = seen[0].method;
    await put;
    return [first, seen.length];
  }
}

export const gates = {
  async test(_, { OBJECTS }) {
    deepStrictEqual(await OBJECTS.getByName("one").run(), ["GET", 2]);
    ok(seen.some(({ value }) => value === "v"));
  },
};
