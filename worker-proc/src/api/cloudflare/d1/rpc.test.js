import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import { WorkerEntrypoint } from "cloudflare:workers";

export class Database extends WorkerEntrypoint {
  async query({ queries, bookmark }) {
    if (queries[0].sql === "fail") throw new Error("no such table");
    const results = queries.map(({ sql, params }) => ({
      meta: { duration: 1 },
      data: { kind: queries[0].sql === "odd" ? "odd" : "raw", columns: ["sql", "params"], rows: [[sql, JSON.stringify(params)]] },
    }));
    return { results, bookmark: `${bookmark ?? ""}+` };
  }
}

export const calls = {
  async test(_, { DB }) {
    deepStrictEqual(await DB.prepare("a").bind(1).all(), {
      success: true, meta: { duration: 1 }, results: [{ sql: "a", params: "[1]" }],
    });
    deepStrictEqual((await DB.prepare("a").run()).results, [{ sql: "a", params: "[]" }]);
    deepStrictEqual(await DB.prepare("a").raw({ columnNames: true }), [["sql", "params"], ["a", "[]"]]);
    deepStrictEqual((await DB.batch([DB.prepare("a"), DB.prepare("b")])).map(({ results }) => results[0].sql), ["a", "b"]);
    deepStrictEqual(await DB.exec("a\nb"), { count: 2, duration: 2 });
    deepStrictEqual((await DB.query({ queries: [{ sql: "a" }] })).results[0].data.rows[0][0], "a");
    await rejects(DB.prepare("fail").all(), (error) => error.message === "D1_ERROR: no such table" && error.cause instanceof Error);
    await rejects(DB.exec("fail"), { message: "D1_EXEC_ERROR: no such table" });
    await rejects(DB.prepare("odd").all(), { message: "D1_ERROR: Unsupported D1 query result kind: odd" });
    const session = DB.withSession("1");
    await session.prepare("a").all();
    strictEqual(session.getBookmark(), "1+");
  },
};
