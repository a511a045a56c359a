// Events that wait for a promise of another one: each answers its own caller, and does its own I/O.
import { AsyncLocalStorage } from "node:async_hooks";
import { deepStrictEqual, rejects, strictEqual } from "node:assert";

let once;
let waiting = 0;
const names = new AsyncLocalStorage();

export const shared = {
  async fetch(request, env, ctx) {
    const name = new URL(request.url).pathname;
    if (name === "/never") await new Promise(() => {});
    once ??= (async () => {
      await scheduler.wait(20);
      return "settled";
    })();
    waiting++;
    return names.run(name, async () => {
      const value = await once;
      // This goes on in the turn of whoever settled it.
      const late = scheduler.wait(5).then(() => `${names.getStore()} late`);
      return new Response(`${name} ${names.getStore()} ${value} ${await late}`);
    });
  },
};

export const eachAnswersItsOwn = {
  async test(_, { Shared }) {
    const paths = ["/a", "/b", "/c", "/d"];
    const answers = await Promise.all(paths.map(async (path) => (await Shared.fetch(`http://x${path}`)).text()));
    deepStrictEqual(answers, paths.map((path) => `${path} ${path} settled ${path} late`));
    strictEqual(waiting, 4);
  },
};

export const oneThatNobodyCanHelpHangs = {
  async test(_, { Shared }) {
    // Its caller has work to do, but waits for it.
    await rejects(() => Shared.fetch("http://x/never"), { message: /had hung and would never generate a response/ });
  },
};
