// The Cache API of a worker that has no cache.
import { rejects } from "node:assert";

export const fails = {
  async test() {
    const message = "No Cache was configured";
    await rejects(caches.default.match("http://x/"), { name: "Error", message });
    await rejects(caches.default.put("http://x/", new Response("x")), { message });
    await rejects(caches.default.delete("http://x/"), { message });
    await rejects((await caches.open("x")).match("http://x/"), { message });
  },
};
