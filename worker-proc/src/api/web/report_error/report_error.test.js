// reportError: the event on the global scope.
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";

export const event = {
  test() {
    const events = [];
    addEventListener("error", (event) => {
      events.push(event);
      event.preventDefault();
    });
    const error = new RangeError("reported");
    reportError(error);
    reportError("text");
    const [first, second] = events;
    ok(first instanceof ErrorEvent && first.isTrusted);
    deepStrictEqual([first.error, first.message, first.filename], [error, "Uncaught RangeError: reported", "worker"]);
    ok(first.lineno > 0);
    deepStrictEqual([second.error, second.message], ["text", "Uncaught text"]);
    strictEqual(second.filename, "worker");
    throws(() => reportError(), TypeError);
  },
};
