import { WorkerEntrypoint } from "cloudflare:workers";

const prices = new Map([
  ["tea", 3],
  ["hot coffee", 4],
]);

export class Prices extends WorkerEntrypoint {
  async fetch(request) {
    const item = decodeURIComponent(new URL(request.url).pathname.slice(1));
    const price = prices.get(item);
    return price ? new Response(String(price)) : new Response("unknown", { status: 404 });
  }
}
