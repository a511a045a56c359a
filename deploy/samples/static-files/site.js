import dot from "dot.gif";
import index from "index.html";
import style from "style.css";

const files = new Map([
  ["/", [index, "text/html;charset=utf-8"]],
  ["/style.css", [style, "text/css;charset=utf-8"]],
  ["/dot.gif", [dot, "image/gif"]],
]);

async function tag(content) {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `"${Array.from(digest.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("")}"`;
}

export default {
  async fetch(request) {
    const file = files.get(new URL(request.url).pathname);
    if (!file) return new Response("Not found\n", { status: 404 });
    const [content, type] = file;
    const headers = { "content-type": type, etag: await tag(content), "cache-control": "max-age=60" };
    if (request.headers.get("if-none-match") === headers.etag) return new Response(null, { status: 304, headers });
    return new Response(content, { headers });
  },
};
