/* The API of workflows, which their bindings call. */
import { WorkerEntrypoint } from "cloudflare:workers";
import {
  DELETED,
  EVENT_TYPES,
  MAX_BATCH,
  badArgument,
  badId,
  hasOnly,
  isLength,
  isObject,
  lengthOf,
  named,
} from "/workerd/workflows/values.js";
import { apply } from "/workerd/workflows/testing.js";

const isId = (id) => typeof id === "string" && id.length <= 100 && /^[a-zA-Z0-9_][a-zA-Z0-9-_]*$/.test(id);
/** Ids of instances that older versions have made. */
const isAnyId = (id) => typeof id === "string" && /^[a-zA-Z0-9, */#_-]{1,271}$/.test(id);
const isReserved = (id) => ["batch", "terminate", "terminateAll"].includes(id) || /^cf_[0-9a-f]{64}$/.test(id);
const LOCATIONS = ["wnam", "weur", "enam", "eeur", "apac", "apac-ne", "apac-se", "oc", "sam", "afr", "me"];

function checkInstance(instance) {
  if (!isObject(instance)) {
    const type = Array.isArray(instance) ? "array" : instance === null ? "null" : typeof instance;
    throw badArgument(`Invalid input: expected object, received ${type}`);
  }
  const { retention, locationHint } = instance;
  for (const duration of [retention?.successRetention, retention?.errorRetention]) {
    if (duration === undefined || (isLength(duration) && lengthOf(duration) > 0)) continue;
    throw badArgument(
      "Duration must be a number or a string in format '{{number}} {{unit}}' where unit is second(s), minute(s), etc.",
    );
  }
  if (locationHint === undefined || LOCATIONS.includes(locationHint)) return;
  throw badArgument(`Invalid option: expected one of ${LOCATIONS.map((name) => `"${name}"`).join("|")}`);
}

function isSubscription(options) {
  if (!isObject(options) || !hasOnly(options, ["cursor", "filter"])) return false;
  const { cursor = 0, filter = [] } = options;
  return (
    Number.isSafeInteger(cursor) &&
    cursor >= 0 &&
    Array.isArray(filter) &&
    filter.every((type) => EVENT_TYPES.includes(type))
  );
}

/** The instances that a batch asks for: it is a list of them, or says of how many it is. */
function instancesOf(options) {
  if (isObject(options) && "count" in options) {
    const { count, params, retention } = options;
    if (!Number.isInteger(count) || count < 1) throw badArgument("count must be a positive integer");
    if (count > MAX_BATCH) throw badArgument("batchCreate only supports 100 instances at a time");
    return Array.from({ length: count }, () => ({ params, retention }));
  }
  const instances = options?.instances;
  if (!Array.isArray(instances)) throw badArgument("Provided argument is invalid");
  if (instances.length === 0 || instances.length > MAX_BATCH) throw badArgument("Batch size exceeds maximum allowed");
  return instances;
}

const invalidId = () => named("WorkflowError", "Workflow instance has invalid id");

/** What tests have begun in this process, by workflow: `{ id, operations, instanceIds }`. */
const sessions = new Map();

/** The API of the workflow `ctx.props.workflow`. Tests know its binding by `ctx.props.binding`. */
export class WorkflowBinding extends WorkerEntrypoint {
  #object(id) {
    return this.env[`workflow:${this.ctx.props.workflow}`].getByName(id);
  }

  async #existing(id) {
    if (!isAnyId(id) || !(await this.#object(id).exists())) throw new Error("instance.not_found");
    return this.#object(id);
  }

  async getInstance(id) {
    await this.#existing(id);
    return { id };
  }

  async create(options = {}) {
    const id = "id" in options ? options.id : crypto.randomUUID();
    if (!isId(id)) throw invalidId();
    const session = sessions.get(this.ctx.props.workflow);
    if (session !== undefined) {
      session.instanceIds.push(id);
      const modifier = this.#object(id).modifier();
      for (const operation of session.operations) await apply(modifier, operation);
    }
    await this.#object(id).create(options.params ?? {}, options.retention);
    return { id };
  }

  async createBatch(options) {
    if (!Array.isArray(options)) {
      const instances = instancesOf(options);
      for (const instance of instances) checkInstance(instance);
      const ids = instances.map(({ id = crypto.randomUUID() }) => id);
      if (!ids.every((id) => isId(id) && !isReserved(id))) throw badId();
      return await this.#createAll(instances, ids);
    }
    if (options.length === 0) throw new Error("WorkflowError: batchCreate should have at least 1 instance");
    if (options.length > MAX_BATCH) throw new Error("WorkflowError: batchCreate only supports 100 instances at a time");
    const ids = options.map(({ id = crypto.randomUUID() }) => id);
    if (!ids.every(isId)) throw invalidId();
    // This form takes neither retention nor places.
    const plain = options.map(({ params }) => ({ params }));
    return (await this.#createAll(plain, ids)).created;
  }

  /** Creates instances in order. What cannot be for its id is told; any other failure throws. */
  async #createAll(instances, ids) {
    const created = [];
    const errors = [];
    const refuse = (index, code, reason) => {
      errors.push({ index, id: ids[index], code, message: `workflows.api.error.instance.${reason}` });
    };
    for (const [index, { params, retention }] of instances.entries()) {
      const id = ids[index];
      if (ids.indexOf(id) < index) {
        refuse(index, 10415, "duplicate_in_batch");
        continue;
      }
      try {
        created.push(await this.create({ id, params, retention }));
      } catch (error) {
        if (!`${error?.message}`.includes("(instance.already_exists)")) throw error;
        refuse(index, 10405, "already_exists");
      }
    }
    return { created, errors };
  }

  async #delete(id) {
    try {
      await this.#object(id).destroy();
    } catch (error) {
      if (!`${error?.message}`.includes(DELETED)) throw error;
    }
  }

  async deleteInstance(id) {
    if (!isAnyId(id)) throw badId();
    await this.#delete(id);
  }

  async deleteBatch(options) {
    const ids = options?.instances;
    if (!Array.isArray(ids)) throw badArgument("Provided argument is invalid");
    if (ids.length > MAX_BATCH) throw badArgument("batchDeleteInstances only supports 100 instances at a time");
    if (ids.length === 0) throw badArgument("batchDeleteInstances should have at least 1 instance");
    if (!ids.every(isAnyId)) throw badId();
    const outcomes = new Map();
    const once = async (id) => outcomes.set(id, await this.#delete(id).catch((error) => ({ error })));
    await Promise.all([...new Set(ids)].map(once));
    const deleted = [];
    const errors = [];
    for (const id of ids) {
      const failure = outcomes.get(id);
      const isMissing = `${failure?.error?.message}`.includes("(instance.not_found)");
      if (failure === undefined) deleted.push({ id });
      else if (isMissing) errors.push({ id, code: 10400, message: "workflows.api.error.instance.not_found" });
      else errors.push({ id, code: 10001, message: "workflows.api.error.internal_server" });
    }
    return { deleted, errors };
  }

  async pause(id) {
    await (await this.#existing(id)).pause();
  }

  async resume(id) {
    await (await this.#existing(id)).resume();
  }

  async terminate(id, options) {
    await (await this.#existing(id)).terminate(options);
  }

  async restart(id, options) {
    await (await this.#existing(id)).restart(options);
  }

  async status(id) {
    return await (await this.#existing(id)).status();
  }

  async sendEvent(id, { type, payload }) {
    await (await this.#existing(id)).sendEvent({ type, payload });
  }

  async subscribe(id, options = {}) {
    const instance = await this.#existing(id);
    if (!isSubscription(options)) throw new Error("Invalid Workflow subscription options");
    return await instance.subscribe(options);
  }

  // For tests.

  get #tested() {
    if (!this.env.LOCAL_DEV) throw new Error("The testing API is not enabled");
    return this.ctx.props.workflow;
  }

  #session(id) {
    const workflow = this.#tested;
    const session = sessions.get(workflow);
    if (session?.id === id) return session;
    const why = "does not have an active introspection session for this introspector.";
    throw new Error(`Workflow ${JSON.stringify(workflow)} ${why}`);
  }

  async unsafeGetBindingName() {
    this.#tested;
    return this.ctx.props.binding;
  }

  async unsafeStartIntrospection() {
    const workflow = this.#tested;
    if (sessions.has(workflow)) {
      const binding = JSON.stringify(this.ctx.props.binding);
      const why = `already has an active introspection session for binding ${binding}.`;
      throw new Error(`Workflow ${JSON.stringify(workflow)} ${why}`);
    }
    const id = crypto.randomUUID();
    sessions.set(workflow, { id, operations: [], instanceIds: [] });
    return id;
  }

  async unsafeStopIntrospection(id) {
    const workflow = this.#tested;
    if (sessions.get(workflow)?.id === id) sessions.delete(workflow);
  }

  async unsafeSetIntrospectionOperations(id, operations) {
    this.#session(id).operations = operations;
  }

  async unsafeGetIntrospectionInstances(id) {
    return this.#session(id).instanceIds;
  }

  async unsafeGetInstanceModifier(id) {
    this.#tested;
    return await this.#object(id).modifier();
  }

  async unsafeWaitForStepResult(id, name, index) {
    this.#tested;
    return await this.#object(id).waitForStepResult(name, index);
  }

  async unsafeWaitForStatus(id, status) {
    this.#tested;
    await this.#object(id).waitForStatus(status);
  }

  async unsafeGetOutputOrError(id, isOutput) {
    this.#tested;
    return await this.#object(id).outputOrError(isOutput);
  }

  /** Deletes the instance whose object has that id, in hexadecimal digits; whether there was one. */
  async unsafeDeletePersistedInstance(digits) {
    this.#tested;
    const namespace = this.env[`workflow:${this.ctx.props.workflow}`];
    const object = namespace.get(namespace.idFromString(digits));
    if (!(await object.exists())) return false;
    // It ends, and so does the call.
    await object.abort().catch(() => {});
    return true;
  }

  async unsafeAbort(id, reason) {
    this.#tested;
    await this.#object(id)
      .abort(reason)
      .catch(() => {});
  }
}
