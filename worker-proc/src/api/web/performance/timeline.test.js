// User Timing on `performance`.
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";

export const marksAndMeasures = {
  async test() {
    const mark = performance.mark("a");
    ok(mark instanceof PerformanceMark && mark instanceof PerformanceEntry);
    deepStrictEqual([mark.name, mark.entryType, mark.duration, mark.detail], ["a", "mark", 0, null]);
    deepStrictEqual(Object.keys(mark.toJSON()), ["name", "entryType", "startTime", "duration"]);
    strictEqual(performance.mark("b", { startTime: 5, detail: { x: 1 } }).detail.x, 1);
    await scheduler.wait(3);
    const measure = performance.measure("m", "a");
    ok(measure instanceof PerformanceMeasure && measure.duration > 0);
    strictEqual(performance.measure("n", { start: 1, duration: 4 }).duration, 4);
    strictEqual(performance.measure("n", "b", "b").duration, 0);
  },
};

export const timeline = {
  test() {
    deepStrictEqual(performance.getEntriesByType("mark").map(({ name }) => name), ["a", "b"]);
    strictEqual(performance.getEntriesByName("n", "measure").length, 2);
    performance.clearMarks("a");
    performance.clearMeasures();
    deepStrictEqual(performance.getEntries().map(({ name }) => name), ["b"]);
    strictEqual(performance.toJSON().timeOrigin, 0);
    deepStrictEqual([...PerformanceObserver.supportedEntryTypes], ["measure", "mark"]);
    throws(() => performance.mark(), TypeError);
    throws(() => new PerformanceEntry(), { message: "Illegal constructor" });
  },
};
