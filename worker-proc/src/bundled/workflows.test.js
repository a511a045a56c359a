import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import { WorkflowEntrypoint } from "cloudflare:workers";
import { NonRetryableError } from "cloudflare:workflows";

const calls = [];
const call = (name, result) => (...args) => {
  calls.push([name, ...args]);
  return typeof result === "function" ? result() : result;
};
const thrower = (error) => () => {
  throw error;
};

/** What the code of a workflow does, by the name that its parameters give. */
const flows = {
  async plain(event, step) {
    const one = await step.do("one", call("one", { a: 1, when: new Date(5) }));
    const again = await step.do("one", async (ctx) => ctx.step);
    await step.sleep("nap", 10);
    return { one, again, payload: event.payload, id: event.instanceId, workflow: event.workflowName, date: event.timestamp instanceof Date };
  },
  async retried(_, step) {
    let attempts = 0;
    return step.do("flaky", { retries: { limit: 3, delay: "10 milliseconds", backoff: "linear" }, timeout: "1 minute" }, async (ctx) => {
      if (++attempts < 3) throw new RangeError(`no ${ctx.attempt}`);
      return [attempts, ctx];
    });
  },
  async exhausted(_, step) {
    await step.do("never", { retries: { limit: 1, delay: 0 } }, call("never", thrower(new RangeError("never"))));
  },
  async final(_, step) {
    await step.do("final", call("final", thrower(new NonRetryableError("enough"))));
  },
  async late(_, step) {
    try {
      await step.do("late", { retries: { limit: 0, delay: 0 }, timeout: 20 }, () => new Promise(() => {}));
    } catch (error) {
      return `${error}`;
    }
  },
  async events(_, step) {
    const first = await step.waitForEvent("first", { type: "go", timeout: "1 minute" });
    const second = await step.waitForEvent("second", { type: "go", timeout: "30 seconds" });
    const none = await step.waitForEvent("none", { type: "stop", timeout: 20 }).catch((error) => `${error}`);
    return [first.payload, first.type, second.payload, none];
  },
  async resting(_, step) {
    await step.do("before", call("before"));
    await step.sleep("long", "2 days");
    return step.do("after", call("after", "rested"));
  },
  async stream(_, step) {
    const stream = await step.do("stream", async () => new Blob(["x".repeat(600_000), "end"]).stream());
    const text = await new Response(stream).text();
    const again = await step.do("n", async () => text.length);
    return [again, text.slice(-4)];
  },
  async undone(_, step) {
    const undo = (name) => ({ rollback: async ({ output, error, stepName }) => call(name)(output, error.message, stepName), rollbackConfig: {} });
    await step.do("a", async () => 1, undo("undo a"));
    await step.do("b", async () => 2, undo("undo b"));
    throw new Error("undo it");
  },
  async held(_, step) {
    await step.do("x", async () => 1);
    await step.waitForEvent("hold", { type: "go", timeout: "50 seconds" });
    return "held";
  },
  async bad(_, step) {
    const errors = [];
    const tried = async (...args) => errors.push(`${await step.do(...args).catch((error) => error)}`.slice(0, 70));
    await tried("x".repeat(257), async () => 1);
    await tried("none");
    await tried("config", { retries: { limit: -1, delay: 0 } }, async () => 1);
    await tried("unknown", { more: 1 }, async () => 1);
    errors.push(`${await step.sleepUntil("past", new Date(0)).catch((error) => error)}`);
    return errors;
  },
  async many(_, step) {
    for (let i = 0; i < 25; i++) await step.do(`s${i}`, async () => i);
  },
  async nothing() {},
  async function() {
    return () => {};
  },
};

export class Flow extends WorkflowEntrypoint {
  run(event, step) {
    return flows[event.payload.flow](event, step);
  }
}

const ended = ["complete", "errored", "terminated"];

/** The status once it is one of these. */
async function until(instance, ...wanted) {
  for (;;) {
    const status = await instance.status();
    if (wanted.includes(status.status)) return status;
    await scheduler.wait(5);
  }
}

async function run(env, flow) {
  calls.length = 0;
  const instance = await env.FLOW.create({ params: { flow } });
  return until(instance, ...ended);
}

export const plain = {
  async test(_, env) {
    const instance = await env.FLOW.create({ id: "first", params: { flow: "plain" } });
    strictEqual(instance.id, "first");
    const { status, output, error } = await until(instance, ...ended);
    deepStrictEqual([status, error], ["complete", undefined]);
    deepStrictEqual(output, {
      one: { a: 1, when: new Date(5) },
      again: { name: "one", count: 2 },
      payload: { flow: "plain" },
      id: "first",
      workflow: "flow",
      date: true,
    });
    await rejects(env.FLOW.create({ id: "first" }), { message: 'WorkflowError: (instance.already_exists) Workflow instance with id "first" already exists' });
    await rejects(env.FLOW.create({ id: "not valid" }), { message: "WorkflowError: Workflow instance has invalid id" });
    await rejects(env.FLOW.get("none"), { message: "instance.not_found" });
    strictEqual((await env.FLOW.get("first")).id, "first");
  },
};

export const exportsAreBindings = {
  async test(_, env, ctx) {
    const instance = await ctx.exports.Flow.create({ params: { flow: "nothing" } });
    deepStrictEqual(await until(instance, ...ended), { status: "complete", output: null, error: undefined });
    strictEqual((await env.FLOW.get(instance.id)).id, instance.id);
    ok(env.INSTANCES.idFromName("x"));
  },
};

export const attempts = {
  async test(_, env) {
    const config = { retries: { limit: 3, delay: "10 milliseconds", backoff: "linear" }, timeout: "1 minute" };
    const { output } = await run(env, "retried");
    deepStrictEqual(output, [3, { step: { name: "flaky", count: 1 }, attempt: 3, config }]);
    const exhausted = await run(env, "exhausted");
    deepStrictEqual([exhausted.status, exhausted.error, calls.length], ["errored", { name: "RangeError", message: "never" }, 2]);
    const final = await run(env, "final");
    deepStrictEqual([final.status, final.error, calls.length], ["errored", { name: "NonRetryableError", message: "enough" }, 1]);
    strictEqual((await run(env, "late")).output, "Error: WorkflowTimeoutError: Execution timed out after 20ms");
  },
};

export const events = {
  async test(_, env) {
    const instance = await env.FLOW.create({ params: { flow: "events" } });
    await until(instance, "waiting");
    await instance.sendEvent({ type: "other", payload: 0 });
    await instance.sendEvent({ type: "go", payload: { n: 1 } });
    await instance.sendEvent({ type: "go", payload: 2 });
    const { output } = await until(instance, ...ended);
    deepStrictEqual(output, [{ n: 1 }, "go", 2, "Error: WorkflowTimeoutError: Execution timed out after 20ms"]);
  },
};

export const longWaits = {
  async test(_, env) {
    calls.length = 0;
    const instance = await env.FLOW.create({ params: { flow: "resting" } });
    await until(instance, "waiting");
    const day = 24 * 60 * 60 * 1000;
    const { now } = await (await env.CLOCK.fetch(`http://x/clock?advance=${day}`)).json();
    ok(now > Date.now() + day - 60_000);
    strictEqual((await instance.status()).status, "waiting");
    await env.CLOCK.fetch(`http://x/clock?advance=${day + 1000}`);
    strictEqual((await until(instance, ...ended)).output, "rested");
    deepStrictEqual(calls.map(([name]) => name), ["before", "after"]);
    strictEqual((await env.CLOCK.fetch("http://x/other")).status, 404);
    strictEqual((await env.CLOCK.fetch("http://x/clock?advance=x")).status, 400);
  },
};

export const streams = {
  async test(_, env) {
    deepStrictEqual((await run(env, "stream")).output, [600_003, "xend"]);
  },
};

export const undoing = {
  async test(_, env) {
    const { status, error } = await run(env, "undone");
    deepStrictEqual([status, error], ["errored", { name: "Error", message: "undo it" }]);
    deepStrictEqual(calls, [["undo b", 2, "undo it", "b-1"], ["undo a", 1, "undo it", "a-1"]]);
  },
};

export const control = {
  async test(_, env) {
    const instance = await env.FLOW.create({ params: { flow: "held" } });
    await until(instance, "waiting");
    await instance.pause();
    strictEqual((await instance.status()).status, "paused");
    await instance.resume();
    await rejects(instance.resume(), /^WorkflowError: \(instance.cannot_resume\)|\(instance.cannot_resume\) Cannot resume instance with status/);
    await instance.sendEvent({ type: "go", payload: 1 });
    strictEqual((await until(instance, ...ended)).output, "held");
    await rejects(instance.terminate(), /\(instance.cannot_terminate\)/);
    await instance.restart();
    await until(instance, "waiting");
    await instance.terminate();
    deepStrictEqual(await instance.status(), { status: "terminated", output: null, error: undefined });
    await rejects(instance.restart({ from: { name: "nope" } }), /\(instance.cannot_restart\) Step "nope" not found/);
    await instance.restart({ from: { name: "hold", type: "waitForEvent" } });
    await until(instance, "waiting");
    await instance.delete();
    await rejects(instance.status(), { message: "instance.not_found" });
  },
};

export const badSteps = {
  async test(_, env) {
    const { output } = await run(env, "bad");
    deepStrictEqual(output, [
      `Error: WorkflowFatalError: Step name "${"x".repeat(257)}" exceeds max length`.slice(0, 70),
      'Error: WorkflowFatalError: Step "none" requires a callback function',
      'Error: WorkflowFatalError: Step config for "config" is in a invalid format'.slice(0, 70),
      'Error: WorkflowFatalError: Step config for "unknown" is in a invalid format'.slice(0, 70),
      "Error: You can't sleep until a time in the past, time-traveler",
    ]);
    const many = await run(env, "many");
    strictEqual(many.error.message, "WorkflowFatalError: The limit of 20 steps has been reached. This limit can be changed in your worker configuration.");
    strictEqual((await run(env, "none")).status, "errored");
  },
};

export const batches = {
  async test(_, env) {
    const params = { flow: "nothing" };
    const made = await env.FLOW.createBatch([{ id: "b1", params }, { id: "b2", params }, { id: "b1", params }]);
    deepStrictEqual(made.map(({ id }) => id), ["b1", "b2"]);
    const { created, errors } = await env.FLOW.createBatch({ instances: [{ id: "b2", params }, { id: "b3", params }, { id: "b3" }] });
    deepStrictEqual(created.map(({ id }) => id), ["b3"]);
    deepStrictEqual(errors, [
      { index: 0, id: "b2", code: 10405, message: "workflows.api.error.instance.already_exists" },
      { index: 2, id: "b3", code: 10415, message: "workflows.api.error.instance.duplicate_in_batch" },
    ]);
    strictEqual((await env.FLOW.createBatch({ count: 3, params })).created.length, 3);
    deepStrictEqual(await env.FLOW.deleteBatch(["b1", "none"]), {
      deleted: [{ id: "b1" }],
      errors: [{ id: "none", code: 10400, message: "workflows.api.error.instance.not_found" }],
    });
    for (const bad of [[], Array(101).fill({}), { instances: [] }, { count: 0 }, { instances: [1] }, {}]) await rejects(env.FLOW.createBatch(bad));
    for (const bad of [[], ["\u00fc"], Array(101).fill("x")]) await rejects(env.FLOW.deleteBatch(bad));
  },
};

export const subscriptions = {
  async test(_, env) {
    const instance = await env.FLOW.create({ params: { flow: "plain" } });
    const subscription = await instance.subscribe();
    const seen = [];
    for (;;) {
      const { done, value } = await subscription.next();
      if (done) break;
      strictEqual(value.instanceId, instance.id);
      seen.push(value.stepName ? `${value.type} ${value.stepName}` : value.type);
    }
    deepStrictEqual(
      seen.filter((type) => !/^workflow_(waiting|running)$/.test(type)),
      ["workflow_queued", "workflow_started"].concat(
        ["one-1", "one-2"].flatMap((step) => ["step_started", "attempt_started", "attempt_completed", "step_completed"].map((type) => `${type} ${step}`)),
        ["sleep_started nap-1", "sleep_completed nap-1", "workflow_completed"],
      ),
    );
    await rejects(instance.subscribe({ cursor: -1 }), { message: "Invalid Workflow subscription options" });
    await rejects(instance.subscribe({ filter: ["no"] }), { message: "Invalid Workflow subscription options" });
    const last = await instance.subscribe({ filter: ["workflow_completed"] });
    strictEqual((await last.next()).value.type, "workflow_completed");
    strictEqual((await last.next()).done, true);
  },
};
