import { deepStrictEqual, ok, strictEqual } from "node:assert";

/** What a worker is told: the status, headers but for dates, the body. */
async function ask(disk, method, path, { body, ...headers } = {}) {
  const response = await disk.fetch(`http://disk/${path}`, { method, body, headers });
  const told = Object.fromEntries([...response.headers].filter(([name]) => name !== "last-modified"));
  return [response.status, told, await response.text()];
}

const FILE = { "content-type": "application/octet-stream" };

export const files = {
  async test(_, { DISK }) {
    deepStrictEqual(await ask(DISK, "PUT", "a/b/c.txt", { body: "0123456789" }), [204, {}, ""]);
    const whole = [200, { "content-length": "10", ...FILE }, "0123456789"];
    deepStrictEqual(await ask(DISK, "GET", "a/b/c.txt"), whole);
    deepStrictEqual(await ask(DISK, "HEAD", "a/b/c.txt"), [200, whole[1], ""]);
    // Conditions are those of HTTP's clients.
    deepStrictEqual(await ask(DISK, "GET", "a/b/c.txt", { "if-none-match": "*" }), whole);
    const part = { "content-length": "3", "content-range": "bytes 2-4/10", ...FILE };
    deepStrictEqual(await ask(DISK, "GET", "a/b/c.txt", { range: "bytes=2-4" }), [206, part, "234"]);
    deepStrictEqual(await ask(DISK, "GET", "a/b/c.txt", { range: "bytes=12-" }), [
      416,
      { "content-range": "bytes */10" },
      "Range Not Satisfiable",
    ]);
    deepStrictEqual(await ask(DISK, "PUT", "a/b/c.txt", { body: "new" }), [204, {}, ""]);
    strictEqual((await ask(DISK, "GET", "a/b/c.txt"))[2], "new");
    deepStrictEqual(await ask(DISK, "GET", "a/"), [
      200,
      { "content-type": "application/json" },
      '[{"name":"b","type":"directory"}]',
    ]);
    deepStrictEqual(await ask(DISK, "DELETE", "a"), [204, {}, ""]);
    deepStrictEqual(await ask(DISK, "DELETE", "a"), [404, {}, "Not Found"]);
    deepStrictEqual(await ask(DISK, "GET", "a/b/c.txt"), [404, {}, "Not Found"]);
  },
};

export const streams = {
  async test(_, { DISK }) {
    const piece = new Uint8Array(100_000).map((_, index) => index);
    const { readable, writable } = new TransformStream();
    const put = DISK.fetch("http://disk/large", { method: "PUT", body: readable });
    const writer = writable.getWriter();
    for (let count = 0; count < 20; count++) await writer.write(piece);
    await writer.close();
    strictEqual((await put).status, 204);
    const response = await DISK.fetch("http://disk/large");
    strictEqual(response.headers.get("content-length"), "2000000");
    ok(Date.parse(response.headers.get("last-modified")) > 0);
    const bytes = await response.bytes();
    ok(bytes.every((byte, index) => byte === ((index % 100_000) & 255)));
    strictEqual((await ask(DISK, "GET", ""))[2], '[{"name":"large","type":"file"}]');
    strictEqual((await ask(DISK, "DELETE", "large"))[0], 204);
  },
};

export const refusals = {
  async test(_, { DISK }) {
    const status = async (...asked) => (await ask(DISK, ...asked))[0];
    deepStrictEqual(await ask(DISK, "PUT", "", { body: "x" }), [403, {}, "Unauthorized"]);
    deepStrictEqual(await ask(DISK, "POST", "a", { body: "x" }), [501, {}, "Not Implemented"]);
    for (const path of [".dot", "a/.dot", "a//b", "a%2fb", "a%00", "/"]) {
      strictEqual(await status("PUT", path, { body: "x" }), 403, path);
      strictEqual(await status("DELETE", path), 403, path);
    }
    for (const path of [".dot", "a//b", "a%2fb", "%00", "none", "none/none", "x".repeat(300)]) {
      strictEqual(await status("GET", path), 404, path);
    }
    strictEqual(await status("PUT", "f", { body: "x" }), 204);
    strictEqual(await status("GET", "f/g"), 404);
    for (const asked of [
      ["PUT", "f/g", { body: "x" }],
      ["DELETE", "f/g"],
      ["PUT", "y".repeat(300), { body: "x" }],
    ]) {
      const refused = await ask(DISK, ...asked).catch((error) => error.message);
      ok(`${refused}`.startsWith("internal error"), `${asked}: ${refused}`);
    }
    strictEqual(await status("DELETE", "f"), 204);
  },
};
