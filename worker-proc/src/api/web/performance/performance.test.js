// performance outside Node's additions.
import { ok, strictEqual, throws } from "node:assert";

strictEqual(performance.now(), 0);

export const clock = {
  async test() {
    strictEqual(performance.timeOrigin, 0);
    const before = performance.now();
    await scheduler.wait(5);
    ok(performance.now() > before);
    throws(() => performance.now.call({}), /^TypeError: Illegal invocation/);
  },
};
