/* What tests make of an instance: steps that give what they are told to, and waits that take no time. A binding takes such calls
   if the engine has a binding `LOCAL_DEV`. */
import { RpcTarget } from "cloudflare:workers";
import { named, revived, timedOut } from "/workerd/workflows/values.js";

const stepNameOf = ({ name, index = 1 }) => `${name}-${index}`;
const keyOf = ({ name, index = 1 }) => `s:do:${index}:${name}`;
const wrong = (message) => new Error(`[WorkflowIntrospector] ${message}`);

/** What tests have set for an instance, kept with it. */
export class Doubles {
  #journal;
  constructor(journal) {
    this.#journal = journal;
  }

  #get(key) {
    return this.#journal.double(key);
  }

  #set(key, value = true) {
    this.#journal.setDouble(key, value);
  }

  /** Whether a kind of wait is not to be waited for, in any step or in this one. */
  skips(kind, stepName) {
    return (this.#get(kind) ?? this.#get(`${kind}:${stepName}`)) !== undefined;
  }

  /** Whether events of a type come from the test alone. */
  hasEvent(type) {
    return this.#get(`event:${type}`) !== undefined;
  }

  /** What an attempt does in place of its callback: throws, or gives `{ value }` or a stored `{ stream }`; or undefined. */
  attempt(stepName, attempt) {
    const failing = (kind) => this.#get(`${kind}:${stepName}`) ?? this.#get(`${kind}:${stepName}:${attempt}`);
    const error = failing("error");
    if (error) throw revived(error);
    if (failing("timeout")) throw timedOut(0);
    return this.#get(`result:${stepName}`);
  }

  skip(kind, steps) {
    if (steps === undefined) this.#set(kind);
    else for (const step of steps) this.#set(`${kind}:${stepNameOf(step)}`);
  }

  async setResult(step, result) {
    const stepName = stepNameOf(step);
    if (this.#get(`result:${stepName}`)) throw wrong(`Trying to mock step '${step.name}' multiple times!`);
    // No run makes an attempt of the number 0.
    const isStream = result instanceof ReadableStream;
    const given = isStream ? { stream: await this.#journal.store(keyOf(step), 0, result.getReader()) } : { value: result };
    this.#set(`result:${stepName}`, given);
  }

  /** Has attempts fail: all, or the next ones of which nothing is set yet. */
  setFailure(kind, what, step, times, value) {
    const stepName = stepNameOf(step);
    if (this.#get(`result:${stepName}`)) {
      throw wrong(`Trying to ${what} on step '${step.name}' after mocking its result!`);
    }
    if (!times) return this.#set(`${kind}:${stepName}`, value);
    const first = this.#get(`count:${stepName}`) ?? 1;
    this.#set(`count:${stepName}`, first + times);
    for (let attempt = first; attempt < first + times; attempt++) this.#set(`${kind}:${stepName}:${attempt}`, value);
  }

  setEvent({ type }) {
    this.#set(`event:${type}`);
  }
}

/** What a test changes an instance by. `send(event)` gives it an event. */
export class Modifier extends RpcTarget {
  #doubles;
  #send;
  constructor(doubles, send) {
    super();
    this.#doubles = doubles;
    this.#send = send;
  }
  disableSleeps(steps) {
    this.#doubles.skip("sleep", steps);
  }
  disableRetryDelays(steps) {
    this.#doubles.skip("delay", steps);
  }
  async mockStepResult(step, result) {
    await this.#doubles.setResult(step, result);
  }
  mockStepError(step, { name, message }, times) {
    this.#doubles.setFailure("error", "mock error", step, times, { name, message });
  }
  forceStepTimeout(step, times) {
    this.#doubles.setFailure("timeout", "force timeout", step, times, true);
  }
  mockEvent(event) {
    this.#doubles.setEvent(event);
    this.#send(event);
  }
  forceEventTimeout(step) {
    this.#doubles.skip("eventTimeout", [step]);
  }
}

/** Does to an instance what a test has said of all that are created. */
export function apply(modifier, { type, step, steps, stepResult, error, times, event }) {
  const chunks = stepResult?.__workflowIntrospectionStreamResult && stepResult.chunks;
  switch (type) {
    case "mockStepResult":
      return modifier.mockStepResult(step, chunks ? ReadableStream.from(chunks.map((chunk) => chunk.slice())) : stepResult);
    case "mockStepError":
      return modifier.mockStepError(step, named(error.name, error.message), times);
    case "forceStepTimeout":
      return modifier.forceStepTimeout(step, times);
    case "mockEvent":
      return modifier.mockEvent(event);
    default:
      return modifier[type](steps ?? step);
  }
}
