/*
 * Runs workflows, and answers their bindings.
 *
 * An instance is one Durable Object, named by its id: it lives in one process, however many there are, and what it has done outlasts
 * it. Code runs from its start each time that it runs: of a step that has ended the result is read and not made again, a wait keeps
 * its deadline. Short waits keep the code in memory, for a long one it ends and starts again when the time or the event has come.
 * The object's alarm is what ends waits; while code runs it is never far off, so that code which went with its process runs again.
 * An attempt of a step is written before it starts and its result before it is told, so a step runs at least once and, unless its
 * process dies meanwhile, once.
 *
 * The config: these classes on a disk, the flag `rpc` or compatibility date 2024-04-03; a worker whose `workflowsEngine` names
 * `Engine` as `actorClass`, and `WorkflowBinding` with props `{"workflow": "<name>"}` as the `bindingService` of each workflow; and
 *
 *   workflow:<name>  for each workflow the class `miniflare-workflows-<name>` of that worker
 *   WORKFLOWS        JSON, optional: `{"<name>": {"steps": <most steps>, "retention": {"success": <duration>, "error": <duration>}}}`
 *   LOCAL_DEV        JSON `true`, for tests: the binding takes the calls by which steps are mocked and instances waited for
 *   TEST_CLOCK       JSON `true`, for tests: `POST /clock?advance=<ms>` moves the clock of this process; alarms keep the real time
 *
 * Keys: `meta` is the instance, `s:<type>:<n>:<name>` the nth step of that name, `e:<number>` an event that waits to be taken,
 * `l:<number>` what has happened, for subscribers, `x:...` what a test has set. The table `chunks` has the bytes of streams that steps have returned.
 */
import { DurableObject, RpcTarget, env } from "cloudflare:workers";
import { Journal } from "/workerd/workflows/journal.js";
import { Counter, Run, Steps, undoOf } from "/workerd/workflows/run.js";
import { Doubles, Modifier } from "/workerd/workflows/testing.js";
import {
  DELETED,
  ENDED,
  ENDS_INSTANCE,
  LAST,
  LOGGED,
  MAX_ALARM_MS,
  MAX_DELAY_FUNCTION_MS,
  MAX_WAIT_IN_MEMORY_MS,
  RETENTION_MS,
  complete,
  fatal,
  isFinal,
  lengthOf,
  missing,
  moveClock,
  mustBeLength,
  named,
  now,
  over,
  recorded,
  release,
  revived,
  shown,
  toldOfInstance,
  workflowError,
} from "/workerd/workflows/values.js";

const isOver = ({ status }) => ENDED.includes(status);
const isHeld = ({ status }) => status === "paused" || status === "waitingForPause";

/** What subscribers ask for what has happened. */
class Subscription extends RpcTarget {
  #next;
  #end;
  constructor(next, end) {
    super();
    this.#next = next;
    this.#end = end;
  }
  next() {
    return this.#next();
  }
  [Symbol.dispose]() {
    this.#end();
  }
}

/** An instance of the workflow `ctx.props.workflowName`. */
export class Engine extends DurableObject {
  #journal = new Journal(this.ctx);
  doubles = new Doubles(this.#journal);
  /** The code that runs, or null. */
  #run = null;
  /** The generation whose steps are being undone, or null. */
  #undoing = null;
  /** Waits in memory: when they end, which event ends them before, and what goes on then. */
  #waits = new Set();
  /** Called when the code may go on after a pause. */
  #held = new Set();
  /** Called when something has happened. */
  #watchers = new Set();
  #alarmAt = Infinity;

  constructor(ctx, env) {
    super(ctx, env);
    this.#journal.happened = () => wakeAll(this.#watchers);
  }

  get settings() {
    return env.WORKFLOWS?.[this.ctx.props.workflowName] ?? {};
  }

  // For a run.

  /** Whether a run is the one that there is, and its instance goes on. */
  isCurrent(run) {
    const { meta } = this.#journal;
    return this.#run === run && meta?.generation === run.generation && !isOver(meta) && meta.status !== "rollingBack";
  }

  /** Once the run may take a step; throws if it never may again. */
  async mayGoOn(run) {
    for (;;) {
      if (!this.isCurrent(run)) throw over();
      if (!isHeld(this.#journal.meta)) return;
      await new Promise((resolve) => this.#held.add(resolve));
    }
  }

  /** A promise of whether the time came, and no event of the type before it. */
  wait(at, type = undefined) {
    let wait;
    const promise = new Promise((resolve) => {
      wait = { at, type, end: resolve };
    });
    this.#waits.add(wait);
    promise.cancel = () => this.#waits.delete(wait);
    this.settle();
    this.#setAlarm();
    return promise;
  }

  /** Ends a run that would wait long and does nothing else: it starts again at that time, or when an event of the type comes. */
  rests(run, at, type = undefined) {
    if (at - now() <= MAX_WAIT_IN_MEMORY_MS || run.busy > 0 || this.#waits.size > 0) return false;
    const rest = { dormant: at, wakesOn: type };
    this.#run = null;
    if (this.#journal.meta.status === "waiting") this.#journal.meta = { ...this.#journal.meta, ...rest };
    else this.#journal.become("waiting", rest);
    this.#setAlarm();
    return true;
  }

  /** Says whether the code runs or waits, and pauses it once no callback is under way. */
  settle() {
    const status = this.#run && this.#journal.meta?.status;
    const isIdle = this.#run?.busy === 0;
    const waits = isIdle && this.#waits.size > 0;
    if (status === "waitingForPause" && isIdle) this.#pauseNow();
    else if (status === "running" && waits) this.#journal.become("waiting");
    else if (status === "waiting" && !waits) this.#journal.become("running");
  }

  /** How long to wait after an attempt that has failed. */
  async delayAfter({ delay, backoff }, error, ctx) {
    const { attempt, step } = ctx;
    if (typeof delay !== "function") {
      const factors = { linear: attempt, exponential: 2 ** (attempt - 1) };
      return mustBeLength(delay) * (factors[backoff] ?? 1);
    }
    const bad = (why) => named("NonRetryableDelayError", `The delay function for step "${step.name}-${step.count}" ${why}`);
    const late = this.wait(now() + MAX_DELAY_FUNCTION_MS);
    let given;
    try {
      const isLate = late.then(() => Promise.reject(bad("did not return within 5 seconds")));
      given = await Promise.race([delay({ ctx, error }), isLate]);
    } catch (thrown) {
      throw thrown.name === "NonRetryableDelayError" ? thrown : bad(`threw an error: ${thrown?.message}`);
    } finally {
      late.cancel();
    }
    const ms = typeof given === "string" || typeof given === "number" ? lengthOf(given) : Number.NaN;
    if (Number.isFinite(ms) && ms >= 0) return ms;
    throw bad('returned an invalid delay value (expected a number of ms or a duration string like "30 seconds")');
  }

  /** The instance has failed, whatever its code makes of it. */
  fail(error) {
    this.#end("errored", { error: recorded(error) }, { error: recorded(error) });
  }

  // Its life.

  #pauseNow() {
    this.#journal.become("paused", { pausedAt: now() });
  }

  /** Whether neither the code nor what undoes it is in memory. */
  #isLost({ generation }) {
    return this.#run?.generation !== generation && this.#undoing !== generation;
  }

  /** Ends waits whose time has come, and starts what should run. Every call and alarm begins with it. */
  #wake() {
    const { meta } = this.#journal;
    if (meta === undefined) return;
    if (isOver(meta)) {
      if (meta.expires <= now()) this.#erase();
      else this.#setAlarm();
      return;
    }
    const isLost = this.#isLost(meta);
    if (isLost && meta.status === "rollingBack") {
      // What undoes the steps went with the process.
      this.#journal.log("rollback_errored");
      this.#end(meta.after, { error: meta.error }, meta.after === "errored" ? { error: meta.error } : {});
      return;
    }
    if (isLost && meta.status === "waitingForPause") this.#pauseNow();
    if (this.#journal.meta.status !== "paused") {
      for (const wait of this.#waits) if (wait.at <= now()) this.#endWait(wait, true);
      if (isLost && !(meta.dormant > now())) this.#start(meta);
    }
    this.#setAlarm();
  }

  #endWait(wait, isLate) {
    this.#waits.delete(wait);
    wait.end(isLate);
  }

  /** Everything that waits finds out that it is over. */
  #endWaits() {
    for (const wait of this.#waits) this.#endWait(wait, false);
    wakeAll(this.#held);
  }

  /** Sets the alarm for what comes first. One that comes too early does no harm. */
  #setAlarm() {
    const { meta } = this.#journal;
    if (meta === undefined || meta.status === "paused") return;
    let next = isOver(meta) ? meta.expires : Infinity;
    if (!isOver(meta)) {
      for (const { at } of this.#waits) next = Math.min(next, at);
      if (this.#isLost(meta)) next = Math.min(next, meta.dormant ?? 0);
      if (meta.status !== "waiting") next = Math.min(next, now() + MAX_ALARM_MS);
    }
    const at = Math.max(next, now()) - now() + Date.now();
    if (at >= this.#alarmAt) return;
    this.#alarmAt = at;
    this.ctx.storage.setAlarm(at);
  }

  async alarm() {
    this.#alarmAt = Infinity;
    this.#wake();
  }

  #start(meta) {
    const run = new Run(this, this.#journal, meta.generation);
    this.#run = run;
    if (!meta.started) {
      this.#journal.meta = { ...meta, started: true };
      this.#journal.log("workflow_started", { params: meta.params });
    }
    if (meta.status === "queued" || meta.dormant !== undefined) {
      this.#journal.become("running", { dormant: undefined, wakesOn: undefined });
    }
    this.ctx.waitUntil(this.#finish(run));
  }

  #call(steps) {
    const { id, params, created } = this.#journal.meta;
    const { workflowName, workflowClass } = this.ctx.props;
    return workflowClass.run({ payload: params, timestamp: new Date(created), instanceId: id, workflowName }, steps);
  }

  async #finish(run) {
    let output;
    let failure;
    try {
      const result = await this.#call(new Steps(run));
      try {
        output = structuredClone(result);
      } catch {
        failure = { error: fatal(`${ENDS_INSTANCE} run() returned a value which is not serialisable`) };
      } finally {
        release(result);
      }
    } catch (error) {
      failure = { error };
    }
    if (!this.isCurrent(run)) return;
    if (isHeld(this.#journal.meta)) {
      // It runs again when it goes on, and ends then.
      if (this.#journal.meta.status === "waitingForPause") this.#pauseNow();
      this.#run = null;
      return;
    }
    if (failure === undefined) this.#end("complete", { output }, output === undefined ? {} : { output });
    else await this.#undo("errored", { error: toldOfInstance(failure.error) }, run.undos, failure.error);
  }

  #end(status, fields = {}, logged = {}) {
    const { retention } = this.#journal.meta;
    const kept = status === "errored" ? retention.error : retention.success;
    this.#forgetUndos();
    this.#journal.become(status, { ...fields, expires: now() + kept }, logged);
    this.#endWaits();
    this.#setAlarm();
  }

  #forgetUndos() {
    for (const { undo } of this.#run?.undos ?? []) release(undo);
    if (this.#run) this.#run.undos = [];
  }

  #erase() {
    this.#forgetUndos();
    this.ctx.storage.deleteAll();
    this.ctx.storage.deleteAlarm();
    this.#run = null;
    this.#alarmAt = Infinity;
    this.#endWaits();
    wakeAll(this.#watchers);
  }

  // Undoing.

  /** Undoes steps, the last one first, and ends the instance so. */
  async #undo(status, fields, undos, error) {
    if (undos.length > 0) {
      this.#journal.become("rollingBack", { ...fields, after: status });
      this.#endWaits();
      this.#undoing = this.#journal.meta.generation;
      let isUndone;
      try {
        isUndone = await this.#undoAll([...undos].reverse(), error);
      } finally {
        this.#undoing = null;
      }
      if (this.#journal.meta?.status !== "rollingBack") return;
      this.#journal.log(isUndone ? "rollback_completed" : "rollback_errored");
    }
    this.#end(status, fields, status === "errored" ? fields : {});
  }

  async #undoAll(undos, error) {
    for (const one of undos) if (!(await this.#undoOne(one, error))) return false;
    return true;
  }

  async #undoOne({ key, stepName, record, undo, config, ctx }, error) {
    const failed = (reason) => {
      this.#journal.log("rollback_step_errored", { stepName, error: reason });
      return false;
    };
    this.#journal.log("rollback_step_started", { stepName, config: shown(config) });
    if (undo === undefined) return failed(recorded(named("RollbackMissing", "Rollback function not available in registry")));
    for (let attempt = 1; this.#journal.meta?.status === "rollingBack"; attempt++) {
      this.#journal.log("rollback_attempt_started", { stepName, attempt });
      try {
        const output = record.stream ? this.#journal.open(key, stepName, record.stream) : record.value;
        await undo({ ctx, error, output, stepName });
        this.#journal.log("rollback_attempt_completed", { stepName, attempt });
        this.#journal.log("rollback_step_completed", { stepName });
        return true;
      } catch (thrown) {
        const logged = { stepName, attempt, error: recorded(thrown) };
        let retryDelayMs;
        let reason = thrown;
        if (!isFinal(thrown) && attempt <= config.retries.limit) {
          retryDelayMs = await this.delayAfter(config.retries, thrown, { ...ctx, attempt }).catch((bad) => {
            reason = bad;
          });
        }
        this.#journal.log("rollback_attempt_errored", retryDelayMs === undefined ? logged : { ...logged, retryDelayMs });
        if (retryDelayMs === undefined) return failed(recorded(reason));
        await this.wait(now() + retryDelayMs);
      }
    }
    return false;
  }

  /** What undoes the steps that the instance has reached, found by running the code to where it is. */
  async #findUndos() {
    const counter = new Counter(this.#journal);
    const found = new Map();
    const read = ({ record }) => {
      if (record?.done) return record.value;
      throw record?.error ? revived(record.error) : over();
    };
    const reader = {
      do: (name, ...rest) => {
        const [config, , rollback] = typeof rest[0] === "function" ? [{}, ...rest] : rest;
        const step = counter.next("do", name);
        if (step.record?.attempts === undefined) throw over();
        const ctx = {
          step: { name, count: step.count },
          attempt: step.record.attempts || 1,
          config: shown(complete(config)),
        };
        if (rollback) found.set(step.key, undoOf(step, ctx, rollback));
        return read(step);
      },
      sleep: (name) => read(counter.next("sleep", name)),
      waitForEvent: (name) => read(counter.next("waitForEvent", name)),
    };
    await this.#call(new Steps(reader)).catch(() => {});
    const undoable = this.#journal.steps().filter(([, record]) => record.hasRollback);
    return undoable.map(([key, record]) => {
      const { name, count } = record;
      const none = { key, record, stepName: `${name}-${count}`, ctx: { step: { name, count } }, config: complete({}) };
      return found.get(key) ?? none;
    });
  }

  // Calls of the binding.

  create(params, retention) {
    const id = this.ctx.id.name;
    if (this.#journal.meta)
      throw workflowError("instance.already_exists", `Workflow instance with id "${id}" already exists`);
    const { success, error } = this.settings.retention ?? {};
    this.#journal.meta = {
      id,
      params,
      created: now(),
      status: "queued",
      generation: crypto.randomUUID(),
      retention: {
        success: mustBeLength(retention?.successRetention ?? success ?? RETENTION_MS),
        error: mustBeLength(retention?.errorRetention ?? error ?? RETENTION_MS),
      },
    };
    this.#journal.log(LOGGED.queued);
    this.#wake();
  }

  exists() {
    this.#wake();
    return this.#journal.meta !== undefined;
  }

  /** The instance, which must be there. */
  get #there() {
    this.#wake();
    const { meta } = this.#journal;
    if (meta === undefined) throw missing();
    return meta;
  }

  status() {
    const { status, output, error } = this.#there;
    const outputs = env.LOCAL_DEV ? { __LOCAL_DEV_STEP_OUTPUTS: this.#outputs() } : {};
    return { status, ...outputs, output: output ?? null, error };
  }

  /** What steps have returned and events have brought, in order. */
  #outputs() {
    const outputs = [];
    for (const { type, stepName, output } of this.#journal.entries()) {
      if (type === "step_completed") outputs.push(output);
      if (type !== "wait_completed") continue;
      const [, name, count] = /^(.*)-(\d+)$/s.exec(stepName);
      outputs.push(this.#journal.step(`s:waitForEvent:${count}:${name}`)?.value.payload);
    }
    return outputs;
  }

  pause() {
    const { status } = this.#there;
    if (status === "running" && this.#run?.busy > 0) this.#journal.become("waitingForPause");
    else if (["queued", "running", "waiting"].includes(status)) this.#pauseNow();
  }

  resume() {
    const meta = this.#there;
    if (!isHeld(meta)) throw workflowError("instance.cannot_resume", `Cannot resume instance with status "${meta.status}"`);
    if (meta.status === "waitingForPause") {
      this.#journal.become("running");
    } else {
      const paused = now() - meta.pausedAt;
      for (const wait of this.#waits) wait.at += paused;
      this.#journal.postpone(paused);
      const rested = meta.dormant === undefined ? "queued" : "waiting";
      const dormant = meta.dormant === undefined ? undefined : meta.dormant + paused;
      this.#journal.become(this.#isLost(meta) ? rested : "running", { dormant });
    }
    wakeAll(this.#held);
    this.settle();
    this.#wake();
  }

  async terminate({ rollback } = {}) {
    const meta = this.#there;
    if (isOver(meta)) {
      throw workflowError("instance.cannot_terminate", "Cannot terminate instance since its on a finite state");
    }
    if (rollback && meta.status !== "rollingBack") {
      const undos = await this.#findUndos();
      const { generation, status } = this.#journal.meta ?? {};
      if (generation === meta.generation && !isOver({ status }) && status !== "rollingBack") {
        await this.#undo("terminated", {}, undos, named("Terminated", "Instance terminated during rollback"));
      }
      for (const { undo } of undos) release(undo);
      return;
    }
    this.#end("terminated");
  }

  restart({ from } = {}) {
    const { id, params, created, retention, started } = this.#there;
    const steps = this.#journal.steps();
    let kept = 0;
    if (from) {
      const { name, type = "do", count = 1 } = from;
      kept = steps.findIndex(([, step]) => step.type === type && step.name === name && step.count === count);
      if (kept < 0) throw workflowError("instance.cannot_restart", `Step "${name}" not found in execution history`);
    }
    const before = steps.slice(0, kept).map(([, { name, count }]) => `${name}-${count}`);
    const beginning = [LOGGED.queued, "workflow_started"];
    const stays = ({ type, stepName }) => from !== undefined && (beginning.includes(type) || before.includes(stepName));
    const dropped = steps.slice(kept).map(([key]) => key);
    this.#forgetUndos();
    this.#journal.forget(dropped, stays);
    const fresh = { id, params, created, retention, status: "queued", generation: crypto.randomUUID() };
    this.#journal.meta = { ...fresh, started: from ? started : undefined };
    if (!from) this.#journal.log(LOGGED.queued);
    this.#run = null;
    this.#endWaits();
    this.#wake();
  }

  sendEvent(event) {
    this.#there;
    if (!this.doubles.hasEvent(event.type)) this.#receive(event);
  }

  #receive(event) {
    this.#journal.send(event);
    for (const wait of this.#waits) {
      if (wait.type !== event.type) continue;
      this.#endWait(wait, false);
      break;
    }
    const { meta } = this.#journal;
    if (meta?.dormant !== undefined && meta.wakesOn === event.type) this.#journal.meta = { ...meta, dormant: 0 };
    this.#wake();
  }

  subscribe({ cursor = 0, filter } = {}) {
    this.#there;
    let after = cursor;
    let isDone = false;
    const next = async () => {
      for (;;) {
        if (isDone) return { done: true, value: undefined };
        const entry = this.#journal.entryAfter(after);
        if (entry !== undefined) {
          after = entry.eventId;
          isDone = LAST.includes(entry.type);
          if (filter === undefined || filter.includes(entry.type))
            return { done: false, value: this.#journal.withStream(entry) };
          continue;
        }
        const { meta } = this.#journal;
        if (meta === undefined || isOver(meta)) return { done: true, value: undefined };
        await new Promise((resolve) => this.#watchers.add(resolve));
      }
    };
    const end = () => {
      isDone = true;
    };
    return new Subscription(next, end);
  }

  /** Deletes the instance; if code runs it ends with the object, which may be what calls this. */
  async destroy() {
    this.#there;
    const runs = this.#run !== null;
    this.#erase();
    if (!runs) return;
    await this.ctx.storage.sync();
    this.ctx.abort(DELETED);
  }

  // Calls of tests.

  modifier() {
    return new Modifier(this.doubles, (event) => this.#receive(event));
  }

  /** Ends when something more has happened. */
  #happens() {
    return new Promise((resolve) => this.#watchers.add(resolve));
  }

  /** What a step has returned, once it has; throws what it has thrown. */
  async waitForStepResult(name, index = 1) {
    const key = `s:do:${index}:${name}`;
    for (;;) {
      const isEnd = ({ type, stepName }) => stepName === `${name}-${index}` && /^step_(completed|errored)$/.test(type);
      const end = this.#journal.entries().findLast(isEnd);
      if (end?.type === "step_errored") throw revived(this.#journal.step(key).error);
      if (end !== undefined) return this.#journal.withStream(end).output;
      await this.#happens();
    }
  }

  async waitForStatus(expected) {
    this.#wake();
    for (;;) {
      const { status } = this.#journal.meta ?? {};
      if (status === expected) return;
      if (ENDED.includes(status) && ENDED.includes(expected)) {
        throw new Error(
          `[WorkflowIntrospector] The Workflow instance ${this.ctx.id.name} has reached status '${status}'. This is a finite ` +
            `status that prevents it from ever reaching the expected status of '${expected}'.`,
        );
      }
      await this.#happens();
    }
  }

  outputOrError(isOutput) {
    const { status, output, error } = this.#journal.meta ?? {};
    const [what, must, has] = isOutput ? ["output", "complete", "an output"] : ["error", "errored", "error information"];
    if (status === must) return isOutput ? output : error;
    throw new Error(
      `Cannot retrieve ${what}: Workflow instance is in status "${status}" but must be "${must}" to have ${has} available`,
    );
  }

  /** Deletes the instance and ends the object, as the end of a test does. */
  async abort(reason = DELETED) {
    this.#erase();
    await this.ctx.storage.sync();
    this.ctx.abort(reason);
  }
}

function wakeAll(waiting) {
  const all = [...waiting];
  waiting.clear();
  for (const wake of all) wake();
}

export { WorkflowBinding } from "/workerd/workflows/binding.js";

export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (!env.TEST_CLOCK || pathname !== "/clock") return new Response("Not Found", { status: 404 });
    const ms = Number(searchParams.get("advance"));
    if (!Number.isFinite(ms)) return new Response(null, { status: 400 });
    moveClock(ms);
    return Response.json({ now: now() });
  },
};
