/*
 * Runs `scheduled()` of workers by their cron triggers.
 *
 * A worker's triggers are one Durable Object with an alarm for what is next, so that each occurrence is one process's, however many
 * there are, and outlasts a restart: what came due while nothing ran is run once at the start. An occurrence is forgotten when its
 * handler has ended well, so it runs at least once. The triggers are the config's; the object keeps no copy.
 *
 * The config: compatibility date 2024-04-03 or the flag `rpc`, the flag `service_binding_extra_handlers`; the class `Schedule` with
 * `enableSql`, on a disk; these bindings:
 *
 *   SCHEDULE    the class `Schedule`
 *   CRONS       JSON: `{"<service>": ["<expression>", ...]}`
 *   <service>   each worker, under that name
 *   TEST_CLOCK  JSON `true`, for tests: `POST /clock?advance=<ms>` moves the clock and plans anew; alarms keep the real time
 *
 * This worker is given a scheduled event when the program begins to serve.
 */
import { DurableObject, env } from "cloudflare:workers";

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1440;

/** The calendar repeats after 400 years. */
const MAX_DAYS = 146_097;

/** How often a handler is tried again that failed, and how long after: twice as long each time. */
const MAX_RETRIES = 6;
const FIRST_RETRY_MS = 2_000;

/** A handler that takes longer has failed. An alarm may take 15 minutes. */
const MAX_RUN_MS = 10 * 60_000;

// Expressions: five fields in UTC, in Cloudflare's dialect, whose weekdays are 1 to 7 from Sunday.

const MINUTE = { name: "minute", min: 0, max: 59, words: [] };
const HOUR = { name: "hour", min: 0, max: 23, words: [] };
const DAY = { name: "day of month", min: 1, max: 31, words: [] };
const MONTH = { name: "month", min: 1, max: 12, words: "jan feb mar apr may jun jul aug sep oct nov dec".split(" ") };
const WEEKDAY = { name: "day of week", min: 1, max: 7, words: "sun mon tue wed thu fri sat".split(" ") };

const SUNDAY = 1;
const MONDAY = 2;
const FRIDAY = 6;
const SATURDAY = 7;

const isWeekend = (weekday) => weekday === SUNDAY || weekday === SATURDAY;
const numberOf = (text) => (/^\d+$/.test(text ?? "") ? Number(text) : undefined);

function valueOf(text, { name, min, max, words }) {
  const word = words.indexOf(text.toLowerCase());
  const value = word === -1 ? numberOf(text) : min + word;
  if (value === undefined) throw new Error(`${name} field has ${text}`);
  if (value < min || value > max) throw new Error(`${name} field has ${value} outside ${min}-${max}`);
  return value;
}

/** The values that a list of values, ranges and steps names. */
function valuesOf(text, field) {
  const { name, min, max } = field;
  const values = new Set();
  const items = text.split(",");
  for (const item of items) {
    if (item === "*" && items.length > 1) throw new Error(`${name} field has * inside a list`);
    const [range, step, ...more] = item.split("/");
    const by = step === undefined ? 1 : numberOf(step);
    if (more.length > 0 || !(by >= 1 && by <= max - min)) throw new Error(`${name} field has a bad step in ${item}`);
    const parts = range.split("-");
    if (parts.length > 2) throw new Error(`${name} field has ${range}`);
    const bounds = range === "*" ? [min, max] : parts.map((part) => valueOf(part, field));
    const first = bounds[0];
    // A value with a step begins a range to the end.
    const last = bounds[1] ?? (step === undefined ? first : max);
    if (first > last) throw new Error(`${name} field has a descending range in ${item}`);
    for (let value = first; value <= last; value += by) values.add(value);
  }
  return values;
}

/** Whether a day is the one that is nearest to a day of its month and no weekend's. `{day, weekday, last}` are its month's too. */
function isNearestWeekday({ day, weekday, last }, target) {
  if (isWeekend(weekday) || target < 1 || target > last) return false;
  const off = day - target;
  if (off === 0) return true;
  // From a Sunday to the Monday after it, unless the month is over; from a Saturday to the Friday before, unless it begins.
  if (weekday === MONDAY) return off === 1 || (off === 2 && target === 1);
  return weekday === FRIDAY && (off === -1 || (off === -2 && target === last));
}

/** Tells whether a day matches; undefined for `*`, with which every day does. */
function dayTest(text) {
  if (text === "*") return undefined;
  const fromLast = /^L(?:-(\d+))?(W?)$/.exec(text);
  if (fromLast !== null) {
    const before = Number(fromLast[1] ?? 0);
    if (fromLast[1] !== undefined && (before < 1 || before > 30)) throw new Error(`${DAY.name} field has ${text}`);
    if (fromLast[2] === "") return ({ day, last }) => day === last - before;
    return (date) => isNearestWeekday(date, date.last - before);
  }
  if (text.endsWith("W")) {
    const target = valueOf(text.slice(0, -1), DAY);
    return (date) => isNearestWeekday(date, target);
  }
  const days = valuesOf(text, DAY);
  return ({ day }) => days.has(day);
}

function weekdayTest(text) {
  if (text === "*") return undefined;
  if (text === "L") return ({ weekday }) => weekday === SATURDAY;
  if (text.endsWith("L")) {
    const wanted = valueOf(text.slice(0, -1), WEEKDAY);
    return ({ weekday, day, last }) => weekday === wanted && day > last - 7;
  }
  if (text.includes("#")) {
    const [name, count, ...more] = text.split("#");
    const wanted = valueOf(name, WEEKDAY);
    const nth = numberOf(count);
    if (more.length > 0 || !(nth >= 1 && nth <= 5)) throw new Error(`${WEEKDAY.name} field has ${text}`);
    return ({ weekday, day }) => weekday === wanted && Math.ceil(day / 7) === nth;
  }
  const weekdays = valuesOf(text, WEEKDAY);
  return ({ weekday }) => weekdays.has(weekday);
}

/** A cron expression. */
class Cron {
  #minutes;
  #hours;
  #months;
  #tests;

  constructor(expression) {
    this.text = expression.trim();
    try {
      const fields = this.text.split(/\s+/);
      if (fields.length !== 5) throw new Error(`${fields.length} fields, not 5`);
      this.#minutes = valuesOf(fields[0], MINUTE);
      this.#hours = valuesOf(fields[1], HOUR);
      const day = dayTest(fields[2]);
      this.#months = valuesOf(fields[3], MONTH);
      this.#tests = [day, weekdayTest(fields[4])].filter((test) => test !== undefined);
      if (this.next(0) === null) throw new Error("it never matches");
    } catch (error) {
      throw new Error(`cron trigger "${this.text}": ${error.message}`);
    }
  }

  /** Of two restricted days either suffices. `number` counts days since 1970. */
  #hasDay(number) {
    const date = new Date(number * DAY_MINUTES * MINUTE_MS);
    const month = date.getUTCMonth();
    if (!this.#months.has(month + 1)) return false;
    if (this.#tests.length === 0) return true;
    const last = new Date(Date.UTC(date.getUTCFullYear(), month + 1, 0)).getUTCDate();
    const seen = { day: date.getUTCDate(), weekday: date.getUTCDay() + 1, last };
    return this.#tests.some((test) => test(seen));
  }

  #hasMinute(minute) {
    return this.#hours.has(Math.floor(minute / 60)) && this.#minutes.has(minute % 60);
  }

  matches(time) {
    const minute = Math.floor(time / MINUTE_MS);
    return this.#hasDay(Math.floor(minute / DAY_MINUTES)) && this.#hasMinute(minute % DAY_MINUTES);
  }

  /** The first occurrence after a time; null if there is none. */
  next(after) {
    let minute = Math.floor(after / MINUTE_MS) + 1;
    const end = minute + MAX_DAYS * DAY_MINUTES;
    while (minute < end) {
      const day = Math.floor(minute / DAY_MINUTES);
      const nextDay = (day + 1) * DAY_MINUTES;
      if (this.#hasDay(day)) {
        for (; minute < nextDay; minute++) if (this.#hasMinute(minute % DAY_MINUTES)) return minute * MINUTE_MS;
      }
      minute = nextDay;
    }
    return null;
  }
}

/** An expression to ask for `next(cron, after)`, in ms since 1970; null if there is none. For workers that have this module among theirs. */
export const parse = (expression) => new Cron(expression);
export const next = (cron, after) => cron.next(after);

// Triggers of the config. What is wrong with them is an error of the start.

const triggers = new Map(
  Object.entries(env.CRONS ?? {}).map(([service, expressions]) => {
    const complain = (problem) => new Error(`cron triggers of "${service}": ${problem}`);
    if (typeof env[service]?.scheduled !== "function") throw complain(`no service binding "${service}"`);
    if (!Array.isArray(expressions)) throw complain("not a list");
    return [service, Array.from(new Set(expressions), (expression) => new Cron(expression))];
  }),
);

let skewMs = 0;
const now = () => Date.now() + skewMs;

/** Has every schedule set its alarm, one failing or not; the times by services. */
async function armAll() {
  const services = [...triggers.keys()];
  const armed = await Promise.allSettled(
    services.map((service) => env.SCHEDULE.get(env.SCHEDULE.idFromName(service)).arm(service, skewMs)),
  );
  const errors = armed.filter(({ status }) => status === "rejected").map(({ reason }) => reason);
  if (errors.length > 0) throw new AggregateError(errors, "not armed");
  return Object.fromEntries(services.map((service, i) => [service, armed[i].value]));
}

export default {
  async scheduled() {
    await armAll();
  },

  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (!env.TEST_CLOCK || pathname !== "/clock") return new Response(null, { status: 404 });
    const advance = Number(searchParams.get("advance"));
    if (!Number.isFinite(advance)) return new Response("advance must be a number of milliseconds.", { status: 400 });
    skewMs += advance;
    const at = await armAll();
    return Response.json({ now: now(), at });
  },
};

/**
 * The schedule of a worker. Stored: `name`, the service; `at`, the time that the alarm stands for; `owed`, what a retry runs, null
 * while the alarm is for an occurrence; `fired`, the last occurrence that was run.
 */
export class Schedule extends DurableObject {
  #running = Promise.resolve();

  /** Sets the alarm by the triggers, unless what is set comes no later. The time of it, null if nothing will ever be due. */
  async arm(service, testSkewMs) {
    if (env.TEST_CLOCK) skewMs = testSkewMs;
    await this.#running;
    const { storage } = this.ctx;
    const stored = await storage.get(["at", "owed", "fired"]);
    const alarm = await storage.getAlarm();
    const fired = stored.get("fired") ?? stored.get("owed")?.occurrence;
    const next = this.#next(service, fired);
    // A retry, or an occurrence that was missed.
    if (alarm !== null && next !== null && alarm + skewMs <= next) return stored.get("at");
    await this.#plan(service, next, null, fired);
    return next;
  }

  /** The next occurrence; none before the last one, though the clock be put back. */
  #next(service, fired = -Infinity) {
    const after = Math.max(now(), fired);
    const nexts = (triggers.get(service) ?? []).map((cron) => cron.next(after)).filter((time) => time !== null);
    return nexts.length === 0 ? null : Math.min(...nexts);
  }

  /** Sets the alarm, or forgets the schedule, but not what it has run: it may come back. */
  async #plan(service, at, owed, fired) {
    const { storage } = this.ctx;
    if (fired !== undefined) await storage.put("fired", fired);
    if (at === null) {
      await storage.deleteAlarm();
      await storage.delete(["name", "at", "owed"]);
    } else {
      await storage.put({ name: service, at, owed });
      await storage.setAlarm(at - skewMs);
    }
  }

  async alarm() {
    const run = this.#run();
    this.#running = run.catch(() => {});
    await run;
  }

  /** Runs what is due together, then sets the alarm: no two runs overlap, and what comes due meanwhile is left out. */
  async #run() {
    const stored = await this.ctx.storage.get(["name", "at", "owed"]);
    const service = stored.get("name");
    if (service === undefined) return;
    if (!triggers.has(service)) {
      await this.#plan(service, null);
      return;
    }
    const { occurrence, due, retry } = stored.get("owed") ?? this.#due(service, stored.get("at"));
    const ended = await Promise.all(due.map((cron) => this.#trigger(service, cron, occurrence)));
    const failed = due.filter((_, i) => !ended[i]);
    const next = this.#next(service, occurrence);
    const again = now() + FIRST_RETRY_MS * 2 ** retry;
    // An occurrence that comes no later takes the place of the retry.
    if (failed.length === 0 || retry >= MAX_RETRIES || (next !== null && next <= again)) {
      await this.#plan(service, next, null, occurrence);
    } else {
      await this.#plan(service, again, { occurrence, due: failed, retry: retry + 1 }, occurrence);
    }
  }

  #due(service, occurrence) {
    const due = triggers.get(service).filter((cron) => cron.matches(occurrence));
    return { occurrence, due: due.map(({ text }) => text), retry: 0 };
  }

  /** Calls the handler; whether it need not be called again. */
  async #trigger(service, cron, occurrence) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("timed out")), MAX_RUN_MS);
    });
    try {
      const event = env[service].scheduled({ scheduledTime: new Date(occurrence), cron });
      const { outcome, noRetry } = await Promise.race([event, late]);
      return outcome === "ok" || noRetry;
    } catch (error) {
      console.error(`cron "${cron}" of "${service}": ${error}`);
      return false;
    } finally {
      clearTimeout(timer);
    }
  }
}
