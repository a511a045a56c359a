// The workloads on Node: `node node.mjs PORT PROTOCOL [CERTIFICATE KEY]`, of http, https and h2.
//
// Node's servers know no Request and no Response, so what it has of them stands between: that is what the same code costs there.
import { readFileSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { routes as nodeRoutes } from "./node-api.js";
import { handlerOf, routes } from "./web.js";

const [port, protocol, certificate, key] = process.argv.slice(2);
const handle = handlerOf({ ...routes, ...nodeRoutes });

function requestOf(incoming) {
  const { method, headers } = incoming;
  const init = { method, headers: Object.entries(headers).filter(([name]) => name[0] !== ":") };
  if (method !== "GET") {
    init.body = Readable.toWeb(incoming);
    init.duplex = "half";
  }
  return new Request(`http://${headers.host ?? headers[":authority"]}${incoming.url}`, init);
}

async function answer(incoming, outgoing) {
  try {
    const { status, headers, body } = await handle(requestOf(incoming));
    outgoing.writeHead(status, Object.fromEntries(headers));
    if (body === null) outgoing.end();
    else await pipeline(Readable.fromWeb(body), outgoing);
  } catch (error) {
    console.error(error);
    if (!outgoing.headersSent) outgoing.writeHead(500);
    outgoing.end("Internal Server Error");
  }
}

const tls = certificate && { cert: readFileSync(certificate), key: readFileSync(key) };
const servers = {
  http: () => http.createServer(answer),
  https: () => https.createServer(tls, answer),
  h2: () => http2.createServer(answer),
};
const server = servers[protocol]();
// As long as the others keep an idle connection, not 5 s.
server.keepAliveTimeout = 60_000;
server.listen(Number(port), "127.0.0.1");
