// File streams, and the standard streams.
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import { once } from "node:events";
import fs from "node:fs";
import promises from "node:fs/promises";
import { pipeline } from "node:stream/promises";

export const reading = {
  async test() {
    fs.writeFileSync("/tmp/f", "0123456789");
    const stream = fs.createReadStream("/tmp/f", { encoding: "utf8", start: 2, end: 7, highWaterMark: 4 });
    strictEqual(stream.pending, true);
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    deepStrictEqual(chunks, ["2345", "67"]);
    deepStrictEqual([stream.bytesRead, stream.path, stream.flags, stream.mode, stream.fd], [6, "/tmp/f", "r", 0o666, null]);
  },
};

export const writing = {
  async test() {
    const stream = fs.createWriteStream("/tmp/f");
    stream.write("a");
    stream.cork();
    stream.write("b");
    stream.write("c");
    stream.uncork();
    stream.end("d");
    await once(stream, "close");
    strictEqual(fs.readFileSync("/tmp/f", "utf8"), "abcd");
    strictEqual(stream.bytesWritten, 4);
    const appending = fs.createWriteStream("/tmp/f", { flags: "a" });
    appending.end("e");
    await once(appending, "close");
    strictEqual(fs.readFileSync("/tmp/f", "utf8"), "abcde");
  },
};

export const failing = {
  async test() {
    const [error] = await once(fs.createReadStream("/tmp/none"), "error").catch((error) => [error]);
    strictEqual(error.code, "ENOENT");
    const [refused] = await once(fs.createWriteStream("/bundle/worker"), "error").catch((error) => [error]);
    strictEqual(refused.code, "EPERM");
    throws(() => fs.createReadStream("/x", { start: 5, end: 2 }), { code: "ERR_OUT_OF_RANGE" });
    throws(() => fs.createReadStream("/x", { highWaterMark: -1 }), { code: "ERR_OUT_OF_RANGE" });
    throws(() => fs.createWriteStream("/x", { fs: { open: 1 } }), { code: "ERR_INVALID_ARG_TYPE" });
    throws(() => Object.getOwnPropertyDescriptor(fs.ReadStream.prototype, "autoClose").get.call({}), { code: "ERR_INVALID_THIS" });
  },
};

export const handles = {
  async test() {
    const from = await promises.open("/bundle/worker", "r");
    const to = await promises.open("/tmp/copy", "w");
    await pipeline(from.createReadStream(), to.createWriteStream());
    strictEqual(fs.readFileSync("/tmp/copy", "utf8"), fs.readFileSync("/bundle/worker", "utf8"));
    strictEqual(from.fd, undefined);
  },
};

export const ownCalls = {
  async test() {
    const calls = [];
    const own = {
      open(path, flags, mode, callback) {
        calls.push("open", path, flags);
        queueMicrotask(() => callback(null, 77));
      },
      write(fd, data, offset, length, position, callback) {
        calls.push("write", fd, `${data}`);
        // Only some of it: the stream goes on with the rest.
        queueMicrotask(() => callback(null, Math.min(2, length), data));
      },
      close(fd, callback) {
        calls.push("close", fd);
        queueMicrotask(() => callback(null));
      },
    };
    const stream = fs.createWriteStream("/tmp/own", { fs: own });
    stream.end("abc");
    await once(stream, "close");
    deepStrictEqual(calls, ["open", "/tmp/own", "w", "write", 77, "abc", "write", 77, "c", "close", 77]);
  },
};

export const writingOnceOpen = {
  async test() {
    const stream = fs.createWriteStream("/tmp/open");
    stream.on("open", () => {
      stream.write("one ");
      process.nextTick(() => stream.end("two"));
    });
    await once(stream, "close");
    strictEqual(fs.readFileSync("/tmp/open", "utf8"), "one two");
  },
};

/** Lines of the standard streams are the worker's own console's. */
export const standardStreams = {
  async test() {
    const lines = [];
    const { log } = console;
    console.log = (line) => lines.push(line);
    try {
      process.stdout.write("one\ntwo ");
      fs.writeSync(1, "three\n\n");
      process.stderr.write("error");
      await Promise.resolve();
      await Promise.resolve();
      strictEqual(fs.writeSync(2, `${"x".repeat(20000)}`), 16384);
    } finally {
      await Promise.resolve();
      await Promise.resolve();
      console.log = log;
    }
    deepStrictEqual(lines.slice(0, 4), ["stdout: one", "stdout: two three", "stdout:", "stderr: error"]);
    strictEqual(lines[4].length, "stderr: ".length + 4096);
    ok(process.stdin instanceof fs.ReadStream);
    let read = 0;
    for await (const _ of process.stdin) read++;
    strictEqual(read, 0);
  },
};
