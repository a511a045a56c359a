// Applications from npm, as wrangler bundles them: each part tells what its library gives.
import { createHash, generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { PassThrough, Readable, Writable } from "node:stream";
import { TarArchive, ZipArchive } from "archiver";
import { handleAsNodeRequest } from "cloudflare:node";
import express from "express";
import Fastify from "fastify";
import Redis from "ioredis";
import jwt from "jsonwebtoken";
import Koa from "koa";
import mysql from "mysql2/promise";
import nodemailer from "nodemailer";
import pg from "pg";
import winston from "winston";

// Servers. Each has the same paths.

const WEB = { express: 8081, koa: 8082, fastify: 8083 };

const withExpress = express();
withExpress.use(express.json());
withExpress.get("/", (_, response) => response.send("Hello"));
withExpress.get("/json/:id", ({ params, query, protocol, hostname }, response) => response.json({ params, query, protocol, hostname }));
withExpress.post("/echo", ({ body }, response) => response.status(201).cookie("a", "b", { httpOnly: true }).json(body));
withExpress.get("/redirect", (_, response) => response.redirect("/"));
withExpress.get("/stream", (_, response) => Readable.from(["a", "b"]).pipe(response));
withExpress.get("/throw", () => {
  throw Object.assign(new Error("thrown"), { status: 418 });
});
withExpress.use(({ message, status }, _request, response, _next) => response.status(status ?? 500).json({ message }));
withExpress.listen(WEB.express);

const withKoa = new Koa();
withKoa.silent = true;
withKoa.keys = ["key"];
withKoa.use(async (context) => {
  const { path, query, host, req } = context;
  if (path === "/") context.body = "Hello";
  else if (path === "/json/1") context.body = { query, host };
  else if (path === "/redirect") context.redirect("/");
  else if (path === "/stream") context.body = Readable.from(["a", "b"]);
  else if (path === "/throw") context.throw(418, "thrown");
  else if (path === "/echo") {
    const parts = await Array.fromAsync(req);
    context.cookies.set("a", "b", { signed: true });
    context.status = 201;
    context.body = Buffer.concat(parts);
  }
});
withKoa.listen(WEB.koa);

// It compiles its routes, which only start-up code may; timers are for handlers.
const withFastify = Fastify({ pluginTimeout: 0 });
withFastify.get("/", async () => "Hello");
withFastify.get("/json/:id", async ({ params, query, host }) => ({ params, query, host }));
withFastify.post("/echo", async ({ body }, reply) => reply.code(201).send(body));
withFastify.get("/redirect", (_, reply) => reply.redirect("/"));
withFastify.get("/stream", (_, reply) => reply.type("text/plain").send(Readable.from(["a", "b"])));
withFastify.get("/throw", async () => {
  throw Object.assign(new Error("thrown"), { statusCode: 418 });
});
await withFastify.listen({ port: WEB.fastify });

// Clients.

const HOST = "127.0.0.1";
const said = ({ message, code, errno, syscall, address, port }) => ({ message, code, errno, syscall, address, port });
const refusal = (connected) => connected.then(() => "connected", said);

async function withPostgres({ postgres, nobody }) {
  const at = { host: HOST, port: postgres, user: "postgres", password: "secret", database: "postgres" };
  const client = new pg.Client(at);
  await client.connect();
  const typed = await client.query(
    "SELECT $1::text AS t, $2::int AS n, '{1,2}'::int[] AS a, $3::bytea AS b, '2020-01-01T00:00:00Z'::timestamptz AS d, '{\"a\":1}'::jsonb AS j",
    ["häl", 42, Buffer.from([0, 255])],
  );
  const bad = await client.query("SELEC").catch(({ message, code, position }) => [message, code, position]);
  const many = await client.query("SELECT i, repeat('x', 100) AS s FROM generate_series(1, 5000) AS i");
  const heard = new Promise((resolve) => client.on("notification", ({ channel, payload }) => resolve([channel, payload])));
  await client.query("LISTEN channel");
  await client.query("NOTIFY channel, 'hello'");
  await heard;
  await client.end();
  const pool = new pg.Pool({ ...at, max: 3 });
  const pooled = await Promise.all([1, 2, 3, 4, 5].map((n) => pool.query("SELECT $1::int AS n", [n])));
  await pool.end();
  const wrong = await refusal(new pg.Client({ ...at, password: "wrong" }).connect());
  const refused = await refusal(new pg.Client({ ...at, port: nobody }).connect());
  return [typed.rows, typed.fields.map(({ name, dataTypeID }) => [name, dataTypeID]), bad, many.rows.length, many.rows.at(-1), await heard, pooled.map(({ rows }) => rows), wrong, refused];
}

async function withMariaDb({ mariadb, nobody }) {
  const at = { host: HOST, port: mariadb, user: "app", password: "secret", database: "app", disableEval: true };
  const client = await mysql.createConnection(at);
  await client.query("CREATE TEMPORARY TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, s VARCHAR(100), b BLOB, d DATETIME)");
  const [{ affectedRows, insertId }] = await client.execute("INSERT INTO t (s, b, d) VALUES (?, ?, ?)", ["häl", Buffer.from([0, 255]), new Date(0)]);
  const [rows, fields] = await client.execute("SELECT * FROM t WHERE id = ?", [1]);
  const [text] = await client.query("SELECT 1 + 1 AS two, s, b FROM t");
  const bad = await client.query("SELEC").catch(({ message, code, errno, sqlState }) => [message, code, errno, sqlState]);
  await client.end();
  const pool = mysql.createPool({ ...at, connectionLimit: 2 });
  const pooled = await Promise.all([1, 2, 3, 4].map((n) => pool.query("SELECT ? AS n", [n])));
  await pool.end();
  const refused = await refusal(mysql.createConnection({ ...at, port: nobody }));
  return [affectedRows, insertId, rows, fields.map(({ name }) => name), text, bad, pooled.map(([found]) => found), refused];
}

async function withRedis({ redis, nobody }) {
  const client = new Redis({ host: HOST, port: redis });
  await client.flushall();
  const single = [await client.set("k", "v"), await client.getBuffer("k"), await client.hset("h", { a: 1, b: 2 }), await client.hgetall("h")];
  const together = [await client.pipeline().set("p", 1).incr("p").exec(), await client.multi().get("p").exec(), await client.eval("return {1, ARGV[1]}", 0, "x")];
  const bad = await client.call("BAD").catch(said);
  const listener = client.duplicate();
  const heard = new Promise((resolve) => listener.on("message", (...message) => resolve(message)));
  await listener.subscribe("channel");
  await client.publish("channel", "hello");
  await heard;
  listener.disconnect();
  await client.quit();
  const absent = new Redis({ host: HOST, port: nobody, retryStrategy: () => null, lazyConnect: true });
  const refused = new Promise((resolve) => absent.on("error", (error) => resolve(said(error))));
  await absent.connect().catch(() => {});
  return [single, together, bad, await heard, await refused];
}

async function withSmtp({ smtp, nobody }) {
  const at = { host: HOST, port: smtp, ignoreTLS: true, name: "client", auth: { user: "user", pass: "password" } };
  const mail = { from: "a@x.test", to: "b@x.test, c@x.test", subject: "Grüße", text: "hello\n.dot\n", html: "<p>ü</p>", date: new Date(0), messageId: "<1@x.test>" };
  const transport = nodemailer.createTransport(at);
  const verified = await transport.verify();
  const { accepted, rejected, response, envelope } = await transport.sendMail({ ...mail, html: undefined });
  const attached = await transport.sendMail({ ...mail, attachments: [{ filename: "b.bin", content: Buffer.alloc(3000, 7) }] });
  const refused = await refusal(nodemailer.createTransport({ ...at, port: nobody }).sendMail(mail));
  return [verified, accepted, rejected, response, envelope, attached.accepted, refused];
}

function withTokens() {
  const payload = { sub: "1", iat: 1700000000 };
  const shared = ["HS256", "HS384", "HS512"].map((algorithm) => {
    const token = jwt.sign(payload, "secret", { algorithm });
    return [token, jwt.verify(token, "secret"), jwt.decode(token, { complete: true })];
  });
  const pem = { privateKeyEncoding: { type: "pkcs8", format: "pem" }, publicKeyEncoding: { type: "spki", format: "pem" } };
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256", ...pem });
  const signed = jwt.verify(jwt.sign(payload, privateKey, { algorithm: "ES256" }), publicKey);
  const refused = [jwt.sign({ exp: 1 }, "secret"), jwt.sign(payload, "other"), "a.b"].map((token) => {
    try {
      return jwt.verify(token, "secret");
    } catch ({ name, message }) {
      return [name, message];
    }
  });
  return [shared, signed, refused];
}

const finished = (logger) =>
  new Promise((resolve) => {
    logger.on("finish", resolve);
    logger.end();
  });

async function withLogs() {
  const { combine, errors, json, simple, splat } = winston.format;
  const lines = [];
  const stream = new Writable({
    write(line, _, done) {
      lines.push(String(line));
      done();
    },
  });
  const format = combine(errors({ stack: false }), splat(), json());
  const logger = winston.createLogger({ level: "debug", format, defaultMeta: { service: "app" }, transports: [new winston.transports.Stream({ stream })] });
  logger.info("hello %s", "you", { a: 1 });
  logger.error(new Error("bad"));
  logger.silly("below the level");
  logger.child({ of: "child" }).warn("child");
  await finished(logger);
  const file = new winston.transports.File({ filename: "/tmp/log.txt" });
  const written = new Promise((resolve) => file.on("finish", resolve));
  const filed = winston.createLogger({ format: simple(), transports: [file] });
  filed.info("to a file");
  await finished(filed);
  await written;
  while (readFileSync("/tmp/log.txt", "utf8") === "") await scheduler.wait(5);
  return [lines, readFileSync("/tmp/log.txt", "utf8")];
}

async function withArchives() {
  const date = new Date(Date.UTC(2020, 0, 1));
  const made = [new ZipArchive({ zlib: { level: 9 } }), new ZipArchive({ store: true }), new TarArchive({}), new TarArchive({ gzip: true })];
  return Promise.all(
    made.map(async (archive) => {
      const bytes = Array.fromAsync(archive);
      archive.append("hello hello hello hello", { name: "a.txt", date, mode: 0o644 });
      archive.append(Buffer.alloc(50_000, 3), { name: "folder/b.bin", date });
      const parts = new PassThrough();
      archive.append(parts, { name: "c.txt", date });
      parts.write("in ");
      parts.end("parts");
      await archive.finalize();
      const whole = Buffer.concat(await bytes);
      return [whole.length, createHash("sha256").update(whole).digest("hex")];
    }),
  );
}

const clients = { pg: withPostgres, mysql2: withMariaDb, ioredis: withRedis, nodemailer: withSmtp, jsonwebtoken: withTokens, winston: withLogs, archiver: withArchives };

export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    const [, name] = url.pathname.split("/");
    if (clients[name]) return Response.json(await clients[name](env.PORTS));
    url.pathname = url.pathname.slice(name.length + 1);
    return handleAsNodeRequest(WEB[name], new Request(url, request), env, ctx);
  },
};
