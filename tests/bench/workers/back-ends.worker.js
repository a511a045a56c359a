// The worker of the workloads of KV and queues; it is the queue's consumer too.
import { handlerOf } from "./web.js";

const VALUE = "v".repeat(1024);
const someKey = () => `key ${Math.floor(Math.random() * 64)}`;

let filled;
async function get(_request, _url, env) {
  filled ??= await Promise.all(Array.from({ length: 64 }, (_, i) => env.KV.put(`key ${i}`, VALUE)));
  return new Response(await env.KV.get(someKey(), "stream"));
}

export default {
  fetch: handlerOf({
    "/kv-get": get,
    "/kv-put": async (_request, _url, env) => {
      await env.KV.put(someKey(), VALUE);
      return new Response("put");
    },
    "/queue-send": async (_request, _url, env) => {
      await env.QUEUE.send({ text: VALUE });
      return new Response("sent");
    },
  }),
  queue(batch) {
    batch.ackAll();
  },
};
