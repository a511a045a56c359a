// What native code does for a worker: without end, or for longer than a test has.
import { DurableObject } from "cloudflare:workers";
import nodeCrypto from "node:crypto";
import zlib from "node:zlib";

const ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)";

export class Obj extends DurableObject {
  sql(query) {
    return this.ctx.storage.sql.exec(query).toArray();
  }
  count() {
    this.sql("CREATE TABLE IF NOT EXISTS t (x)");
    this.sql("INSERT INTO t VALUES ('kept')");
    return this.sql("SELECT count(*) n FROM t")[0].n;
  }
  read() {
    this.sql(`${ENDLESS} SELECT count(*) FROM n`);
  }
  write() {
    this.sql("INSERT INTO t VALUES ('lost')");
    this.sql(`INSERT INTO t ${ENDLESS} SELECT x FROM n`);
  }
  prelude() {
    this.sql(`${ENDLESS} SELECT count(*) FROM n; SELECT 1`);
  }
  caught() {
    try {
      this.read();
    } catch {
      return "caught";
    }
  }
  transaction() {
    this.ctx.storage.transactionSync(() => this.write());
  }
  find() {
    // One function of SQL, in one step of its machine.
    this.sql("SELECT trim(hex(zeroblob(3000000)), replace(hex(zeroblob(1000000)), '0', 'x') || '0')");
  }
  findFast() {
    // Of time that grows with the square of the length in SQLite's own.
    const text = "hex(zeroblob(2000000)), hex(zeroblob(1000000)) || 'x'";
    return Object.values(this.sql(`SELECT instr(${text}), length(replace(${text}, ''))`)[0]).join();
  }
  unhexFast() {
    // As above.
    const sql = "SELECT length(unhex(?1 || '0102', ?2)) bytes, lower(hex(unhex('z-AB', '-' || ?2))) hex";
    const [text, ignored] = ["z".repeat(1 << 18), "y".repeat(1 << 18) + "z"];
    const { bytes, hex } = this.ctx.storage.sql.exec(sql, text, ignored).one();
    return `${bytes},${hex}`;
  }
  patchFast() {
    return this.sql(`SELECT json_patch('{"a":0,"x":1,"b":3}', '{"a":1,"x":null,"b":{"c":2},"d":[]}') p`)[0].p;
  }
  patch(before = "", after = "", name = "json_patch") {
    const members = (name) => Array.from({ length: 80_000 }, (_, i) => [name + i, 1]);
    const object = (name) => before + JSON.stringify(Object.fromEntries(members(name))) + after;
    return this.ctx.storage.sql.exec(`SELECT length(${name}(?, ?))`, object("a"), object("b")).one();
  }
  patchInside() {
    return this.patch('{"a":', "}");
  }
  patchBinary() {
    return this.patch("", "", "jsonb_patch");
  }
  /** A row of many words that are all alike. */
  fill() {
    this.sql("CREATE VIRTUAL TABLE f USING fts5 (x)");
    this.ctx.storage.sql.exec("INSERT INTO f VALUES (?)", "a ".repeat(1 << 19));
  }
  snippet() {
    this.fill();
    this.sql("SELECT snippet(f, 0, '', '', '', 9) FROM f WHERE f MATCH 'a'");
  }
  highlight() {
    this.fill();
    this.sql("SELECT highlight(f, 0, '<', '>') FROM f WHERE f MATCH 'a'");
  }
  phrase() {
    this.fill();
    this.ctx.storage.sql.exec("SELECT 1 FROM f WHERE f MATCH ?", `"${"a ".repeat(10_000)}"`).toArray();
  }
  near() {
    this.fill();
    this.ctx.storage.sql.exec("SELECT 1 FROM f WHERE f MATCH ?", `NEAR(${"a ".repeat(2000)}, 1000000)`).toArray();
  }
  parse() {
    this.fill();
    this.ctx.storage.sql.exec("SELECT 1 FROM f WHERE f MATCH ?", "b ".repeat(500_000)).toArray();
  }
}

/** Deflated zeros of `count` MiB, a thousandth as long. */
function bomb(count) {
  const one = zlib.deflateRawSync(new Uint8Array(1 << 20), { finishFlush: zlib.constants.Z_FULL_FLUSH });
  const end = new Uint8Array([3, 0]);
  return new Uint8Array(Buffer.concat([...Array(count).fill(one), end]));
}
const inflated = (bytes) => new Response(bytes).body.pipeThrough(new DecompressionStream("deflate-raw"));

const paths = {
  pbkdf2Sync: () => nodeCrypto.pbkdf2Sync("a", "b", 2 ** 31 - 1, 32, "sha256"),
  pbkdf2Caught() {
    try {
      nodeCrypto.pbkdf2Sync("a", "b", 2 ** 31 - 1, 32, "sha256");
    } catch {}
    return "caught";
  },
  pbkdf2: () => new Promise((resolve) => nodeCrypto.pbkdf2("a", "b", 2 ** 31 - 1, 32, "sha512", resolve)),
  async deriveBits() {
    const key = await crypto.subtle.importKey("raw", new Uint8Array(8), "PBKDF2", false, ["deriveBits"]);
    return crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt: new Uint8Array(8), iterations: 2 ** 31 - 1 }, key, 256);
  },
  generateKey: () =>
    crypto.subtle.generateKey(
      { name: "RSASSA-PKCS1-v1_5", modulusLength: 16384, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" },
      true,
      ["sign", "verify"],
    ),
  async many() {
    // Each is short.
    const key = await crypto.subtle.importKey("raw", new Uint8Array(8), "PBKDF2", false, ["deriveBits"]);
    const algorithm = { name: "PBKDF2", hash: "SHA-256", salt: new Uint8Array(8), iterations: 5000 };
    for (;;) await crypto.subtle.deriveBits(algorithm, key, 256);
  },
  text: () => inflated(bomb(4000)).pipeThrough(new TextDecoderStream()).pipeTo(new WritableStream()),
  async chunks() {
    let bytes = 0;
    for (;;) for await (const chunk of inflated(bomb(50))) bytes += chunk.length;
  },
  async pushed() {
    for (;;) {
      const { writable, readable } = new DecompressionStream("deflate-raw");
      readable.pipeTo(new WritableStream());
      const writer = writable.getWriter();
      await writer.write(bomb(50));
      await writer.close();
    }
  },
  inflateSync: () => zlib.inflateRawSync(bomb(4000)),
  rewrite() {
    const rewriter = new HTMLRewriter().on("a ".repeat(999) + "b", { element() {} });
    return rewriter.transform(new Response("<a>".repeat(8000))).text();
  },
  brotliSync: () => zlib.brotliCompressSync(new Uint8Array(1 << 28)),
};

export default {
  async fetch(request, env) {
    const [, name, method] = new URL(request.url).pathname.split("/");
    if (name === "object") {
      const result = await env.OBJ.getByName("a")[method]().catch((error) => `${error.message} ${error.durableObjectReset}`);
      return new Response(String(result));
    }
    return new Response(String(name in paths ? await paths[name](env) : "fine"));
  },
};
