/* The module `cloudflare-internal:workflows-api`: a workflow and its instances. Every method is an RPC call of the service. */
const { ArrayIsArray, ArrayPrototypePush, Error } = primordials;
const { WrappedBinding } = require("wrapped");
const { call } = require("wrapped/calls");

/** Thrown by a step that is not to be tried again. */
class NonRetryableError extends Error {
  constructor(message, name = "NonRetryableError") {
    super(message);
    this.name = name;
  }
}

class InstanceImpl {
  #fetcher;

  constructor(id, fetcher) {
    this.id = id;
    this.#fetcher = fetcher;
  }

  async pause() {
    await call(this.#fetcher, "pause", [this.id]);
  }

  async resume() {
    await call(this.#fetcher, "resume", [this.id]);
  }

  async terminate(options) {
    await call(this.#fetcher, "terminate", [this.id, options]);
  }

  async restart(options) {
    await call(this.#fetcher, "restart", [this.id, options]);
  }

  // A service binding has a `delete` of its own under old dates, as it has a `get`.
  async delete() {
    await call(this.#fetcher, "deleteInstance", [this.id]);
  }

  async status() {
    return await call(this.#fetcher, "status", [this.id]);
  }

  async sendEvent({ type, payload }) {
    await call(this.#fetcher, "sendEvent", [this.id, { type, payload }]);
  }

  async subscribe(options) {
    return await call(this.#fetcher, "subscribe", [this.id, options]);
  }
}

class WorkflowImpl extends WrappedBinding {
  #fetcher;

  constructor(fetcher) {
    super(fetcher);
    this.#fetcher = fetcher;
  }

  async get(id) {
    return this.#instance(await call(this.#fetcher, "getInstance", [id]));
  }

  async create(options) {
    return this.#instance(await call(this.#fetcher, "create", [options]));
  }

  /** Of an array all or none are made; other options say what is to become of failures. */
  async createBatch(options) {
    const result = await call(this.#fetcher, "createBatch", [options]);
    if (ArrayIsArray(options)) return this.#instances(result);
    return { created: this.#instances(result.created), errors: result.errors };
  }

  async deleteBatch(instanceIds) {
    return await call(this.#fetcher, "deleteBatch", [{ instances: instanceIds }]);
  }

  #instance({ id }) {
    return new InstanceImpl(id, this.#fetcher);
  }

  #instances(made) {
    const instances = [];
    for (let i = 0; i < made.length; i++) ArrayPrototypePush(instances, this.#instance(made[i]));
    return instances;
  }
}

function makeBinding(env) {
  return new WorkflowImpl(env.fetcher);
}

exports.NonRetryableError = NonRetryableError;
exports.default = makeBinding;
exports.makeBinding = makeBinding;
