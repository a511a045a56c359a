// What the language leaves to its host: callbacks after a garbage collection, and waiting.
import { strictEqual, throws } from "node:assert";

const OBJECTS = 10;

export const finalizationRegistry = {
  async test() {
    let finalized = 0;
    const registry = new FinalizationRegistry((value) => {
      finalized += value;
    });
    const register = () => {
      for (let i = 0; i < OBJECTS; i++) registry.register({ i }, 1);
    };
    register();
    await scheduler.wait(1);
    gc();
    while (finalized < OBJECTS) await scheduler.wait(1);
    strictEqual(finalized, OBJECTS);
  },
};

export const waiting = {
  async test() {
    const memory = new Int32Array(new SharedArrayBuffer(8));
    throws(() => Atomics.wait(memory, 0, 0, 10), { name: "TypeError" });
    const { async, value } = Atomics.waitAsync(memory, 0, 0);
    strictEqual(async, true);
    strictEqual(Atomics.notify(memory, 0), 1);
    // V8 tells of it between turns.
    let told;
    value.then((outcome) => {
      told = outcome;
    });
    while (told === undefined) await scheduler.wait(1);
    strictEqual(told, "ok");
  },
};
