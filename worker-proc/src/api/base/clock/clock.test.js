// Time at global scope, and afterwards for those who kept what they found there.
import { ok, strictEqual } from "node:assert";

const Kept = Date;
const { now } = Date;
const early = {
  now: Date.now(),
  made: new Date().getTime(),
  text: Date(),
  reflected: Reflect.construct(Date, [], Array).constructor,
  given: new Date(5).getTime(),
  performance: performance.now(),
  identical: new Date().constructor === Date,
};
class Later extends Date {
  plusOne() {
    return this.getTime() + 1;
  }
}
const made = new Later();

export const startsAtZero = {
  test() {
    strictEqual(early.now, 0);
    strictEqual(early.made, 0);
    strictEqual(early.text, "Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)");
    strictEqual(early.reflected, Array);
    strictEqual(early.given, 5);
    strictEqual(early.performance, 0);
    ok(early.identical);
    strictEqual(made.plusOne(), 1);
  },
};

export const passesInEvents = {
  test() {
    const start = Date.UTC(2020, 0);
    for (const time of [Date.now(), new Date().getTime(), Kept.now(), new Kept().getTime(), now(), new Later().getTime()]) {
      ok(time > start);
    }
    ok(performance.now() > start);
    strictEqual(Date(), new Date().toString());
    strictEqual(Kept, Date);
    strictEqual(new Date().constructor, Date);
    ok(new Date() instanceof Kept && new Later() instanceof Date);
    const before = Date.now();
    while (Date.now() === before);
    ok(Date.now() > before);
  },
};

export const looksLikeTheOriginal = {
  test() {
    strictEqual(Date.name, "Date");
    strictEqual(Date.length, 7);
    strictEqual(Date.now.name, "now");
    const { value, ...rest } = Object.getOwnPropertyDescriptor(globalThis, "Date");
    strictEqual(value, Date);
    strictEqual(JSON.stringify(rest), '{"writable":true,"enumerable":false,"configurable":true}');
    strictEqual(typeof Temporal, "undefined");
    strictEqual(Date.prototype.toTemporalInstant, undefined);
  },
};
