export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/moved") return Response.redirect("http://localhost/elsewhere", 302);
    const seen = {
      method: request.method,
      path: pathname,
      proxied: request.headers.get("x-proxied"),
      cookie: request.headers.get("cookie"),
      body: await request.text(),
    };
    return Response.json(seen, { headers: { "set-cookie": "a=1" } });
  },
};
