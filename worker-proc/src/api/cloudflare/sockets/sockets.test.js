// cloudflare:sockets: connect(), Socket, and handlers that are connected to.
import { connect } from "cloudflare:sockets";
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import { deepStrictEqual, match, rejects, strictEqual, throws } from "node:assert";

const bytes = (text) => new TextEncoder().encode(text);

async function readAll(socket) {
  let text = "";
  for await (const chunk of socket.readable) text += new TextDecoder().decode(chunk);
  return text;
}

async function send(socket, text) {
  const writer = socket.writable.getWriter();
  await writer.write(bytes(text));
  await writer.close();
}

async function until(condition) {
  while (!condition()) await scheduler.wait(1);
}

export class Echo extends WorkerEntrypoint {
  async connect(socket) {
    await socket.readable.pipeTo(socket.writable);
  }
}

/** Says what it knows of the connection. */
export class Info extends WorkerEntrypoint {
  async connect(socket) {
    const { localAddress } = await socket.opened;
    await send(socket, `${localAddress} ${socket.secureTransport} ${socket.upgraded}`);
  }
}

/** What was received, for `REST`. */
let rest;
export class Rest extends WorkerEntrypoint {
  async connect(socket) {
    rest = await readAll(socket);
  }
}

/** Has said all while it listens. */
export class Half extends WorkerEntrypoint {
  async connect(socket) {
    await send(socket, "bye");
    rest = await readAll(socket);
  }
}

export class Throws extends WorkerEntrypoint {
  async connect(socket) {
    const writer = socket.writable.getWriter();
    await writer.write(bytes("so far"));
    await scheduler.wait(1);
    throw new RangeError("expected");
  }
}

export class None extends WorkerEntrypoint {}

/** What a socket's parts say once its handler has ended. */
let late;
export class Late extends WorkerEntrypoint {
  async connect(socket) {
    const reader = socket.readable.getReader();
    const writer = socket.writable.getWriter();
    const check = async () => {
      await scheduler.wait(5);
      const said = await Promise.allSettled([reader.read(), writer.write(bytes("x")), socket.closed, socket.close()]);
      late = said.map(({ reason }) => reason && `${reason}`);
    };
    this.ctx.waitUntil(check());
  }
}

export class Giver extends WorkerEntrypoint {
  async give(options) {
    const socket = this.env.ECHO.connect("a.example:1", options);
    await socket.opened;
    return socket;
  }

  async giveHalf(allowHalfOpen) {
    const socket = this.env.HALF.connect("a.example:1", { allowHalfOpen });
    await socket.opened;
    return socket;
  }

  early() {
    return this.env.ECHO.connect("a.example:1");
  }
}

export class Thing extends DurableObject {
  async connect(socket) {
    const reader = socket.readable.getReader();
    const { value } = await reader.read();
    await send(socket, `${this.ctx.id.name} ${new TextDecoder().decode(value)}`);
  }
}

export const addresses = {
  test(_, env) {
    const refused = (address, message) => throws(() => env.ECHO.connect(address), { name: "TypeError", message });
    refused("", "Specified address is missing hostname.");
    refused("a", "Specified address is missing port.");
    refused(5, "Specified address is missing port.");
    for (const bad of [":80", "a b:1", "a:99999", "a:b"]) refused(bad, "Specified address could not be parsed.");
    const unsupported = "Specified address is empty string, contains unsupported characters or is too long.";
    for (const bad of ["a:1/x", `${"x".repeat(255)}:1`, { hostname: "\u00e9", port: 1 }]) refused(bad, unsupported);
    refused({ hostname: "a", port: 65536 }, "Value out of range. Must be less than or equal to 65535.");
    refused({ hostname: "a" }, "The value cannot be converted because it is not an integer.");
    refused(undefined, /required members from an undefined or null value/);
    throws(() => env.ECHO.connect({ get hostname() { throw new RangeError("mine"); } }), RangeError);
    throws(() => env.ECHO.connect(), { message: "Failed to execute 'connect' on 'Fetcher': parameter 1 is not of type 'SocketAddress or string'." });
  },
};

export const options = {
  async test(_, env) {
    const refused = (options, message) => throws(() => env.ECHO.connect("a:1", options), { name: "TypeError", message });
    refused({ secureTransport: "x" }, "Unsupported value in secureTransport socket option: x");
    refused({ highWaterMark: -1 }, "The value cannot be converted because it is negative and this API expects a positive bigint.");
    refused(5, "Failed to execute 'connect' on 'Fetcher': parameter 2 is not of type 'SocketOptions'.");
    refused(null, /required members from an undefined or null value/);
    const socket = env.ECHO.connect("a:1", { highWaterMark: 5n, secureTransport: "starttls" });
    strictEqual(socket.secureTransport, "starttls");
    const sent = send(socket, "hello");
    strictEqual(await readAll(socket), "hello");
    await sent;
  },
};

export default {
  async connect(socket, env, ctx) {
    await send(socket, `${typeof env.ECHO} ${typeof ctx.waitUntil}`);
  },
};

export const plainHandler = {
  async test(_, env) {
    strictEqual(await readAll(env.PLAIN.connect("a:1")), "object function");
  },
};

export const theSocket = {
  async test(_, env) {
    const socket = env.INFO.connect("a.example:123");
    strictEqual(Object.prototype.toString.call(socket), "[object Socket]");
    throws(() => new socket.constructor(), { name: "TypeError", message: "Illegal constructor" });
    for (const name of ["readable", "writable", "closed", "opened"]) strictEqual(socket[name], socket[name]);
    deepStrictEqual(await socket.opened, { remoteAddress: "a.example:123", localAddress: undefined });
    strictEqual(await readAll(socket), "a.example:123 off false");
    strictEqual(await socket.closed, undefined);
    // The other side has said all: this one does not write any more.
    await rejects(socket.writable.getWriter().write(bytes("x")), { name: "TypeError", message: "This WritableStream has been closed." });
  },
};

export const tcp = {
  async test(_, env) {
    for (const socket of [env.SERVER.connect("b:1"), connect("b:1"), env.PASSES.connect("c:2")]) {
      match(await readAll(socket), /^loopback:.* off false$/);
      await socket.closed;
    }
    await rejects(env.SERVER.fetch("http://a/"), { message: "External TCP servers don't support this event type." });
  },
};

export const objects = {
  async test(_, env) {
    const socket = env.THING.getByName("me").connect("a:1");
    await socket.writable.getWriter().write(bytes("too"));
    strictEqual(await readAll(socket), "me too");
  },
};

export const refused = {
  async test(_, env) {
    const message = "proxy request failed, cannot connect to the specified address";
    const hint = ". It looks like you might be trying to connect to a HTTP-based service \u2014 consider using fetch instead";
    for (const [service, address, expected] of [
      [env.NONE, "a:1", message], [env.NONE, { hostname: "a", port: 443 }, message + hint], [env.SCRIPT, "a:1", message],
      [env.NET, "127.0.0.1:1", message], [env.NET, { hostname: "", port: 1 }, message],
    ]) {
      const socket = service.connect(address);
      await rejects(socket.opened, { name: "Error", message: expected });
      await rejects(socket.closed, { name: "Error", message: expected });
      strictEqual(await readAll(socket), "");
      await rejects(socket.writable.getWriter().write(bytes("x")));
      strictEqual(await socket.close(), undefined);
    }
  },
};

export const handlersThatThrow = {
  async test(_, env) {
    const socket = env.THROWS.connect("a:1");
    strictEqual(await readAll(socket), "so far");
    await socket.closed;
  },
};

export const afterTheHandler = {
  async test(_, env) {
    const socket = env.LATE.connect("a:1");
    await socket.closed;
    strictEqual(await readAll(socket), "");
    await until(() => late !== undefined);
    const gone = "TypeError: Can't read from request stream because client disconnected.";
    deepStrictEqual(late, [gone, gone, gone, undefined]);
  },
};

export const closing = {
  async test(_, env) {
    const socket = env.ECHO.connect("a:1");
    const reader = socket.readable.getReader();
    const writer = socket.writable.getWriter();
    await socket.opened;
    const reading = reader.read();
    const closed = socket.close();
    const ending = (kind) => ({ name: "TypeError", message: `This ${kind}Stream belongs to an object that is closing.` });
    const over = { name: "TypeError", message: "This socket has been closed." };
    const checks = [
      rejects(writer.write(bytes("x")), ending("Writable")), rejects(reader.read(), ending("Readable")), rejects(reading, over),
    ];
    strictEqual(await closed, undefined);
    await Promise.all(checks);
    strictEqual(await socket.closed, undefined);
    strictEqual(await socket.close(), undefined);
    await rejects(writer.closed, over);
    strictEqual(await reader.closed, undefined);
  },
};

export const halfOpen = {
  async test(_, env) {
    for (const make of [(options) => env.HALF.connect("a:1", options), (options) => env.GIVER.giveHalf(options.allowHalfOpen)]) {
      rest = undefined;
      const closes = await make({ allowHalfOpen: false });
      strictEqual(await readAll(closes), "bye");
      await closes.closed;
      const open = await make({ allowHalfOpen: true });
      strictEqual(await readAll(open), "bye");
      await send(open, "still here");
      await until(() => rest === "still here");
    }
  },
};

export const rpc = {
  async test(_, env) {
    const socket = await env.GIVER.give({});
    strictEqual((await socket.opened).remoteAddress, "a.example:1");
    const sent = send(socket, "around");
    strictEqual(await readAll(socket), "around");
    await sent;
    const closed = await env.GIVER.give({});
    strictEqual(await closed.close(), undefined);
    strictEqual(await closed.closed, undefined);
    const plain = await env.GIVER.give({ secureTransport: "starttls" });
    throws(() => plain.startTls(), {
      name: "TypeError", message: "startTls has already been called on this socket, or the socket was transferred over RPC.",
    });
    await rejects(env.GIVER.early(), { name: "DataCloneError", message: /only be serialized after it has opened/ });
    throws(() => structuredClone(socket), { name: "DataCloneError", message: "Socket can only be serialized for RPC." });
  },
};

export const startTls = {
  async test(_, env) {
    const plain = env.ECHO.connect("a:1");
    throws(() => plain.startTls(), {
      name: "TypeError", message: "The `secureTransport` socket option must be set to 'starttls' for startTls to be used.",
    });
    await plain.close();
    // A worker does not speak TLS.
    const socket = env.ECHO.connect("a:1", { secureTransport: "starttls" });
    await socket.opened;
    const secured = socket.startTls();
    strictEqual(secured.secureTransport, "on");
    await rejects(secured.opened, { message: "startTls() is not supported on this connection." });
    await rejects(secured.closed);
    strictEqual(socket.upgraded, true);
    strictEqual(await socket.closed, undefined);
    throws(() => secured.startTls(), { name: "TypeError", message: "Cannot startTls on a TLS socket." });
  },
};

/** What cannot wait in between waits with the writer. */
export const backPressure = {
  async test(_, env) {
    const socket = env.HALF.connect("a:1", { allowHalfOpen: true });
    const writer = socket.writable.getWriter();
    const chunk = new Uint8Array(1 << 20);
    rest = undefined;
    strictEqual(await readAll(socket), "bye");
    for (let i = 0; i < 20; i++) await writer.write(chunk);
    await writer.close();
    await until(() => rest !== undefined);
    strictEqual(rest.length, 20 << 20);
  },
};
