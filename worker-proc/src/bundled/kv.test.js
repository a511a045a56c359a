// The wire protocol of `/workerd/kv.js`, also that of the published binary.
import { deepStrictEqual, ok, strictEqual } from "node:assert";

const call = (service, method, path, init = {}) => service.fetch(`https://fake-host${path}`, { method, ...init });

const put = async (service, key, value, query = "", headers = {}) => {
  const path = `/${encodeURIComponent(key)}?urlencoded=true${query}`;
  const response = await call(service, "PUT", path, { body: value, headers });
  deepStrictEqual([response.status, response.statusText, await response.text()], [200, "OK", ""], key);
};

const get = async (service, key) => {
  const response = await call(service, "GET", `/${encodeURIComponent(key)}?urlencoded=true`);
  strictEqual(response.headers.get("CF-Cache-Status"), "MISS");
  const text = await response.text();
  return response.status === 200 ? text : response.status;
};

const list = async (service, query = "") => (await call(service, "GET", `?${query}`)).json();

const bulk = (service, body) =>
  call(service, "POST", "/bulk/get", { body: typeof body === "string" ? body : JSON.stringify(body) });

const refusal = async (response, status, text) => {
  deepStrictEqual([response.status, response.statusText, await response.text()], [status, text, ""]);
};

export const values = {
  async test(_, { KV, OTHER }) {
    strictEqual(await get(KV, "a"), 404);
    await put(KV, "a", "1");
    await put(KV, "a", "2");
    await put(KV, "mine", "v");
    strictEqual(await get(KV, "a"), "2");
    strictEqual(await get(OTHER, "mine"), 404);
    for (const key of ["ü/ ?#&%", "a b", "\0", "😀", "__proto__", "a".repeat(512)]) {
      await put(KV, key, `of ${key}`);
      strictEqual(await get(KV, key), `of ${key}`);
    }
    await put(KV, "empty", "");
    strictEqual(await get(KV, "empty"), "");
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    await put(KV, "bytes", bytes);
    const response = await call(KV, "GET", "/bytes");
    deepStrictEqual(new Uint8Array(await response.arrayBuffer()), bytes);
    for (const _ of "12") await refusal(await call(KV, "DELETE", "/a?urlencoded=true"), 200, "OK");
    strictEqual(await get(KV, "a"), 404);
  },
};

export const metadata = {
  async test(_, { KV }) {
    await put(KV, "m", "v", "", { "CF-KV-Metadata": '{"a":1}' });
    const response = await call(KV, "GET", "/m");
    deepStrictEqual([await response.text(), response.headers.get("CF-KV-Metadata")], ["v", '{"a":1}']);
    await put(KV, "m", "v");
    strictEqual((await call(KV, "GET", "/m")).headers.get("CF-KV-Metadata"), null);
    await put(KV, "m", "v", "", { "CF-KV-Metadata": `"${"x".repeat(1022)}"` });
    const headers = { "CF-KV-Metadata": `"${"x".repeat(1023)}"` };
    await refusal(
      await call(KV, "PUT", "/m", { body: "v", headers }),
      413,
      "Metadata length of 1025 exceeds limit of 1024.",
    );
  },
};

export const expiry = {
  async test(_, { KV }) {
    const before = Math.floor(Date.now() / 1000);
    await put(KV, "until1", "v", "&expiration_ttl=60");
    await put(KV, "until2", "v", `&expiration=${before + 200}`);
    await put(KV, "until3", "v", "&expiration_ttl=100x");
    const { keys } = await list(KV, "prefix=until");
    deepStrictEqual(
      keys.map(({ name }) => name),
      ["until1", "until2", "until3"],
    );
    strictEqual(keys[1].expiration, before + 200);
    ok(keys[0].expiration - before - 60 <= 5 && keys[2].expiration - before - 100 <= 5);
    strictEqual((await call(KV, "POST", "/clock?advance=80000")).status, 200);
    deepStrictEqual([await get(KV, "until1"), await get(KV, "until2"), await get(KV, "until3")], [404, "v", "v"]);
    await call(KV, "POST", "/clock?advance=30000");
    deepStrictEqual([await get(KV, "until3"), (await list(KV, "prefix=until")).keys.length], [404, 1]);
    // A new value takes the place of one that has expired, and may stay.
    await put(KV, "until1", "new");
    await call(KV, "POST", "/clock?advance=1000000");
    deepStrictEqual([await get(KV, "until1"), await get(KV, "until2")], ["new", 404]);
    await refusal(await call(KV, "POST", "/clock?advance=x"), 400, "advance must be a number of milliseconds.");
    await call(KV, "POST", "/clock?advance=-1110000");
  },
};

export const wrongExpiry = {
  async test(_, { KV }) {
    const now = Math.floor(Date.now() / 1000);
    const refused = async (query, text) => refusal(await call(KV, "PUT", `/x?${query}`, { body: "v" }), 400, text);
    for (const ttl of ["0", "-1", "x", ""]) {
      await refused(
        `expiration_ttl=${ttl}`,
        `Invalid expiration_ttl of ${ttl}. Please specify integer greater than 0.`,
      );
    }
    await refused("expiration_ttl=59", "Invalid expiration_ttl of 59. Expiration TTL must be at least 60.");
    for (const at of ["0", "-1", "x", "1000", `${now - 10}`]) {
      await refused(
        `expiration=${at}`,
        `Invalid expiration of ${at}. Please specify integer greater than the current number of seconds since the UNIX epoch.`,
      );
    }
    await refused(
      `expiration=${now + 30}`,
      `Invalid expiration of ${now + 30}. Expiration times must be at least 60 seconds in the future.`,
    );
    await refusal(await call(KV, "GET", "/x?cache_ttl=29"), 400, "Invalid cache_ttl of 29. Cache TTL must be at least 30.");
    await refusal(await call(KV, "GET", "/x?cache_ttl=x"), 400, "Invalid cache_ttl of x. Cache TTL must be at least 30.");
    strictEqual((await call(KV, "GET", "/x?cache_ttl=30")).status, 404);
  },
};

// More than one page, in the order of UTF-8, which is not that of UTF-16.
const NAMES = [
  ...Array.from({ length: 130 }, (_, i) => `p${String(i).padStart(3, "0")}`),
  "p\u007f",
  "p\u{ffff}",
  "p\u{1f600}",
  "p\u{10ffff}",
  "p\u{10ffff}x",
  "q",
  "\u{d7ff}1",
  "\u{e000}1",
  "\u{10ffff}",
];

export const pages = {
  async test(_, { PAGES }) {
    deepStrictEqual(await list(PAGES), { keys: [], list_complete: true });
    for (const name of NAMES.toReversed()) await put(PAGES, name, "v", "", { "CF-KV-Metadata": "1" });
    const all = await list(PAGES);
    deepStrictEqual(
      all.keys,
      NAMES.map((name) => ({ name, metadata: "1" })),
    );
    deepStrictEqual([all.list_complete, "cursor" in all], [true, false]);
    for (const limit of [1, 7, 100, NAMES.length - 1, NAMES.length]) {
      const found = [];
      let page = { cursor: "" };
      for (let pages = 0; pages < 200 && page.list_complete !== true; pages++) {
        page = await list(PAGES, `key_count_limit=${limit}&cursor=${encodeURIComponent(page.cursor)}`);
        ok(page.keys.length <= limit);
        strictEqual(page.list_complete, !("cursor" in page));
        found.push(...page.keys.map(({ name }) => name));
        if (limit === 1 && found.length === 5) break;
      }
      deepStrictEqual(found, limit === 1 ? NAMES.slice(0, 5) : NAMES, `${limit}`);
    }
    for (const prefix of ["p", "p0", "p\u{10ffff}", "\u{10ffff}", "\u{d7ff}", "none", ""]) {
      const { keys } = await list(PAGES, `prefix=${encodeURIComponent(prefix)}`);
      deepStrictEqual(
        keys.map(({ name }) => name),
        NAMES.filter((name) => name.startsWith(prefix)),
        prefix,
      );
    }
    // A cursor is the last key, wherever it came from; one before the prefix changes nothing.
    const from = async (query) => (await list(PAGES, query)).keys.map(({ name }) => name);
    deepStrictEqual(await from(`prefix=p12&cursor=${btoa("p127")}`), ["p128", "p129"]);
    deepStrictEqual(await from(`prefix=p12&cursor=${btoa("p9")}`), []);
    strictEqual((await from(`prefix=p12&cursor=${btoa("a")}`)).length, 10);
  },
};

export const wrongLists = {
  async test(_, { KV }) {
    const refused = async (query, status, text) => refusal(await call(KV, "GET", `?${query}`), status, text);
    for (const [limit, number] of [
      ["0", 0],
      ["-1", -1],
      ["x", "NaN"],
    ]) {
      const text = `Invalid key_count_limit of ${number}. Please specify an integer greater than 0.`;
      await refused(`key_count_limit=${limit}`, 400, text);
    }
    await refused(
      "key_count_limit=1001",
      400,
      "Invalid key_count_limit of 1001. Please specify an integer less than 1000.",
    );
    strictEqual((await list(KV, "key_count_limit=1000")).list_complete, true);
    await refused("cursor=%25%25", 400, "Invalid cursor.");
    await refused(`cursor=${encodeURIComponent(btoa("\xff"))}`, 400, "Invalid cursor.");
    await refused(
      `prefix=${"a".repeat(513)}`,
      414,
      "UTF-8 encoded length of 513 exceeds key length limit of 512.",
    );
  },
};

export const bulkGet = {
  async test(_, { OTHER }) {
    await put(OTHER, "a", "1", "", { "CF-KV-Metadata": '{"m":[1]}' });
    await put(OTHER, "b", '{"x":"ü"}');
    await put(OTHER, "bad", new Uint8Array([0x22, 0xff, 0x22]));
    const got = async (body) => (await bulk(OTHER, body)).json();
    deepStrictEqual(await got({ keys: ["b", "none", "a", "b"] }), { b: '{"x":"ü"}', none: null, a: "1" });
    deepStrictEqual(await got({ keys: ["b", "a"], type: "json" }), { b: { x: "ü" }, a: 1 });
    deepStrictEqual(await got({ keys: ["a", "b", "none"], withMetadata: true, cacheTtl: "90" }), {
      a: { value: "1", metadata: { m: [1] } },
      b: { value: '{"x":"ü"}', metadata: null },
      none: null,
    });
    deepStrictEqual(await got({ keys: ["bad"], type: "text" }), { bad: '"\ufffd"' });
    deepStrictEqual(await got({ keys: ["a"], type: null }), { a: "1" });
    const notJson = "At least one of the requested keys corresponds to a non-json value";
    await refusal(await bulk(OTHER, { keys: ["bad"], type: "json" }), 400, notJson);
  },
};

export const wrongBulk = {
  async test(_, { KV }) {
    const refused = async (body, status, text) => refusal(await bulk(KV, body), status, text);
    for (const body of ["", "{", "1", "null"]) await refused(body, 400, "Invalid JSON");
    for (const body of [{}, [], { keys: "a" }, { keys: [] }]) {
      await refused(body, 400, "You must request a minimum of 1 key");
    }
    await refused({ keys: Array(101).fill("a") }, 400, "You can request a maximum of 100 keys");
    await refused({ keys: ["a"], type: "stream" }, 400, '"stream" is not a valid type. Use "json" or "text"');
    await refused({ keys: ["a", ""] }, 400, "Key names must not be empty");
    await refused({ keys: [".."] }, 400, 'Illegal key name "..". Please use a different name.');
    await refused(
      { keys: ["ü".repeat(257)] },
      414,
      "UTF-8 encoded length of 514 exceeds key length limit of 512.",
    );
    await refused({ keys: ["a"], cacheTtl: "5" }, 400, "Invalid cache_ttl of 5. Cache TTL must be at least 30.");
  },
};

// Large values are files of the service BLOBS.
export const blobs = {
  async test(_, { BLOBS, FILES }) {
    const files = async () => {
      const found = [];
      for (const { name } of await (await FILES.fetch("http://disk/")).json()) {
        const response = await FILES.fetch(`http://disk/${name}/b`);
        const list = await response.text();
        if (response.status === 200 && list.startsWith("[")) found.push(...JSON.parse(list).map((file) => `${name}/b/${file.name}`));
      }
      return found;
    };
    const value = (fill, length) => new Uint8Array(length).fill(fill);
    await put(BLOBS, "inline", value(1, 65_536));
    deepStrictEqual(await files(), []);
    await put(BLOBS, "large", value(2, 65_537), "", { "CF-KV-Metadata": "5" });
    await put(BLOBS, "largest", value(3, 26_214_400));
    strictEqual((await files()).length, 2);
    const large = await call(BLOBS, "GET", "/large");
    deepStrictEqual([new Uint8Array(await large.arrayBuffer()), large.headers.get("CF-KV-Metadata")], [value(2, 65_537), "5"]);
    const largest = new Uint8Array(await (await call(BLOBS, "GET", "/largest")).arrayBuffer());
    deepStrictEqual([largest.byteLength, largest.every((byte) => byte === 3)], [26_214_400, true]);
    const tooLarge = "Value length of 26214401 exceeds limit of 26214400.";
    await refusal(await call(BLOBS, "PUT", "/largest", { body: value(4, 26_214_401) }), 413, tooLarge);
    const found = await (await bulk(BLOBS, { keys: ["inline", "large"] })).json();
    deepStrictEqual([found.inline.length, found.large], [65_536, "\u0002".repeat(65_537)]);
    const much = "Total size of request exceeds the limit of 25MB";
    await refusal(await bulk(BLOBS, { keys: ["inline", "largest"] }), 413, much);
    // What no row names is deleted.
    await put(BLOBS, "large", "small");
    await call(BLOBS, "DELETE", "/largest");
    strictEqual((await files()).length, 2);
    strictEqual((await call(BLOBS, "POST", "/gc")).status, 200);
    deepStrictEqual([await files(), await get(BLOBS, "large"), await get(BLOBS, "largest")], [[], "small", 404]);
  },
};

export const wrongRequests = {
  async test(_, { KV, BARE, OLD }) {
    for (const [method, path] of [
      ["POST", "/"],
      ["POST", "/x"],
      ["PATCH", "/x"],
      ["HEAD", "/x"],
    ]) {
      await refusal(await call(KV, method, path), 405, "Method Not Allowed");
    }
    for (const method of ["GET", "PUT", "DELETE"]) {
      await refusal(await call(KV, method, "/%ff"), 400, "Invalid key encoding");
      await refusal(await call(KV, method, "/%"), 400, "Invalid key encoding");
    }
    const none = 'No namespace: props must be {"namespace": "<id>"}.';
    await refusal(await call(BARE, "GET", "/x"), 400, none);
    const old =
      'KV needs RPC: give its Worker a compatibility date of 2024-04-03 or later, or the "rpc" compatibility flag.';
    await refusal(await call(OLD, "GET", "/x"), 500, old);
  },
};
