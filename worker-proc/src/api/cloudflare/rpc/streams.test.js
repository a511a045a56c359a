// Streams whose source is elsewhere: who reads no more ends the source, also while that is idle.
import { match, ok, rejects, strictEqual } from "node:assert";
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";

/** By the keys of the sources, what each was ended with. */
const ends = new Map();
let keys = 0;

async function end(key) {
  while (!ends.has(key)) await scheduler.wait(1);
  return ends.get(key);
}

const text = (value) => new TextDecoder().decode(value);
const first = new TextEncoder().encode("first");

/** Streams that give one chunk and then nothing. */
const sources = {
  chunks: (key) => new ReadableStream({
    start: (controller) => controller.enqueue(first),
    cancel: (reason) => ends.set(key, reason),
  }),
  bytes: (key) => new ReadableStream({
    type: "bytes",
    start: (controller) => controller.enqueue(first.slice()),
    cancel: (reason) => ends.set(key, reason),
  }),
  transformed(key) {
    const { readable, writable } = new TransformStream(undefined, undefined, { highWaterMark: 1 });
    const writer = writable.getWriter();
    writer.write(first);
    writer.closed.catch((reason) => ends.set(key, reason));
    return readable;
  },
  waiting(key) {
    let sent = false;
    return new ReadableStream({
      pull(controller) {
        if (sent) return new Promise(() => {});
        sent = true;
        controller.enqueue(first);
      },
      cancel: (reason) => ends.set(key, reason),
    });
  },
};

const methods = {
  stream: (kind, key) => sources[kind](key),
  response: (kind, key) => new Response(sources[kind](key)),
  objects: () => new ReadableStream({
    start(controller) {
      controller.enqueue({ a: 1 });
      controller.close();
    },
  }),
  async relay(stream) {
    return stream;
  },
};

function answer(request) {
  const { searchParams } = new URL(request.url);
  return new Response(sources[searchParams.get("kind")](searchParams.get("key")));
}

export class Service extends WorkerEntrypoint {
  fetch = answer;
}
export class Source extends DurableObject {
  fetch = answer;
}
for (const Class of [Service, Source]) Object.assign(Class.prototype, methods);

/** Reads the first chunk. */
async function begin(stream) {
  const reader = stream.getReader();
  strictEqual(text((await reader.read()).value), "first");
  return reader;
}

const fetchFrom = (stub, kind, key, init) => stub.fetch(`http://source/?kind=${kind}&key=${key}`, init);

/** The published runtime loses the reason where the cancel comes at once. */
const reasonOr = (reason) => new RegExp(`^(${reason}|Error: .*(canceled or released by the remote execution context|lost)\\.)$`);

export const cancelledRpc = {
  async test(_, { OBJECT }) {
    const stub = OBJECT.getByName("a");
    for (const kind of Object.keys(sources)) {
      const key = `${keys++}`;
      const reader = await begin(await stub.stream(kind, key));
      await reader.cancel(new TypeError("seen enough"));
      match(`${await end(key)}`, reasonOr("TypeError: seen enough"), kind);
    }
  },
};

export const cancelledResponses = {
  async test(_, { OBJECT, SERVICE }) {
    for (const stub of [OBJECT.getByName("a"), SERVICE]) {
      for (const kind of Object.keys(sources)) {
        const key = `${keys++}`;
        const reader = await begin((await fetchFrom(stub, kind, key)).body);
        await reader.cancel("enough");
        strictEqual(await end(key), undefined, kind);
      }
    }
  },
};

export const abortedFetches = {
  async test(_, { OBJECT, SERVICE }) {
    for (const stub of [OBJECT.getByName("a"), SERVICE]) {
      for (const kind of Object.keys(sources)) {
        const key = `${keys++}`;
        const controller = new AbortController();
        const { body } = await fetchFrom(stub, kind, key, { signal: controller.signal });
        await begin(body);
        controller.abort();
        strictEqual(await end(key), undefined, kind);
      }
    }
  },
};

export const responsesOverRpc = {
  async test(_, { OBJECT }) {
    const key = `${keys++}`;
    const { body } = await OBJECT.getByName("a").response("chunks", key);
    const reader = await begin(body);
    await reader.cancel(new RangeError("far"));
    match(`${await end(key)}`, reasonOr("RangeError: far"));
  },
};

export const arguments_ = {
  async test(_, { SERVICE }) {
    const key = `${keys++}`;
    const result = await SERVICE.relay(sources.chunks(key));
    await result.cancel(new Error("back"));
    ok((await end(key)) instanceof Error);
  },
};

export const argumentsOfNothing = {
  async test(_, { OBJECT, SERVICE }) {
    for (const stub of [OBJECT.getByName("a"), SERVICE]) {
      const key = `${keys++}`;
      await rejects(() => stub.missing(sources.chunks(key), sources.chunks(`${key}, too`)), TypeError);
      await end(key);
      await end(`${key}, too`);
    }
  },
};

export const onlyBytes = {
  async test(_, { OBJECT, SERVICE }) {
    for (const stub of [OBJECT.getByName("a"), SERVICE]) {
      const stream = await stub.objects();
      // The published runtime says only that the stream was disconnected, which helps nobody.
      await rejects(() => stream.getReader().read(), {
        message: /^(Only streams of bytes can be sent over RPC: .*|ReadableStream received over RPC disconnected prematurely\.)$/,
      });
    }
  },
};
