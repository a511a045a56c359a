export default {
  async fetch(request, env) {
    if (request.headers.get("x-key") !== env.KEY) return new Response("No key, no entry.\n", { status: 401 });
    return env.NEXT.fetch(request);
  },
};
