// The worker of the workloads of Durable Objects.
import { DurableObject } from "cloudflare:workers";
import { handlerOf } from "./web.js";

const KEYS = Array.from({ length: 64 }, (_, i) => `${i}`);

// Objects that live in the process of their caller share the isolate, and this, with it.
let isolate;
const ownIsolate = () => (isolate ??= crypto.randomUUID());

export class Counter extends DurableObject {
  #count = 0;

  async fetch(request) {
    this.#count++;
    if (request.url.endsWith("/put")) await this.ctx.storage.put("count", this.#count);
    return new Response("counted");
  }

  isolate() {
    return ownIsolate();
  }
}

const object = (env, key) => env.COUNTER.get(env.COUNTER.idFromName(key));
const anyOf = (keys) => keys[Math.floor(Math.random() * keys.length)];

let remoteKeys;
async function remote(request, _url, env) {
  if (remoteKeys === undefined) {
    const isolates = await Promise.all(KEYS.map((key) => object(env, key).isolate()));
    remoteKeys = KEYS.filter((_, i) => isolates[i] !== ownIsolate());
  }
  if (remoteKeys.length === 0) return new Response("no object lives in another process", { status: 503 });
  return object(env, anyOf(remoteKeys)).fetch(request);
}

let localKeys;
async function local(request, _url, env) {
  if (localKeys === undefined) {
    const isolates = await Promise.all(KEYS.map((key) => object(env, key).isolate()));
    localKeys = KEYS.filter((_, i) => isolates[i] === ownIsolate());
  }
  return object(env, anyOf(localKeys)).fetch(request);
}

export default {
  fetch: handlerOf({
    "/local": local,
    "/remote": remote,
    "/put": (request, _url, env) => object(env, anyOf(KEYS)).fetch(request),
  }),
};
