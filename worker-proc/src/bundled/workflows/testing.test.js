// The calls by which workflows are tested: what a binding takes where the engine has `LOCAL_DEV`.
import { deepStrictEqual, match, rejects, strictEqual } from "node:assert";
import { WorkflowEntrypoint } from "cloudflare:workers";

export class Flow extends WorkflowEntrypoint {
  async run({ payload }, step) {
    const first = await step.do("first", { retries: { limit: 2, delay: "1 hour" } }, async () => `made of ${payload.of}`);
    await step.sleep("long", "1 hour");
    const event = await step.waitForEvent("said", { type: "word", timeout: "1 hour" }).catch(({ message }) => ({ payload: message }));
    return { first: first instanceof ReadableStream ? await new Response(first).text() : first, heard: event.payload };
  }
}

const blank = { disable: [{ type: "disableSleeps" }, { type: "disableRetryDelays" }] };
const word = { type: "mockEvent", event: { type: "word", payload: "hello" } };
const step = { name: "first" };

/** An instance that is created while a test has said so much of all; and what became of it. */
async function created(ENGINE, FLOW, operations, id = crypto.randomUUID()) {
  const session = await ENGINE.unsafeStartIntrospection();
  try {
    await ENGINE.unsafeSetIntrospectionOperations(session, operations);
    const instance = await FLOW.create({ id, params: { of: "it" } });
    deepStrictEqual(await ENGINE.unsafeGetIntrospectionInstances(session), [id]);
    return instance;
  } finally {
    await ENGINE.unsafeStopIntrospection(session);
  }
}

export const results = {
  async test(_, { ENGINE, FLOW }) {
    const { id } = await created(ENGINE, FLOW, [...blank.disable, { type: "mockStepResult", step, stepResult: [1, "two"] }, word]);
    await ENGINE.unsafeWaitForStatus(id, "complete");
    deepStrictEqual(await ENGINE.unsafeGetOutputOrError(id, true), { first: [1, "two"], heard: "hello" });
    deepStrictEqual(await ENGINE.unsafeWaitForStepResult(id, "first"), [1, "two"]);
    const status = await ENGINE.status(id);
    deepStrictEqual(status.__LOCAL_DEV_STEP_OUTPUTS, [[1, "two"], "hello"]);
    await rejects(ENGINE.unsafeGetOutputOrError(id, false), { message: /^Cannot retrieve error: .* must be "errored" to have error/ });
    await rejects(ENGINE.unsafeWaitForStatus(id, "errored"), { message: /has reached status 'complete'\. This is a finite status/ });
  },
};

export const streams = {
  async test(_, { ENGINE, FLOW }) {
    const stepResult = { __workflowIntrospectionStreamResult: true, chunks: ["ab", "c"].map((text) => new TextEncoder().encode(text)) };
    const { id } = await created(ENGINE, FLOW, [...blank.disable, { type: "mockStepResult", step, stepResult }, word]);
    await ENGINE.unsafeWaitForStatus(id, "complete");
    deepStrictEqual(await ENGINE.unsafeGetOutputOrError(id, true), { first: "abc", heard: "hello" });
    strictEqual(await new Response(await ENGINE.unsafeWaitForStepResult(id, "first", 1)).text(), "abc");
  },
};

export const failures = {
  async test(_, { ENGINE, FLOW }) {
    const error = { name: "Wrong", message: "made up" };
    const failing = { type: "mockStepError", step, error, times: 1 };
    const late = { type: "forceStepTimeout", step, times: 1 };
    const third = await created(ENGINE, FLOW, [...blank.disable, failing, late, word]);
    await ENGINE.unsafeWaitForStatus(third.id, "complete");
    deepStrictEqual(await ENGINE.unsafeGetOutputOrError(third.id, true), { first: "made of it", heard: "hello" });
    const never = await created(ENGINE, FLOW, [...blank.disable, { ...failing, times: undefined }]);
    await ENGINE.unsafeWaitForStatus(never.id, "errored");
    match((await ENGINE.unsafeGetOutputOrError(never.id, false)).message, /made up/);
    await rejects(ENGINE.unsafeWaitForStepResult(never.id, "first"), { message: /made up/ });
    await rejects(ENGINE.unsafeGetOutputOrError(never.id, true), { message: /^Cannot retrieve output: .* to have an output available$/ });
    const deaf = await created(ENGINE, FLOW, [...blank.disable, { type: "forceEventTimeout", step: { name: "said" } }, word]);
    await ENGINE.unsafeWaitForStatus(deaf.id, "complete");
    match((await ENGINE.unsafeGetOutputOrError(deaf.id, true)).heard, /timed out after 3600000ms/);
  },
};

export const modifiers = {
  async test(_, { ENGINE, FLOW, INSTANCES }) {
    const id = "modified";
    const modifier = await ENGINE.unsafeGetInstanceModifier(id);
    await modifier.disableSleeps([{ name: "long", index: 1 }]);
    await modifier.mockStepResult(step, 5);
    await rejects(modifier.mockStepResult(step, 6), { message: "[WorkflowIntrospector] Trying to mock step 'first' multiple times!" });
    await rejects(modifier.mockStepError(step, new Error("no")), { message: /^\[WorkflowIntrospector\] Trying to mock error on step 'first' after/ });
    await rejects(modifier.forceStepTimeout(step), { message: /Trying to force timeout on step 'first' after mocking its result!$/ });
    const instance = await FLOW.create({ id, params: {} });
    await ENGINE.unsafeWaitForStatus(id, "waiting");
    await modifier.mockEvent({ type: "other", payload: 1 });
    await instance.sendEvent({ type: "word", payload: "sent" });
    await ENGINE.unsafeWaitForStatus(id, "complete");
    deepStrictEqual(await ENGINE.unsafeGetOutputOrError(id, true), { first: 5, heard: "sent" });
    const digits = `${INSTANCES.idFromName(id)}`;
    strictEqual(await ENGINE.unsafeDeletePersistedInstance(digits), true);
    strictEqual(await ENGINE.unsafeDeletePersistedInstance(digits), false);
    await rejects(FLOW.get(id), { message: /instance\.not_found/ });
    await created(ENGINE, FLOW, [], "ended");
    await ENGINE.unsafeAbort("ended", "because");
    await rejects(FLOW.get("ended"), { message: /instance\.not_found/ });
  },
};

export const sessions = {
  async test(_, { ENGINE, CLOSED }) {
    strictEqual(await ENGINE.unsafeGetBindingName(), "FLOW");
    const session = await ENGINE.unsafeStartIntrospection();
    await rejects(ENGINE.unsafeStartIntrospection(), {
      message: 'Workflow "flow" already has an active introspection session for binding "FLOW".',
    });
    await ENGINE.unsafeStopIntrospection("another");
    await ENGINE.unsafeStopIntrospection(session);
    await rejects(ENGINE.unsafeGetIntrospectionInstances(session), {
      message: 'Workflow "flow" does not have an active introspection session for this introspector.',
    });
    await rejects(CLOSED.unsafeGetBindingName(), { message: "The testing API is not enabled" });
    await rejects(CLOSED.unsafeStartIntrospection(), { message: "The testing API is not enabled" });
  },
};
