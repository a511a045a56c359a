// The worker of most workloads: those of the web platform, what calls another worker, and WebSockets.
import { handlerOf, routes } from "./web.js";

function webSocket() {
  const [client, server] = Object.values(new WebSocketPair());
  server.binaryType = "arraybuffer";
  server.accept();
  server.addEventListener("message", ({ data }) => server.send(data));
  return new Response(null, { status: 101, webSocket: client });
}

async function tenCalls(_request, _url, env) {
  let length = 0;
  for (let i = 0; i < 10; i++) length += (await (await env.CALLEE.fetch("http://callee/")).text()).length;
  return new Response(`${length}`);
}

export default {
  fetch: handlerOf({
    ...routes,
    "/service": (_request, _url, env) => env.CALLEE.fetch("http://callee/"),
    "/service-10": tenCalls,
    "/websocket": webSocket,
  }),
};
