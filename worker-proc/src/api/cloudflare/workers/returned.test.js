// What a fetch handler may return: a response, or what has a `then`.
import { rejects, strictEqual } from "node:assert";

const returned = {
  response: () => new Response("ok"),
  promise: async () => new Response("ok"),
  thenable: () => ({ then: (resolve) => resolve(new Response("ok")) }),
  nothing: () => undefined,
  number: () => 5,
  object: () => ({}),
  function: () => () => new Response("ok"),
  forged: () => Object.create(Response.prototype),
  promiseOfNumber: async () => 5,
  thenableOfNumber: () => ({ then: (resolve) => resolve(5) }),
  noThenable: () => ({ then: 5 }),
  throwing: () => ({
    get then() {
      throw new RangeError("then");
    },
  }),
};

export const subject = {
  fetch: (request) => returned[new URL(request.url).pathname.slice(1)](),
};

export default {
  async test(controller, { SUBJECT }) {
    const get = (name) => SUBJECT.fetch(`http://subject/${name}`);
    for (const name of ["response", "promise", "thenable"]) strictEqual(await (await get(name)).text(), "ok");
    for (const name of ["nothing", "number", "object", "function", "forged"]) {
      await rejects(get(name), { name: "TypeError", message: "Callback returned incorrect type; expected 'Promise'" });
    }
    for (const name of ["promiseOfNumber", "thenableOfNumber", "noThenable"]) {
      const message = "Incorrect type for Promise: the Promise did not resolve to 'Response'.";
      await rejects(get(name), { name: "TypeError", message });
    }
    await rejects(get("throwing"), { name: "RangeError", message: "then" });
  },
};
