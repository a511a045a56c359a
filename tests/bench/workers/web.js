// The workloads that need nothing but the web platform, a route each: the same code on every runtime.

const MIB = new Uint8Array(1 << 20).fill(97);
const EVENTS = 200;
const items = Array.from({ length: 50 }, (_, i) => ({ id: i, name: `item ${i}`, price: i * 1.25, tags: ["a", "b", `${i}`] }));
const encoder = new TextEncoder();

const eventStream = (body) => new Response(body, { headers: { "content-type": "text/event-stream" } });
const event = (i) => encoder.encode(`data: ${i}\n\n`);

function pulledEvents() {
  let i = 0;
  return eventStream(
    new ReadableStream({
      pull(controller) {
        if (i < EVENTS) controller.enqueue(event(i++));
        else controller.close();
      },
    }),
  );
}

function writtenEvents() {
  const { readable, writable } = new TransformStream();
  const write = async () => {
    const writer = writable.getWriter();
    for (let i = 0; i < EVENTS; i++) await writer.write(event(i));
    await writer.close();
  };
  // A client that goes away ends the stream: that is no failure of the handler.
  write().catch(() => {});
  return eventStream(readable);
}

function pulledMib() {
  let i = 0;
  return new Response(
    new ReadableStream({
      pull(controller) {
        if (i++ < 16) controller.enqueue(MIB.subarray(0, 1 << 16));
        else controller.close();
      },
    }),
  );
}

function dispatches() {
  const target = new EventTarget();
  let seen = 0;
  target.addEventListener("tick", () => seen++);
  for (let i = 0; i < 50; i++) target.dispatchEvent(new Event("tick"));
  return new Response(`${seen}`);
}

function abort() {
  const controller = new AbortController();
  let reason;
  controller.signal.addEventListener("abort", () => (reason = controller.signal.reason));
  controller.abort("enough");
  return new Response(reason);
}

function uuids() {
  let length = 0;
  for (let i = 0; i < 20; i++) length += crypto.randomUUID().length;
  return new Response(`${length}`);
}

function clones() {
  let cloned = items;
  for (let i = 0; i < 3; i++) cloned = structuredClone(cloned);
  return Response.json(cloned);
}

const routes = {
  "/hello": () => new Response("Hello World\n"),
  "/headers": ({ headers }) => new Response(`${headers.get("x-header-3")} ${headers.get("x-header-9")} ${headers.get("x-header-17")}`),
  "/json": (request, url) => Response.json({ items, agent: request.headers.get("user-agent"), q: url.searchParams.get("q") }),
  "/echo": (request) => new Response(request.body, { headers: { "content-type": "application/octet-stream" } }),
  "/array-buffer": async (request) => new Response(`${(await request.arrayBuffer()).byteLength}`),
  "/text": async (request) => new Response(`${(await request.text()).length}`),
  "/form": async (request) => new Response(`${(await request.formData()).get("file").size}`),
  "/sse-pulled": pulledEvents,
  "/sse-written": writtenEvents,
  "/throw": () => {
    throw new Error("thrown by the workload");
  },
  "/uuid": uuids,
  "/events": dispatches,
  "/abort": abort,
  "/compress": () => new Response(new Blob([MIB.subarray(0, 16384)]).stream().pipeThrough(new CompressionStream("gzip"))),
  "/clone": clones,
  "/big": () => new Response(MIB),
  "/stream": pulledMib,
  "/sha": async () => new Response(await crypto.subtle.digest("SHA-256", MIB.subarray(0, 1 << 16))),
};

/** A `fetch` handler of these routes; a further argument is what the runtime has of its own, `env`. */
export const handlerOf = (all) => (request, env) => {
  const url = new URL(request.url);
  const route = all[url.pathname];
  return route === undefined ? new Response("no such workload", { status: 404 }) : route(request, url, env);
};

export { routes };
