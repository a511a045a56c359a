// What the workloads of service bindings call.
export default {
  fetch: () => new Response("callee"),
};
