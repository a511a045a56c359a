/* The module `cloudflare-internal:workers`. */
const { module: workers } = require("cloudflare:workers");

const {
  DurableObject,
  RpcPromise,
  RpcProperty,
  RpcStub,
  RpcTarget,
  ServiceStub,
  WorkerEntrypoint,
  WorkflowEntrypoint,
  abortIsolate,
  restore,
  waitUntil,
} = workers;

exports.default = {
  DurableObject,
  RpcPromise,
  RpcProperty,
  RpcStub,
  RpcTarget,
  ServiceStub,
  WorkerEntrypoint,
  WorkflowEntrypoint,
  abortIsolate,
  restore,
  waitUntil,
};
