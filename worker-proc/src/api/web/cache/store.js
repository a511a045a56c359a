// A cache that keeps nothing: its answers tell what it was asked, or are what the URL says.
export default {
  async fetch(request) {
    const asked = new URL(request.url).searchParams;
    const told = {
      method: request.method,
      headers: Object.fromEntries(request.headers),
      cf: request.cf,
      body: await request.text(),
    };
    if (asked.has("throw") || (request.method === "PUT" && asked.has("tell"))) throw new Error(JSON.stringify(told));
    const headers = asked.has("cache") ? { "cf-cache-status": asked.get("cache") } : {};
    const status = Number(asked.get("status") ?? 200);
    return new Response(status === 204 ? null : JSON.stringify(told), { status, headers });
  },
};
