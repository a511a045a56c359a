import { WorkerEntrypoint } from "cloudflare:workers";
import { connect } from "cloudflare:sockets";
import { deepStrictEqual, match, notStrictEqual, rejects, strictEqual, throws } from "node:assert";
import dns from "node:dns/promises";

/** A database that says which address it was called by. */
export class Database extends WorkerEntrypoint {
  async connect(socket) {
    const { localAddress } = await socket.opened;
    const writer = socket.writable.getWriter();
    await writer.write(new TextEncoder().encode(localAddress));
    await writer.close();
  }
}

const received = (socket) => new Response(socket.readable).text();

export const members = {
  test(_, { POSTGRES, MYSQL }) {
    deepStrictEqual(Object.keys(POSTGRES), ["connectionString", "port", "ip", "host", "password", "user", "database"]);
    const { host, ip } = POSTGRES;
    match(host, /^[0-9a-f]{32}\.hyperdrive\.local$/);
    match(ip, /^240\.0\.\d+\.\d+$/);
    strictEqual(POSTGRES.host, host);
    strictEqual(POSTGRES.port, 5432);
    strictEqual(POSTGRES.user, "us:er");
    strictEqual(POSTGRES.password, "p@ss");
    strictEqual(POSTGRES.database, "my data");
    strictEqual(POSTGRES.connectionString, `postgresql://us:er:p@ss@${host}:5432/my data?sslmode=disable`);
    strictEqual(MYSQL.port, 3306);
    strictEqual(MYSQL.connectionString, `mysql://user:secret@${MYSQL.host}:3306/data?ssl-mode=disabled`);
    notStrictEqual(MYSQL.host, host);
    strictEqual(`${POSTGRES}`, "[object Hyperdrive]");
    throws(() => (POSTGRES.port = 1), { name: "TypeError" });
    throws(() => new POSTGRES.constructor(), { name: "TypeError", message: "Illegal constructor" });
    throws(() => POSTGRES.connect.call({}), { name: "TypeError" });
    strictEqual(typeof Hyperdrive, "undefined");
  },
};

export const connections = {
  async test(_, { POSTGRES, MYSQL }) {
    const { host, ip } = POSTGRES;
    const authority = `${host}:5432`;
    const socket = POSTGRES.connect();
    strictEqual((await socket.opened).remoteAddress, authority);
    strictEqual(await received(socket), authority);
    strictEqual(await received(MYSQL.connect()), `${MYSQL.host}:3306`);
    for (const address of [authority, { hostname: host, port: 5432 }, `${ip}:5432`]) {
      const socket = connect(address, { secureTransport: "starttls" });
      strictEqual((await socket.opened).remoteAddress, authority);
      strictEqual(socket.secureTransport, "off");
      strictEqual(await received(socket), authority);
    }
    throws(() => connect(`${host}:`), { name: "TypeError" });
  },
};

export const names = {
  async test(_, { POSTGRES: { host, ip } }) {
    deepStrictEqual(await dns.lookup(host, { family: 4 }), { address: ip, family: 4 });
    deepStrictEqual(await dns.resolve4(host), [ip]);
  },
};

export const failure = {
  async test(_, { LOST }) {
    const refusal = { name: "Error", message: "connection attempt failed" };
    for (const socket of [LOST.connect(), connect(`${LOST.host}:5432`)]) {
      await rejects(socket.opened, refusal);
      await rejects(socket.closed, refusal);
    }
  },
};
