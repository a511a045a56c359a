import { deepStrictEqual, strictEqual } from "node:assert";
import net from "node:net";

/** What becomes of a connection: its events until it is closed. */
const events = (...target) =>
  new Promise((resolve) => {
    const told = [];
    const socket = net.connect(...target);
    for (const name of ["lookup", "connectionAttempt", "connectionAttemptFailed", "connect", "error"]) {
      socket.on(name, (...values) => told.push([name, ...values]));
    }
    socket.on("close", (hadError) => resolve([...told, ["close", hadError]]));
  });

/** An error as Node makes it: its class is Error, and it has these members. */
function isError(error, message, members) {
  strictEqual(error.stack.split("\n")[0], `Error: ${message}`);
  deepStrictEqual({ message: error.message, ...error }, { message, ...members });
}

export const connections = {
  async test() {
    for (const [host, family] of [["127.0.0.1", 4], ["localhost", 0]]) {
      const told = await events(1, host);
      const [failed, error] = told.splice(-3, 2);
      // Of an address the attempt is made before anyone can listen.
      deepStrictEqual(told, [...(family === 0 ? [["connectionAttempt", host, 1, 0]] : []), ["close", true]]);
      deepStrictEqual(failed, ["connectionAttemptFailed", host, 1, family, error[1]]);
      const members = { code: "ECONNREFUSED", errno: -111, syscall: "connect", address: host, port: 1 };
      isError(error[1], `connect ECONNREFUSED ${host}:1`, members);
    }
  },
};

export const names = {
  async test() {
    const [[, error, ...rest], ...told] = await events(1, "no-such-host.invalid");
    deepStrictEqual(rest, [undefined, undefined, "no-such-host.invalid"]);
    deepStrictEqual(told, [["error", error], ["close", true]]);
    // Without a way to a name server nobody knows whether the name is there.
    const { code } = error;
    const errno = { ENOTFOUND: -3008, EAI_AGAIN: -3001 }[code];
    isError(error, `getaddrinfo ${code} no-such-host.invalid`, { code, errno, syscall: "getaddrinfo", hostname: "no-such-host.invalid" });
  },
};

export const pendingWrites = {
  async test() {
    const socket = net.connect(1, "127.0.0.1");
    socket.on("error", () => {});
    const error = await new Promise((resolve) => socket.write("x", resolve));
    strictEqual(error.code, "ERR_SOCKET_CLOSED_BEFORE_CONNECTION");
  },
};
