import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert";
import { once } from "node:events";
import net from "node:net";

export const client = {
  async test() {
    const socket = net.connect({ host: "127.0.0.1", port: 80, timeout: 5000 });
    deepStrictEqual([socket.connecting, socket.readyState, socket.pending], [true, "opening", true]);
    throws(() => socket.connect(80), { code: "ERR_SOCKET_CONNECTING" });
    let text = "";
    socket.setEncoding("utf8").on("data", (data) => (text += data));
    await once(socket, "connect");
    const { remoteAddress, remotePort, remoteFamily, localAddress, readyState } = socket;
    deepStrictEqual([remoteAddress, remotePort, remoteFamily, localAddress, readyState], ["127.0.0.1", 80, "IPv4", "240.1.0.1", "open"]);
    await new Promise((done) => socket.write("one", done));
    while (text === "") await once(socket, "data");
    socket.end("two");
    await once(socket, "close");
    deepStrictEqual([text, socket.bytesRead, socket.bytesWritten, socket.readyState], ["<one><two>bye", 13, 6, "closed"]);
    // After the other side's end nothing is written.
    socket.on("error", () => {});
    const error = await new Promise((done) => socket.write("x", done));
    strictEqual(error.code, "EPIPE");
  },
};

export const buffers = {
  async test() {
    const pieces = [];
    const onread = { buffer: () => new Uint8Array(2), callback: (size, buffer) => void pieces.push(Buffer.from(buffer.subarray(0, size)).toString()) };
    const socket = net.connect({ host: "a.example", port: 1, onread });
    socket.resume().end("abc");
    await once(socket, "close");
    strictEqual(pieces.join(""), "<abc>bye");
    strictEqual(pieces.every((piece) => piece.length <= 2), true);
  },
};

export const bad = {
  async test() {
    const refused = (make, code) => throws(make, { code });
    refused(() => net.connect({}), "ERR_MISSING_ARGS");
    refused(() => net.connect("/a/pipe"), "ERR_INVALID_ARG_VALUE");
    refused(() => net.connect({ port: 65536 }), "ERR_SOCKET_BAD_PORT");
    refused(() => net.connect({ port: {} }), "ERR_INVALID_ARG_TYPE");
    refused(() => net.connect({ port: 1, localAddress: "a" }), "ERR_INVALID_IP_ADDRESS");
    refused(() => net.connect({ port: 1, lookup: 1 }), "ERR_INVALID_ARG_TYPE");
    refused(() => new net.Socket({ fd: 1 }), "ERR_OPTION_NOT_IMPLEMENTED");
    refused(() => new net.Socket({ objectMode: true }), "ERR_INVALID_ARG_VALUE");
    refused(() => new net.Socket().setTimeout(-1), "ERR_OUT_OF_RANGE");
    const closed = new net.Socket();
    closed.on("error", () => {});
    strictEqual((await new Promise((done) => closed.write("x", done))).code, "ERR_SOCKET_CLOSED");
    await rejects(once(new net.Socket().resetAndDestroy(), "never"), { code: "ERR_SOCKET_CLOSED" });
  },
};

export const servers = {
  async test() {
    const server = net.createServer({ keepAliveInitialDelay: -1 });
    strictEqual(server.address(), null);
    throws(() => net.createServer(5), { code: "ERR_INVALID_ARG_TYPE" });
    throws(() => server.listen({ path: "/x" }), { code: "ERR_INVALID_ARG_VALUE" });
    throws(() => server.listen({ port: 65536 }), { code: "ERR_SOCKET_BAD_PORT" });
    server.listen(0, "localhost");
    await once(server, "listening");
    const { address, family, port } = server.address();
    deepStrictEqual([address, family, server.listening], ["127.0.0.1", "IPv4", true]);
    throws(() => server.listen(), { code: "ERR_SERVER_ALREADY_LISTEN" });
    const [taken] = await once(net.createServer().listen(port), "error");
    deepStrictEqual([taken.code, taken.message], ["EADDRINUSE", `bind EADDRINUSE 0.0.0.0:${port}`]);
    strictEqual(await new Promise((done) => server.getConnections((_, count) => done(count))), 0);
    await new Promise((done) => server.close(done));
    const error = await new Promise((done) => server.close(done));
    strictEqual(error.code, "ERR_SERVER_NOT_RUNNING");
  },
};

export const addresses = {
  test() {
    const versions = { "1.2.3.4": 4, "01.2.3.4": 0, "256.1.1.1": 0, "::1": 6, "::ffff:1.2.3.4": 6, "fe80::1%eth0": 6, "1::2::3": 0, "1:2:3:4:5:6:7:8": 6, "g::": 0, "": 0 };
    for (const [text, version] of Object.entries(versions)) {
      deepStrictEqual([net.isIP(text), net.isIPv4(text), net.isIPv6(text)], [version, version === 4, version === 6], text);
    }
    const { address, port, family, flowlabel } = net.SocketAddress.parse("[::1]:81");
    deepStrictEqual([address, port, family, flowlabel], ["::1", 81, "ipv6", 0]);
    strictEqual(net.SocketAddress.parse("x:1"), undefined);
    throws(() => new net.SocketAddress({ address: "x" }), { code: "ERR_INVALID_ADDRESS" });
    throws(() => new net.SocketAddress({ family: "x" }), { code: "ERR_INVALID_ARG_VALUE" });
  },
};

export const blockList = {
  test() {
    const list = new net.BlockList();
    list.addAddress("1.1.1.1");
    list.addRange("10.0.0.1", "10.0.0.9");
    list.addSubnet("8592:757c:efae:4e45::", 64, "ipv6");
    const rules = ["Address: IPv4 1.1.1.1", "Range: IPv4 10.0.0.1-10.0.0.9", "Subnet: IPv6 8592:757c:efae:4e45::/64"];
    const check = (list) => {
      deepStrictEqual(list.rules, rules);
      const checks = [["1.1.1.1"], ["10.0.0.9"], ["::ffff:10.0.0.1", "ipv6"], ["8592:757c:efae:4e45:ffff::", "ipv6"], ["1.1.1.2"], ["10.0.0.10"], ["::1", "ipv6"], ["x"]];
      deepStrictEqual(checks.map((args) => list.check(...args)), [true, true, true, true, false, false, false, false]);
    };
    check(list);
    const copy = new net.BlockList();
    copy.fromJSON(list.toJSON());
    check(copy);
    throws(() => list.addRange("10.0.0.9", "10.0.0.1"), { code: "ERR_INVALID_ARG_VALUE" });
    throws(() => list.addSubnet("1.1.1.1", 33), { code: "ERR_OUT_OF_RANGE" });
    throws(() => list.addAddress("::1"), { code: "ERR_INVALID_IP_ADDRESS" });
    throws(() => list.fromJSON("{"), { code: "ERR_INVALID_ARG_VALUE" });
  },
};

export const settings = {
  test() {
    strictEqual(net.getDefaultAutoSelectFamily(), false);
    throws(() => net.setDefaultAutoSelectFamily(true), { code: "ERR_INVALID_ARG_VALUE" });
    net.setDefaultAutoSelectFamilyAttemptTimeout(1);
    strictEqual(net.getDefaultAutoSelectFamilyAttemptTimeout(), 10);
    const bound = new net.BoundSocket();
    strictEqual(bound.address().address, "0.0.0.0");
    bound.close();
    throws(() => bound.address(), { code: "ERR_SOCKET_HANDLE_ADOPTED" });
    throws(() => new net.BoundSocket({ host: "a" }), { code: "ERR_INVALID_ARG_VALUE" });
    strictEqual(net.createConnection, net.connect);
  },
};
