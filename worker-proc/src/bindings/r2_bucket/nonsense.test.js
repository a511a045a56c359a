// A service that answers nonsense is an exception of the call, and of no other.
import { WorkerEntrypoint } from "cloudflare:workers";
import { match, rejects, strictEqual } from "node:assert";

const OBJECT = '{"name":"n","size":"1"}';
let answer;

export class Store extends WorkerEntrypoint {
  async fetch(request) {
    await request.arrayBuffer();
    return answer();
  }
}

const sized = (text, size = `${new TextEncoder().encode(text).length}`, init = {}) =>
  new Response(text, { ...init, headers: { "cf-r2-metadata-size": size, ...init.headers } });

/** Here it says what is wrong; there it is an internal error. */
const isTold = (error) => {
  strictEqual(error.name, "Error");
  match(error.message, /R2 answered|^internal error/);
  return true;
};

export const reads = {
  async test(_, { R2 }) {
    for (const one of [
      () => new Response(OBJECT), () => sized(OBJECT, "-1"), () => sized(OBJECT, "x"), () => sized(OBJECT, "99999"),
      () => sized(OBJECT, "1048577"), () => sized(OBJECT, "5"), () => sized(OBJECT, "0"), () => sized("", "1"),
      () => new Response(null, { headers: { "cf-r2-metadata-size": "1" } }),
      () => sized(OBJECT, undefined, { status: 500, headers: { "cf-r2-error": "{" } }),
      () => sized(OBJECT, undefined, { status: 500, headers: { "cf-r2-error": '{"message":5}' } }),
      () => new Response("x", { status: 412, headers: { "cf-r2-error": '{"v4code":10031}' } }),
    ]) {
      answer = one;
      await rejects(R2.get("a"), isTold);
      await rejects(R2.head("a"), isTold);
    }
    answer = () => sized(OBJECT);
    strictEqual((await R2.head("a")).key, "n");
  },
};

export const metadata = {
  async test(_, { R2 }) {
    for (const json of [
      "5", "[]", "null", "", "{bad", `${OBJECT} x`, '{"name":5}', '{"size":"x"}', '{"size":-1}', '{"size":1.5}', '{"uploaded":null}',
      '{"httpFields":5}', '{"httpFields":{"contentType":5}}', '{"customFields":{}}', '{"customFields":[5]}', '{"checksums":{"0":5}}',
      '{"storageClass":[]}', '{"range":5}', '{"range":{"offset":"x"}}', '{"ssec":[]}',
    ]) {
      answer = () => sized(json);
      await rejects(R2.head("a"), isTold);
      answer = () => sized(`{"objects":[${json}]}`);
      if (json !== "") await rejects(R2.list(), isTold);
      answer = () => new Response(json);
      await rejects(R2.put("a", "v"), isTold);
    }
    for (const json of ['{"objects":5}', '{"truncated":1}', '{"delimitedPrefixes":[5]}', '{"cursor":5}']) {
      answer = () => sized(json);
      await rejects(R2.list(), isTold);
    }
    for (const json of ["", "5", '{"uploadId":5}']) {
      answer = () => new Response(json);
      await rejects(R2.createMultipartUpload("a"), isTold);
    }
  },
};

export const bodies = {
  async test(_, { R2 }) {
    const head = new TextEncoder().encode(OBJECT);
    const cut = (chunks) => {
      const stream = new ReadableStream({
        pull(controller) {
          const chunk = chunks.shift();
          if (chunk === undefined) controller.error(new RangeError("cut"));
          else controller.enqueue(chunk);
        },
      });
      return new Response(stream, { headers: { "cf-r2-metadata-size": `${head.length}` } });
    };
    answer = () => cut([head.subarray(0, 5)]);
    await rejects(R2.get("a"), { message: "cut" });
    answer = () => cut([head.subarray(0, 5), head.subarray(5), head]);
    const object = await R2.get("a");
    await rejects(object.text(), { message: "cut" });
  },
};
