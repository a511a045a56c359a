// Uses what the bundled modules keep, each by its own protocol. What handlers are given is kept in the namespace.
const answered = async (response) => new Response(await response.text(), { status: response.status });
const note = (env, key, value) => env.KV.fetch(`http://kv/${encodeURIComponent(key)}`, { method: "PUT", body: value });

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const [, service, rest = ""] = /^\/(\w+)(.*)$/.exec(pathname);
    switch (service) {
      case "get":
        return answered(await env.KV.fetch(`http://kv${rest}`));
      case "put":
        return answered(await note(env, rest.slice(1), searchParams.get("v")));
      case "large":
        return answered(await note(env, rest.slice(1), "x".repeat(Number(searchParams.get("bytes")))));
      case "list":
        return answered(await env.KV.fetch(`http://kv/?${searchParams}`));
      case "sql":
        return answered(
          await env.DB.fetch("http://d1/query", { method: "POST", body: JSON.stringify({ sql: searchParams.get("q") }) }),
        );
      case "send":
        return answered(
          await env.QUEUE.fetch("http://queue/message", {
            method: "POST",
            headers: { "x-msg-fmt": "text" },
            body: searchParams.get("v"),
          }),
        );
      case "clock":
        return answered(await env.CRON.fetch(`http://cron/clock?${searchParams}`, { method: "POST" }));
    }
    return new Response("unknown", { status: 404 });
  },

  async queue({ messages }, env) {
    await Promise.all(messages.map(({ body }) => note(env, `message ${body}`, "")));
  },

  async scheduled({ scheduledTime }, env) {
    await note(env, `tick ${scheduledTime} ${crypto.randomUUID()}`, "");
  },
};
