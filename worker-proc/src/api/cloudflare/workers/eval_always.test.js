// `eval` at any time, which an experimental flag allows.
import { strictEqual } from "node:assert";

strictEqual(eval("1 + 1"), 2);

export default {
  async test() {
    strictEqual(eval("1 + 1"), 2);
    await scheduler.wait(1);
    strictEqual(new Function("a", "b", "return a + b")(2, 3), 5);
  },
};
