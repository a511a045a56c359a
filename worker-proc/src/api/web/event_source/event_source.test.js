// EventSource: how lines become events, when it tries again, and what ends it.
import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";

const encoder = new TextEncoder();

/** A stream of chunks of text or bytes. */
const streamOf = (...chunks) =>
  new ReadableStream({
    type: "bytes",
    start(controller) {
      for (const chunk of chunks) controller.enqueue(typeof chunk === "string" ? encoder.encode(chunk) : Uint8Array.from(chunk));
      controller.close();
    },
  });

/** What a source tells until it fails: its events' types, data and ids. */
function eventsOf(source, types = ["message"]) {
  const { promise, resolve } = Promise.withResolvers();
  const events = [];
  for (const type of types) source.addEventListener(type, ({ type, data, lastEventId }) => events.push([type, data, lastEventId]));
  source.onerror = ({ error }) => resolve({ events, error });
  return promise;
}

const parsed = async (chunks, types) => (await eventsOf(EventSource.from(streamOf(...chunks)), types)).events;

let requests = [];
const answers = {
  again() {
    const first = requests.length === 1;
    return first ? "retry: 1\nid: 7\ndata: first\n\n" : "data: second\n\n";
  },
  status: () => new Response("", { status: 404 }),
  type: () => new Response("data: x\n\n", { headers: { "content-type": "text/plain" } }),
  untyped: () => new Response(new Blob([])),
  parameters: () => new Response("data: x\n\n", { headers: { "content-type": "Text/Event-Stream; charset=utf-8" } }),
  redirect: () => new Response(null, { status: 302, headers: { location: "http://other/parameters" } }),
  forever: () => {
    const { readable, writable } = new IdentityTransformStream();
    writable.getWriter().write(encoder.encode("data: x\n\n")).catch(() => {});
    return new Response(readable, { headers: { "content-type": "text/event-stream" } });
  },
};

export const server = {
  fetch(request) {
    requests.push(Object.fromEntries(request.headers));
    const answer = answers[new URL(request.url).pathname.slice(1)]();
    return typeof answer === "string" ? new Response(answer, { headers: { "content-type": "text/event-stream" } }) : answer;
  },
};

export const lines = {
  async test() {
    deepStrictEqual(await parsed(["data: a\n\ndata:b\n\ndata:  c\n\ndata\n\n:comment\n\n"]), [
      ["message", "a", ""], ["message", "b", ""], ["message", " c", ""],
    ]);
    deepStrictEqual(await parsed(["data: a\ndata: b\n\n", "data\ndata: c\n\n"]), [["message", "a\nb", ""], ["message", "\nc", ""]]);
    deepStrictEqual(await parsed(["data: a\r\n\r\ndata: b\r\rdata: c\n\n"]), [["message", "a", ""], ["message", "b", ""], ["message", "c", ""]]);
    deepStrictEqual(await parsed(["da", "ta: a", "bc\n", "\ndata: unended"]), [["message", "abc", ""]]);
    deepStrictEqual(await parsed(["event: x\ndata: a\n\nevent: y\n\ndata: b\n\nEvent: x\ndata: c\n\n"], ["message", "x", "y"]), [
      ["x", "a", ""], ["message", "b", ""], ["message", "c", ""],
    ]);
    deepStrictEqual(await parsed(["id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"]), [["message", "a", "1"], ["message", "b", "1"], ["message", "c", ""]]);
  },
};

export const text = {
  async test() {
    const euro = [0xe2, 0x82, 0xac];
    const data = [...encoder.encode("data: ")];
    deepStrictEqual(await parsed([[0xef, 0xbb, 0xbf, ...data, ...euro.slice(0, 1)], [...euro.slice(1), 10, 10]]), [["message", "\u20ac", ""]]);
    deepStrictEqual(await parsed([[...data, 0xff, 10, 10]]), [["message", "\ufffd", ""]]);
    const long = "x".repeat(300_000);
    deepStrictEqual(await parsed([`data: ${long}`, `${long}\n\n`]), [["message", long + long, ""]]);
  },
};

export const streams = {
  async test() {
    const source = EventSource.from(streamOf("data: a\n\n"));
    deepStrictEqual([source.url, source.withCredentials, source.readyState], ["", false, EventSource.OPEN]);
    const { events, error } = await eventsOf(source);
    strictEqual(events.length, 1);
    strictEqual(error.message, "The server disconnected.");
    strictEqual(source.readyState, EventSource.CLOSED);
    const locked = streamOf();
    locked.getReader();
    throws(() => EventSource.from(locked), { name: "TypeError", message: "This ReadableStream is locked." });
    const read = streamOf("x");
    const reader = read.getReader();
    await reader.read();
    reader.releaseLock();
    throws(() => EventSource.from(read), { name: "TypeError", message: "This ReadableStream has already been read from." });
    throws(() => EventSource.from({}), { name: "TypeError" });
    const failing = new ReadableStream({ type: "bytes", pull: (controller) => controller.error(new RangeError("mine")) });
    strictEqual((await eventsOf(EventSource.from(failing))).error.message, "mine");
  },
};

export const urls = {
  async test(controller, { SERVER }) {
    const open = (name) => new EventSource(`http://server/${name}`, { fetcher: SERVER });
    const failure = async (name) => (await eventsOf(open(name))).error;
    for (const [name, message] of [
      ["status", "The response status code was 404."],
      ["type", "The content type 'text/plain' is invalid."],
      ["untyped", "No content type header was present in the response."],
    ]) {
      const error = await failure(name);
      deepStrictEqual([error.name, error.message, error instanceof DOMException], ["AbortError", message, true]);
    }
    requests = [];
    const source = open("again");
    strictEqual(source.url, "http://server/again");
    strictEqual(source.readyState, EventSource.CONNECTING);
    const seen = [];
    const states = [];
    await new Promise((resolve) => {
      source.onopen = ({ type }) => states.push(type, source.readyState);
      source.onerror = () => states.push(source.readyState);
      source.onmessage = ({ data, origin, lastEventId }) => {
        seen.push([data, origin, lastEventId]);
        if (seen.length === 2) resolve();
      };
    });
    source.close();
    deepStrictEqual(seen, [["first", "http://server", "7"], ["second", "http://server", "7"]]);
    deepStrictEqual(states, ["open", 1, 0, "open", 1]);
    deepStrictEqual(requests.map((headers) => [headers.accept, headers["cache-control"], headers["last-event-id"]]), [
      ["text/event-stream", "no-cache", undefined], ["text/event-stream", "no-cache", "7"],
    ]);
    strictEqual(source.readyState, EventSource.CLOSED);
  },
};

export const redirected = {
  async test(controller, { SERVER }) {
    const source = new EventSource("http://server/redirect", { fetcher: SERVER });
    const event = await new Promise((resolve) => (source.onmessage = resolve));
    deepStrictEqual([event.origin, source.url], ["http://other", "http://other/parameters"]);
    source.close();
  },
};

export const closing = {
  async test(controller, { SERVER }) {
    const source = new EventSource("http://server/forever", { fetcher: SERVER });
    await new Promise((resolve) => source.addEventListener("message", resolve));
    source.onerror = () => ok(false);
    source.close();
    source.close();
    strictEqual(source.readyState, EventSource.CLOSED);
    {
      using disposed = new EventSource("http://server/forever", { fetcher: SERVER });
      disposed.onerror = () => ok(false);
    }
    await scheduler.wait(20);
  },
};

export const surface = {
  async test(controller, { SERVER }) {
    deepStrictEqual([EventSource.CONNECTING, EventSource.OPEN, EventSource.CLOSED], [0, 1, 2]);
    const source = EventSource.from(streamOf());
    strictEqual(source.onmessage, null);
    const handler = () => {};
    source.onmessage = handler;
    strictEqual(source.onmessage, handler);
    source.onmessage = 5;
    strictEqual(source.onmessage, null);
    strictEqual(source.OPEN, 1);
    throws(() => new EventSource(), { name: "TypeError" });
    throws(() => new EventSource("nothing"), {
      name: "SyntaxError", message: "Cannot open an EventSource to 'nothing'. The URL is invalid.",
    });
    throws(() => new EventSource("http://x/", { withCredentials: true, fetcher: SERVER }), {
      name: "NotSupportedError", message: "The init.withCredentials option is not supported. It must be false or undefined.",
    });
    throws(() => new EventSource("http://x/", { fetcher: 1 }), {
      name: "TypeError", message: "Incorrect type for the 'fetcher' field on 'EventSourceInit': the provided value is not of type 'Fetcher'.",
    });
    await rejects(async () => EventSource.prototype.close.call({}), { name: "TypeError" });
  },
};
