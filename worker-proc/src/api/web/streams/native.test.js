// Bodies that pass through streams of bytes on their way from a request to its response.
import assert from "node:assert";

/** What the promises of a route came to, which its test looks at. */
let outcome;
const watch = (ctx, promises) => {
  outcome = Promise.allSettled(promises).then((all) => all.map(({ status, reason }) => reason?.message ?? status));
  ctx.waitUntil(outcome);
};
/** What a route has made. */
let taken;
const encode = (text) => new TextEncoder().encode(text);
const lengthOf = (request) => Number(request.headers.get("x-length"));

const routes = {
  through: ({ body }) => body.pipeThrough(new IdentityTransformStream()),
  coded: ({ body }) =>
    body.pipeThrough(new CompressionStream("gzip")).pipeThrough(new DecompressionStream("gzip"))
      .pipeThrough(new IdentityTransformStream()),
  piped({ body }, ctx) {
    const { readable, writable } = new IdentityTransformStream();
    watch(ctx, [body.pipeTo(writable)]);
    return readable;
  },
  async late({ body }, ctx) {
    const { readable, writable } = new IdentityTransformStream();
    watch(ctx, [body.pipeTo(writable)]);
    await scheduler.wait(5);
    return readable;
  },
  async chain({ body }, ctx) {
    const steps = [new IdentityTransformStream(), new CompressionStream("gzip"), new DecompressionStream("gzip")];
    const pipes = [];
    for (const { readable, writable } of steps) {
      pipes.push(body.pipeTo(writable));
      body = readable;
    }
    watch(ctx, pipes);
    return body;
  },
  fixed: (request) => request.body.pipeThrough(new FixedLengthStream(lengthOf(request))),
  fixedPiped(request, ctx) {
    const { readable, writable } = new FixedLengthStream(lengthOf(request));
    ctx.waitUntil(request.body.pipeTo(writable).catch(() => {}));
    return readable;
  },
  tee({ body }, ctx) {
    const [left, right] = body.tee();
    const read = new Response(right).text().then((text) => assert.equal(text, "hello world"));
    watch(ctx, [read]);
    return left;
  },
  async clone(request) {
    const copy = request.clone();
    return `${await copy.text()}|${await request.text()}`;
  },
  async read({ body }) {
    const { readable, writable } = new IdentityTransformStream();
    const pipe = body.pipeTo(writable);
    let text = "";
    for await (const chunk of readable) text += new TextDecoder().decode(chunk);
    await pipe;
    return text;
  },
  keep() {
    taken = new IdentityTransformStream();
    return "kept";
  },
  async useKept() {
    const uses = [() => taken.writable.getWriter().write(encode("x")), () => new Response(taken.readable).text()];
    const told = [];
    for (const use of uses) told.push(await use().catch(({ message }) => message.slice(0, 54)));
    return told.join("|");
  },
  plain: ({ body }) => body.pipeThrough(new TransformStream()).pipeThrough(new TransformStream()),
  plainPiped({ body }, ctx) {
    const { readable, writable } = new TransformStream();
    watch(ctx, [body.pipeTo(writable)]);
    taken = readable;
    return readable;
  },
  async plainLate({ body }, ctx) {
    const { readable, writable } = new TransformStream();
    watch(ctx, [body.pipeTo(writable)]);
    await scheduler.wait(5);
    return readable;
  },
  plainMixed: ({ body }) =>
    body.pipeThrough(new TransformStream()).pipeThrough(new IdentityTransformStream()).pipeThrough(new TransformStream({}, {}, {})),
  written(request, ctx) {
    const { readable, writable } = new IdentityTransformStream();
    const writer = writable.getWriter();
    const write = async () => {
      const chunk = encode("chunk0");
      for (let i = 0; i < 5; i++) {
        await writer.write(chunk);
        chunk[5]++;
      }
      await writer.close();
    };
    watch(ctx, [write()]);
    return readable;
  },
  writtenFixed(request, ctx) {
    const { readable, writable } = new FixedLengthStream(lengthOf(request));
    const writer = writable.getWriter();
    const write = async () => {
      for (let i = 0; i < 5; i++) await writer.write(encode("chunk0"));
      await writer.close();
    };
    watch(ctx, [write()]);
    return readable;
  },
  aborted(request, ctx) {
    const { readable, writable } = new IdentityTransformStream();
    const writer = writable.getWriter();
    ctx.waitUntil(writer.write(encode("x")).then(() => writer.abort(new Error("stop"))));
    return readable;
  },
  made: () => counting(4).pipeThrough(new IdentityTransformStream()),
  failing: () => counting(2, new TypeError("bad")).pipeThrough(new IdentityTransformStream()),
  endless(request, ctx) {
    const { readable, writable } = new IdentityTransformStream();
    const writer = writable.getWriter();
    const write = async () => {
      for (;;) await writer.write(new Uint8Array(1000));
    };
    watch(ctx, [write()]);
    return readable;
  },
};

/** Yields "p1" to "p<count>", then ends or fails. */
function counting(count, error) {
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      await scheduler.wait(1);
      if (at++ < count) controller.enqueue(encode(`p${at}`));
      else if (error) controller.error(error);
      else controller.close();
    },
  });
}

export default {
  async fetch(request, env, ctx) {
    return new Response(await routes[new URL(request.url).pathname.slice(1)](request, ctx));
  },
};

function send(env, route, body, length) {
  outcome = undefined;
  const headers = length === undefined ? {} : { "x-length": length };
  return env.SELF.fetch(`http://x/${route}`, { method: "POST", headers, body });
}
const textOf = async (env, route, body, length) => (await send(env, route, body, length)).text();

export const passing = {
  async test(ctrl, env) {
    const pipes = { piped: 1, late: 1, chain: 3, tee: 1, plainPiped: 1, plainLate: 1 };
    const plain = ["plain", "plainPiped", "plainLate", "plainMixed"];
    for (const route of ["through", "coded", "piped", "late", "chain", "tee", "read", ...plain]) {
      assert.equal(await textOf(env, route, "hello world"), "hello world", route);
      assert.deepEqual(await outcome, pipes[route] && Array(pipes[route]).fill("fulfilled"), route);
      if (route === "tee") continue;
      assert.equal(await textOf(env, route, counting(4)), "p1p2p3p4", route);
      assert.deepEqual(await outcome, pipes[route] && Array(pipes[route]).fill("fulfilled"), route);
    }
    assert.equal(await textOf(env, "clone", "hello"), "hello|hello");
    assert.equal(await textOf(env, "clone", counting(4)), "p1p2p3p4|p1p2p3p4");
  },
};

/** A pipe is I/O of the request that has made it. */
export const otherRequests = {
  async test(ctrl, env) {
    assert.equal(await textOf(env, "keep"), "kept");
    const refused = "Cannot perform I/O on behalf of a different request. I";
    assert.equal(await textOf(env, "useKept"), `${refused}|${refused}`);
  },
};

export const plainTransforms = {
  async test(ctrl, env) {
    const response = await send(env, "plainPiped", "hello world");
    // As if JavaScript had passed every chunk on.
    assert.equal(response.headers.get("content-length"), null);
    assert.equal(taken.locked, true);
    assert.equal(await response.text(), "hello world");
  },
};

export const lengths = {
  async test(ctrl, env) {
    for (const route of ["fixed", "fixedPiped"]) {
      assert.equal(await textOf(env, route, "hello world", 11), "hello world");
      await assert.rejects(textOf(env, route, "hello world", 10), TOO_MANY);
      await assert.rejects(textOf(env, route, "hello world", 12), TOO_FEW);
    }
    assert.equal(await textOf(env, "writtenFixed", "", 30), "chunk0".repeat(5));
    assert.deepEqual(await outcome, ["fulfilled"]);
    await assert.rejects(textOf(env, "writtenFixed", "", 29), TOO_MANY);
    assert.deepEqual(await outcome, [TOO_MANY.message]);
    await assert.rejects(textOf(env, "writtenFixed", "", 31), TOO_FEW);
    assert.deepEqual(await outcome, ["fulfilled"]);
  },
};
const TOO_MANY = { name: "TypeError", message: "Attempt to write too many bytes through a FixedLengthStream." };
const TOO_FEW = {
  name: "TypeError",
  message: "FixedLengthStream did not see all expected bytes before close().",
};

export const writing = {
  async test(ctrl, env) {
    assert.equal(await textOf(env, "written"), "chunk0chunk1chunk2chunk3chunk4");
    assert.deepEqual(await outcome, ["fulfilled"]);
    assert.equal(await textOf(env, "made"), "p1p2p3p4");
    await assert.rejects(textOf(env, "aborted"), { name: "Error", message: "stop" });
    await assert.rejects(textOf(env, "failing"), { name: "TypeError", message: "bad" });
  },
};

export const leaving = {
  async test(ctrl, env) {
    const response = await send(env, "endless");
    const reader = response.body.getReader();
    assert.ok((await reader.read()).value.length > 0);
    await reader.cancel(new Error("enough"));
    assert.deepEqual(await outcome, ["Network connection lost."]);
  },
};
