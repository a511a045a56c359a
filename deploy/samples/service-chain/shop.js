export default {
  async fetch(request, env) {
    const lines = [];
    for (const item of new URL(request.url).searchParams.getAll("item")) {
      const answer = await env.PRICES.fetch(`http://prices/${encodeURIComponent(item)}`);
      lines.push(answer.ok ? `${item}: ${await answer.text()}` : `${item}: not for sale`);
    }
    return new Response(`${lines.join("\n")}\n`);
  },
};
