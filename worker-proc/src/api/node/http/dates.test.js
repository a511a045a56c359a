// What there is before servers, and before clients.
import { deepStrictEqual, strictEqual, throws } from "node:assert";

const names = ["http", "https", "_http_agent", "_http_client", "_http_common", "_http_incoming", "_http_outgoing", "_http_server"];
const hasClients = Cloudflare.compatibilityFlags.enable_nodejs_http_modules;

export const modules = {
  async test() {
    const found = [];
    for (const name of names) {
      if (await import(`node:${name}`).catch(() => null)) found.push(name);
    }
    deepStrictEqual(found, hasClients ? names.slice(0, -1) : []);
  },
};

export const servers = {
  async test() {
    if (!hasClients) return;
    const { default: http } = await import("node:http");
    const { default: https } = await import("node:https");
    const refused = (name) => ({ code: "ERR_METHOD_NOT_IMPLEMENTED", message: `The ${name} method is not implemented` });
    throws(() => http.createServer(), refused("createServer"));
    throws(() => https.createServer(), refused("createServer"));
    throws(() => new http.Server(), refused("Server"));
    throws(() => new http.ServerResponse(new http.IncomingMessage()), refused("ServerResponse"));
    strictEqual(new http.Agent().defaultPort, 80);
  },
};
