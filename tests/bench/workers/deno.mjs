// The workloads on Deno: `deno run --allow-net --allow-read deno.mjs PORT [CERTIFICATE KEY]`.
import { routes as nodeRoutes } from "./node-api.js";
import { handlerOf, routes } from "./web.js";

const [port, certificate, key] = Deno.args;

function webSocket(request) {
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => socket.send(data);
  return response;
}

const options = { port: Number(port), hostname: "127.0.0.1", onListen() {} };
if (certificate !== undefined) {
  options.cert = Deno.readTextFileSync(certificate);
  options.key = Deno.readTextFileSync(key);
}
Deno.serve(options, handlerOf({ ...routes, ...nodeRoutes, "/websocket": webSocket }));
