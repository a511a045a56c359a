/* A run of a workflow's code: its steps, each made once and read after. */
import { RpcTarget } from "cloudflare:workers";
import {
  ENDS_INSTANCE,
  EVENT_TIMEOUT,
  MAX_NAME_CHARACTERS,
  MAX_STEPS,
  complete,
  fatal,
  internal,
  isConfig,
  isFinal,
  keep,
  mustBeLength,
  named,
  now,
  over,
  recorded,
  release,
  revived,
  shown,
  timedOut,
  toldOfAttempt,
} from "/workerd/workflows/values.js";

/** The steps of the code, for its worker. */
export class Steps extends RpcTarget {
  #run;
  constructor(run) {
    super();
    this.#run = run;
  }
  do(...args) {
    return this.#run.do(...args);
  }
  sleep(name, duration) {
    return this.#run.sleep(name, (from) => from + mustBeLength(duration));
  }
  sleepUntil(name, timestamp) {
    return this.#run.sleep(name, () => +new Date(timestamp));
  }
  waitForEvent(name, options) {
    return this.#run.waitForEvent(name, options ?? {});
  }
}

/** What undoes a step, with what it is told. */
export const undoOf = (found, ctx, { rollback, rollbackConfig }) => ({
  ...found,
  ctx,
  undo: keep(rollback),
  config: complete(rollbackConfig),
});

/** The name of a step and its number among those of that name. */
export class Counter {
  #counts = new Map();
  #journal;
  constructor(journal) {
    this.#journal = journal;
  }

  next(type, name) {
    if (typeof name !== "string" || name.length > MAX_NAME_CHARACTERS || /[\x00-\x1f]/.test(name)) {
      throw fatal(`Step name "${name}" exceeds max length (${MAX_NAME_CHARACTERS} chars) or invalid characters found`);
    }
    const count = (this.#counts.get(`${type}:${name}`) ?? 0) + 1;
    this.#counts.set(`${type}:${name}`, count);
    const key = `s:${type}:${count}:${name}`;
    return { key, count, name, stepName: `${name}-${count}`, record: this.#journal.step(key) };
  }
}

/** One run of the code, in memory. */
export class Run {
  /** Callbacks that are under way. */
  busy = 0;
  /** What undoes the steps so far. */
  undos = [];
  #engine;
  #journal;
  #counter;
  #steps = 0;

  constructor(engine, journal, generation) {
    this.generation = generation;
    this.#engine = engine;
    this.#journal = journal;
    this.#counter = new Counter(journal);
  }

  /** The next step of a type and name, as it was left. */
  #reach(type, name) {
    const found = this.#counter.next(type, name);
    found.record ??= this.#journal.newStep(type, name, found.count);
    return found;
  }

  async do(name, ...rest) {
    const [config = {}, callback, rollback] = typeof rest[0] === "function" ? [{}, ...rest] : rest;
    if (typeof callback !== "function") throw fatal(`Step "${name}" requires a callback function`);
    if (!isConfig(config)) {
      const more = "https://developers.cloudflare.com/workflows/build/sleeping-and-retrying/";
      throw fatal(`Step config for "${name}" is in a invalid format. See ${more}`);
    }
    await this.#engine.mayGoOn(this);
    const most = this.#engine.settings.steps ?? MAX_STEPS;
    if (++this.#steps > most) {
      throw fatal(`The limit of ${most} steps has been reached. This limit can be changed in your worker configuration.`);
    }
    const step = { ...this.#reach("do", name), config: complete(config) };
    const { key, stepName, record } = step;
    const ctx = (attempt) => ({ step: { name, count: step.count }, attempt, config: shown(step.config) });
    if (rollback) this.undos.push(undoOf(step, ctx(record.attempts ?? 1), rollback));
    if (record.stream) return this.#journal.open(key, stepName, record.stream);
    if (record.done) return record.value;
    if (record.error) throw revived(record.error);
    if (record.attempts === undefined) {
      record.attempts = 0;
      if (rollback) record.hasRollback = true;
      this.#journal.put(key, record);
      this.#journal.log("step_started", { stepName, config: shown(step.config, "[dynamic]") });
    }
    if (record.attempts > 0 && record.retryAt === undefined) this.#interrupted(step);
    for (;;) {
      if (record.retryAt > now()) await this.#engine.wait(record.retryAt);
      await this.#engine.mayGoOn(this);
      const outcome = await this.#attempt(step, callback, ctx);
      if (!this.#engine.isCurrent(this)) throw over();
      this.#engine.settle();
      if ("result" in outcome) return outcome.result;
      await this.#failed(step, outcome.failure, ctx);
    }
  }

  /** The last attempt has gone with its process: it is made again at once, if another is allowed. */
  #interrupted({ key, stepName, record, config, name }) {
    const attempt = record.attempts;
    const error = recorded(internal("Attempt failed due to internal workflows error"));
    this.#journal.log("attempt_errored", { stepName, attempt, error });
    if (attempt > config.retries.limit) {
      const failure = internal(`Attempt ${attempt} of step "${name}" did not finish`);
      this.#journal.put(key, { ...record, error: recorded(failure) });
      this.#journal.log("step_errored", { stepName });
      throw failure;
    }
    record.retryAt = now();
    this.#journal.put(key, record);
  }

  /** Calls the callback once: `{ result }`, which is written, or `{ failure }`. */
  async #attempt(step, callback, ctx) {
    const { key, stepName, record, config, name } = step;
    const attempt = ++record.attempts;
    record.retryAt = undefined;
    this.#journal.put(key, record);
    this.#journal.log("attempt_started", { stepName, attempt });
    this.busy++;
    this.#engine.settle();
    const limit = mustBeLength(config.timeout);
    const deadline = this.#engine.wait(now() + limit);
    let reader;
    let isLate = false;
    const made = (async () => {
      const double = this.#engine.doubles.attempt(stepName, attempt);
      if (double?.stream) return double;
      const value = double ? double.value : await callback(ctx(attempt));
      if (!(value instanceof ReadableStream)) return { value };
      reader = value.getReader();
      if (isLate) return reader.cancel();
      const stored = this.#journal.store(key, attempt, reader);
      return {
        stream: await stored.catch((error) => {
          throw named(
            "InvalidStepReadableStreamError",
            `Failed to read from step ReadableStream output. ${error?.message ?? error}`,
          );
        }),
      };
    })();
    let outcome;
    try {
      outcome = await Promise.race([made, deadline.then(() => Promise.reject(timedOut(limit)))]);
    } catch (failure) {
      isLate = true;
      reader?.cancel(failure).catch(() => {});
      made.then(
        (late) => release(late?.value),
        () => {},
      );
      return { failure };
    } finally {
      deadline.cancel();
      this.busy--;
    }
    if (!this.#engine.isCurrent(this)) return {};
    return this.#record(step, attempt, name, outcome);
  }

  /** Writes what an attempt has given. */
  #record({ key, stepName, record, config }, attempt, name, { value, stream }) {
    let result;
    try {
      result = stream ? undefined : structuredClone(value);
      this.#journal.put(key, { ...record, done: true, value: result, stream });
    } catch (error) {
      if (`${error?.message}`.includes("SQLITE_TOOBIG")) {
        return { failure: internal(`Step ${stepName} output is too large. Maximum allowed size is 1MiB.`) };
      }
      this.#engine.fail(fatal(`${ENDS_INSTANCE} the step "${name}" returned a value which is not serialisable`));
      throw over();
    } finally {
      release(value);
    }
    Object.assign(record, { value: result, stream });
    this.#journal.log("attempt_completed", { stepName, attempt });
    const isSecret = config.sensitive === "output";
    const output = isSecret ? "[REDACTED]" : stream ? stream.preview : result;
    // Subscribers are given the stream itself.
    const fields = { ...(output === undefined ? {} : { output }), ...(stream && !isSecret ? { stream: key } : {}) };
    this.#journal.log("step_completed", { stepName, ...fields });
    return { result: stream ? this.#journal.open(key, stepName, stream) : result };
  }

  /** Plans the next attempt; throws if there is none. */
  async #failed({ key, stepName, record, config, name }, failure, ctx) {
    const attempt = record.attempts;
    const giveUp = (error, logged) => {
      this.#journal.put(key, { ...record, error: recorded(error) });
      this.#journal.log("attempt_errored", { stepName, attempt, error: logged });
      this.#journal.log("step_errored", { stepName });
    };
    if (failure?.name === "InvalidStepReadableStreamError") {
      const error = fatal(failure.message);
      giveUp(error, recorded(error));
      const why = `the step "${name}" returned an invalid ReadableStream output. ${failure.message}`;
      this.#engine.fail(fatal(`${ENDS_INSTANCE} ${why}`));
      throw over();
    }
    if (isFinal(failure) || attempt > config.retries.limit) {
      giveUp(failure, toldOfAttempt(failure));
      throw failure;
    }
    let retryDelayMs;
    try {
      retryDelayMs = await this.#engine.delayAfter(config.retries, failure, ctx(attempt));
    } catch (error) {
      if (!this.#engine.isCurrent(this)) throw over();
      giveUp(error, recorded(failure));
      throw error;
    }
    if (!this.#engine.isCurrent(this)) throw over();
    record.retryAt = now() + (this.#engine.doubles.skips("delay", stepName) ? 0 : retryDelayMs);
    this.#journal.put(key, record);
    this.#journal.log("attempt_errored", { stepName, attempt, retryDelayMs, error: recorded(failure) });
  }

  async sleep(name, until) {
    await this.#engine.mayGoOn(this);
    const { key, stepName, record } = this.#reach("sleep", name);
    if (record.done) return;
    if (record.deadline === undefined) {
      const from = now();
      record.deadline = until(from);
      if (!(record.deadline >= from)) throw new Error("You can't sleep until a time in the past, time-traveler");
      this.#journal.put(key, record);
      this.#journal.log("sleep_started", { stepName, durationMs: record.deadline - from });
    }
    if (!this.#engine.doubles.skips("sleep", stepName)) {
      if (this.#engine.rests(this, record.deadline)) throw over();
      await this.#engine.wait(record.deadline);
      await this.#engine.mayGoOn(this);
    }
    this.#journal.put(key, { ...record, done: true });
    this.#journal.log("sleep_completed", { stepName });
  }

  async waitForEvent(name, { type, timeout = EVENT_TIMEOUT }) {
    await this.#engine.mayGoOn(this);
    const { key, stepName, record } = this.#reach("waitForEvent", name);
    if (record.done) return record.value;
    if (record.error) throw revived(record.error);
    const limit = mustBeLength(timeout);
    if (record.deadline === undefined) {
      record.deadline = now() + limit;
      this.#journal.put(key, record);
      this.#journal.log("wait_started", { stepName, eventType: type });
    }
    for (let isLate = false; ; ) {
      await this.#engine.mayGoOn(this);
      if (this.#engine.doubles.skips("eventTimeout", stepName)) break;
      const event = this.#journal.take(type, key, (value) => ({ ...record, done: true, value }));
      if (event !== undefined) {
        this.#journal.log("wait_completed", { stepName });
        return event;
      }
      if (isLate) break;
      // A pause has moved it.
      const { deadline } = this.#journal.step(key);
      if (this.#engine.rests(this, deadline, type)) throw over();
      isLate = await this.#engine.wait(deadline, type);
    }
    const error = timedOut(limit);
    this.#journal.put(key, { ...record, error: recorded(error) });
    this.#journal.log("wait_timed_out", { stepName });
    throw error;
  }
}
