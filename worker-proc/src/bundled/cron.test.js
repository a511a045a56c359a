// What `/workerd/cron.js` runs and when, as the published binary's does.
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import { next, parse } from "./cron.js";

// What was run: times and expressions.
const runs = [];
let failures = 0;

export default {
  scheduled({ scheduledTime, cron }) {
    runs.push({ scheduledTime, cron });
  },
};

export const failing = {
  scheduled(controller) {
    failures++;
    if (failures === 2) controller.noRetry();
    throw new Error("as the test wants");
  },
};

const clock = async (cron, ms) => (await cron.fetch(`http://cron/clock?advance=${ms}`, { method: "POST" })).json();
const until = async (condition) => {
  while (!condition()) await scheduler.wait(5);
};

// Moves the clock to shortly before a schedule's next occurrence.
async function approach(cron, name) {
  const { now, at } = await clock(cron, 0);
  await clock(cron, at[name] - now - 50);
  return at[name];
}

export const occurrences = {
  async test(_, { CRON }) {
    const { now, at } = await clock(CRON, 0);
    ok(at.good > now && at.good <= now + 300_000 && at.good % 300_000 === 0);
    // Both expressions match every other time. Each is run once, the doubled one too.
    for (let i = 0; i < 2; i++) {
      runs.length = 0;
      const time = await approach(CRON, "good");
      const crons = time % 600_000 === 0 ? ["*/10 * * * *", "*/5 * * * *"] : ["*/5 * * * *"];
      await until(() => runs.length >= crons.length);
      deepStrictEqual(
        runs.toSorted((a, b) => (a.cron < b.cron ? -1 : 1)),
        crons.map((cron) => ({ scheduledTime: time, cron })),
      );
      strictEqual((await clock(CRON, 0)).at.good, time + 300_000);
    }
    strictEqual((await CRON.fetch("http://cron/other")).status, 404);
  },
};

export const retries = {
  async test(_, { CRON }) {
    const time = await approach(CRON, "failing");
    await until(() => failures === 1);
    // Again two seconds later, and no more as the handler says.
    const { now, at } = await clock(CRON, 0);
    ok(at.failing > now - 1000 && at.failing <= now + 2000, `${at.failing - now}`);
    await until(() => failures === 2);
    const year = new Date(time).getUTCFullYear() + 1;
    strictEqual((await clock(CRON, 0)).at.failing, Date.UTC(year, 0, 1));
  },
};

// From a Saturday on.
const SATURDAY = "2027-02-27T10:30";

const timesOf = (expression, from, count) => {
  const cron = parse(expression);
  const times = [];
  for (let after = Date.parse(`${from}:15Z`); times.length < count; ) {
    after = next(cron, after);
    if (after === null) return [...times, null];
    times.push(new Date(after).toISOString().slice(0, 16));
  }
  return times;
};

export const calendar = {
  test() {
    const check = (expression, ...times) => deepStrictEqual(timesOf(expression, SATURDAY, times.length), times, expression);
    check("* * * * *", "2027-02-27T10:31", "2027-02-27T10:32");
    check(" 30\t10  * * * ", "2027-02-28T10:30");
    check("5,10-20/5,50/4 3 * * *", ...["05", "10", "15", "20", "50", "54", "58"].map((minute) => `2027-02-28T03:${minute}`));
    check("*/25 */23 * * *", "2027-02-27T23:00", "2027-02-27T23:25", "2027-02-27T23:50", "2027-02-28T00:00");
    check("59 23 31 12 *", "2027-12-31T23:59", "2028-12-31T23:59");
    check("0 0 29 2 *", "2028-02-29T00:00", "2032-02-29T00:00");
    check("0 0 1 JAN-dec/6 *", "2027-07-01T00:00", "2028-01-01T00:00");
    // Days of the month.
    check("0 0 L * *", "2027-02-28T00:00", "2027-03-31T00:00", "2027-04-30T00:00");
    check("0 0 L-2 * *", "2027-03-29T00:00", "2027-04-28T00:00");
    check("0 0 L-30 * *", "2027-03-01T00:00", "2027-05-01T00:00");
    check("0 0 LW * *", "2027-03-31T00:00", "2027-04-30T00:00", "2027-05-31T00:00", "2027-06-30T00:00", "2027-07-30T00:00");
    check("0 0 L-1W * *", "2027-03-30T00:00", "2027-04-29T00:00", "2027-05-31T00:00", "2027-06-29T00:00");
    check("0 0 1W * *", "2027-03-01T00:00", "2027-04-01T00:00", "2027-05-03T00:00", "2027-06-01T00:00");
    check("0 0 15W * *", "2027-03-15T00:00", "2027-04-15T00:00", "2027-05-14T00:00");
    check("0 0 31W * *", "2027-03-31T00:00", "2027-05-31T00:00", "2027-07-30T00:00");
    // Days of the week: 1 is Sunday.
    check("0 12 * * 1", "2027-02-28T12:00", "2027-03-07T12:00");
    check("0 12 * * MON-FRI", ...["01", "02", "03", "04", "05", "08"].map((day) => `2027-03-${day}T12:00`));
    check("0 12 * * 1-5", "2027-02-28T12:00", "2027-03-01T12:00");
    check("0 12 * * L", "2027-02-27T12:00", "2027-03-06T12:00");
    check("0 12 * * friL", "2027-03-26T12:00", "2027-04-30T12:00");
    check("0 12 * * tue#3", "2027-03-16T12:00", "2027-04-20T12:00");
    check("0 12 * * 2#5", "2027-03-29T12:00", "2027-05-31T12:00");
    // Of both kinds of days one suffices.
    check("30 6 15 * SUN", "2027-02-28T06:30", "2027-03-07T06:30", "2027-03-14T06:30", "2027-03-15T06:30");
    strictEqual(next(parse("0 0 1 1 *"), Date.UTC(2027, 0, 1)), Date.UTC(2028, 0, 1));
  },
};

export const wrongExpressions = {
  test() {
    const wrong = (expression, problem) =>
      throws(() => parse(expression), { message: `cron trigger "${expression.trim()}": ${problem}` });
    wrong("", "1 fields, not 5");
    wrong("* * * *", "4 fields, not 5");
    wrong("* * * * * *", "6 fields, not 5");
    wrong("60 * * * *", "minute field has 60 outside 0-59");
    wrong("* 24 * * *", "hour field has 24 outside 0-23");
    wrong("* * 0 * *", "day of month field has 0 outside 1-31");
    wrong("* * * 13 *", "month field has 13 outside 1-12");
    wrong("* * * * 0", "day of week field has 0 outside 1-7");
    wrong("* * * * 8", "day of week field has 8 outside 1-7");
    wrong("x * * * *", "minute field has x");
    wrong("-1 * * * *", "minute field has ");
    wrong("1- * * * *", "minute field has ");
    wrong("1-2-3 * * * *", "minute field has 1-2-3");
    wrong("1, * * * *", "minute field has ");
    wrong("1.5 * * * *", "minute field has 1.5");
    wrong("*,5 * * * *", "minute field has * inside a list");
    wrong("*/0 * * * *", "minute field has a bad step in */0");
    wrong("*/60 * * * *", "minute field has a bad step in */60");
    wrong("*/ * * * *", "minute field has a bad step in */");
    wrong("*/2/3 * * * *", "minute field has a bad step in */2/3");
    wrong("5-1 * * * *", "minute field has a descending range in 5-1");
    wrong("* * * * SAT-SUN", "day of week field has a descending range in SAT-SUN");
    wrong("* * * foo *", "month field has foo");
    wrong("* * L-0 * *", "day of month field has L-0");
    wrong("* * L-31 * *", "day of month field has L-31");
    wrong("* * 32W * *", "day of month field has 32 outside 1-31");
    wrong("* * W * *", "day of month field has ");
    wrong("* * * * 2#6", "day of week field has 2#6");
    wrong("* * * * 2#", "day of week field has 2#");
    wrong("* * * * 2#1#1", "day of week field has 2#1#1");
    wrong("0 0 30 2 *", "it never matches");
    wrong("0 0 31 4,6 *", "it never matches");
  },
};
