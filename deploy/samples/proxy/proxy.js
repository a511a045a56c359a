export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/private")) return new Response("Not for you.\n", { status: 403 });
    const onward = new Request(request);
    onward.headers.set("x-proxied", "yes");
    onward.headers.delete("cookie");
    const answer = await env.ORIGIN.fetch(onward);
    const response = new Response(answer.body, answer);
    response.headers.set("x-proxy", "workerd");
    return response;
  },
};
