// What `wrangler dev` and `getPlatformProxy` give with the binary that MINIFLARE_WORKERD_PATH names, as JSON in `answers.json`.
import { writeFileSync } from "node:fs";
import { getPlatformProxy, unstable_startWorker } from "wrangler";

const config = "wrangler.json";
const answers = {};

const worker = await unstable_startWorker({ config, dev: { server: { port: 0 }, inspector: false, persist: false, logLevel: "error", testScheduled: true } });
const ask = async (path, init) => {
  const response = await worker.fetch(`http://localhost${path}`, { ...init, headers: { Accept: "text/plain" } });
  const { status } = response;
  answers[path] = { status, type: response.headers.get("content-type"), method: response.headers.get("x-method"), body: await response.text() };
};
for (const part of ["kv", "d1", "r2", "object", "queue"]) {
  await ask(`/${part}`);
  if (answers[`/${part}`].status !== 200) throw new Error(`${part}: ${answers[`/${part}`].body}`);
}
await ask("/echo", { method: "POST", body: "echoed" });
// With its places in the source, which lies elsewhere each time.
answers.thrown = await worker.fetch("http://localhost/thrown").catch(({ stack }) => stack.replaceAll(process.cwd(), "").split("\n").slice(0, 3));
await ask("/__scheduled?cron=1+*+*+*+*");
await worker.dispose();

const proxy = await getPlatformProxy({ configPath: config, persist: false });
const { KV, DB } = proxy.env;
await KV.put("from", "node");
answers.proxy = [await KV.get("from"), (await DB.prepare("SELECT 1 AS one").all()).results, await DB.prepare("SELEC").all().catch(String)];
await proxy.dispose();

writeFileSync("answers.json", JSON.stringify(answers, null, 1));
