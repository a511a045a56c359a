/* The module `cloudflare:node`: handlers of events that servers of `node:http` and `node:net` are behind. */
const { Error, Number, NumberIsFinite, RegExpPrototypeExec, String } = primordials;
const { tcpPorts } = require("cloudflare-internal:http");

const MAX_PORT = 65535;

function requirePort(port) {
  if (NumberIsFinite(port) && port >= 0 && port <= MAX_PORT) return port;
  throw new Error("Failed to determine port for server");
}

/** The server that listens on a port for events of a kind: "fetch" or "connect". */
function serverOf(port, kind, missing) {
  const server = tcpPorts.getHandler(port);
  if (server !== undefined && kind in server) return server;
  const error = new Error(missing);
  error.code = "ERR_INVALID_ARG_VALUE";
  throw error;
}

/** The port that a number means, `{ port }`, or a server, which is told to listen if it does not yet. */
function portOf(desc) {
  if (typeof desc === "number") return requirePort(desc);
  if (desc === undefined || desc === null) throw new Error("Server descriptor cannot be null or undefined");
  const { port } = desc;
  if ((port === undefined || port === null) && typeof desc.listen === "function") {
    if (typeof desc.address()?.port !== "number") desc.listen();
    return requirePort(desc.address()?.port);
  }
  return requirePort(port);
}

async function handleAsNodeRequest(desc, request, env, ctx) {
  const port = requirePort(typeof desc === "number" ? desc : desc?.port);
  const server = serverOf(
    port,
    "fetch",
    `Http server with port ${port} not found. This is likely a bug with your code. ` +
      `You should check if server.listen() was called with the same port (${port})`,
  );
  return await server.fetch(request, env, ctx);
}

/** The port of a connection is that of the address that it was made to. */
async function handleAsNodeConnection(socket, env, ctx) {
  const { localAddress } = await socket.opened;
  const found = typeof localAddress === "string" ? RegExpPrototypeExec(/:(\d+)$/, localAddress) : null;
  if (found === null) {
    throw new Error(`Failed to determine port for inbound socket from local address ${String(localAddress)}`);
  }
  const port = requirePort(Number(found[1]));
  const missing = `No net.Server is listening on port ${port}. Call server.listen(${port}) to accept connections arriving on that port.`;
  const server = serverOf(port, "connect", missing);
  await server.connect(socket, env, ctx);
}

function connectHandler() {
  return {
    async connect(socket, env, ctx) {
      await handleAsNodeConnection(socket, env, ctx);
    },
  };
}

function httpServerHandler(desc) {
  const port = portOf(desc);
  return {
    async fetch(request, env, ctx) {
      return await handleAsNodeRequest({ port }, request, env, ctx);
    },
  };
}

exports.connectHandler = connectHandler;
exports.handleAsNodeConnection = handleAsNodeConnection;
exports.handleAsNodeRequest = handleAsNodeRequest;
exports.httpServerHandler = httpServerHandler;
