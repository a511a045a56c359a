import { match, strictEqual } from "node:assert";
import { WorkerEntrypoint } from "cloudflare:workers";
import { connect } from "cloudflare:sockets";

export class Service extends WorkerEntrypoint {
  async connect(socket) {
    const writer = socket.writable.getWriter();
    await writer.write(new TextEncoder().encode(`to ${(await socket.opened).localAddress.split(":")[1]}`));
    await writer.close();
  }
}

export const madeUpNames = {
  async test(_, { IT }) {
    const { host, port, user, password, database, scheme, connectionString } = IT;
    for (const made of [user, password, database]) match(made, /^[0-9a-f]{32}$/);
    match(host, /^[0-9a-f]{32}\.workers\.alt$/);
    strictEqual(connectionString, `postgresql://${user}:${password}@${host}:${port}/${database}?sslmode=disable`);
    strictEqual(IT.connectionString, connectionString);
    strictEqual(port === 5432 && scheme === "postgresql" && user !== password, true);
    strictEqual(await new Response(IT.connect().readable).text(), "to 5432");
    strictEqual(await new Response(connect(`${host}:${port}`).readable).text(), "to 5432");
  },
};
