import { strictEqual } from "node:assert";
import { BrowserRendering } from "cloudflare:br";
import { WorkerEntrypoint } from "cloudflare:workers";

export class Service extends WorkerEntrypoint {
  fetch(request) {
    return new Response(`${request.method} ${request.url}`);
  }
}

export const passesRequestsOn = {
  async test(_, { IT }) {
    strictEqual(IT instanceof BrowserRendering, true);
    // What a worker does to the classes that it sees changes nothing.
    WorkerEntrypoint.prototype.fetch = () => {};
    strictEqual(await (await IT.fetch("http://x/y", { method: "PUT" })).text(), "PUT http://x/y");
    strictEqual(await (await IT.fetcher.fetch("http://x/z")).text(), "GET http://x/z");
  },
};
