// A cache that takes everything and has nothing.
export default {
  async fetch(request) {
    await request.arrayBuffer();
    if (request.method === "PUT") return new Response(null, { status: 204 });
    return new Response("x", { status: 404, headers: { "CF-Cache-Status": "MISS" } });
  },
};
