// The virtual file system by node:fs.
import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";
import fs from "node:fs";
import promises from "node:fs/promises";

fs.writeFileSync("/tmp/made-at-start-up", "x");
const openedAtStartUp = fs.openSync("/bundle/sub/data");

const text = (path) => fs.readFileSync(path, "utf8");

/** Calls each of `calls`, by the code that it throws, and the message that it may have to have. */
function refused(calls) {
  for (const [call, code, message] of calls) {
    throws(call, (error) => {
      strictEqual(error.code, code, `${call}: ${error.message}`);
      if (message !== undefined) strictEqual(error.message, message, `${call}`);
      return true;
    });
  }
}

export const bundle = {
  test() {
    deepStrictEqual(fs.readdirSync("/"), ["bundle", "tmp", "dev"]);
    deepStrictEqual(fs.readdirSync("/bundle"), ["worker", "sub", "sp%20ace.json"]);
    deepStrictEqual(fs.readdirSync("/bundle/sub", { recursive: true }), [
      "bundle/sub/dir",
      "bundle/sub/dir/text",
      "bundle/sub/data",
    ]);
    strictEqual(text("sub/dir/text"), "some text");
    strictEqual(text("/bundle/sp ace.json"), "{}");
    strictEqual(text(new URL("file:///bundle/sub/./dir/%74ext?query#fragment")), "some text");
    const stats = fs.statSync("/bundle/sub/data");
    deepStrictEqual([stats.size, stats.mode, stats.mtimeMs, stats.isFile()], [4, 0o100444, 0, true]);
    const part = Buffer.alloc(9);
    strictEqual(fs.readSync(openedAtStartUp, part, 2, 7, 1), 3);
    strictEqual(part.toString("latin1"), "\0\0ata\0\0\0\0");
    refused([
      [() => fs.writeFileSync("/bundle/sub/data", "x"), "EPERM"],
      [() => fs.writeFileSync("/bundle/new", "x"), "EPERM"],
      [() => fs.mkdirSync("/new"), "EPERM"],
      [() => fs.rmSync("/bundle/sub", { recursive: true }), "EPERM"],
      [() => fs.unlinkSync("/bundle/worker"), "EPERM"],
      [() => fs.renameSync("/bundle/worker", "/tmp/worker"), "EPERM"],
      [() => fs.openSync("/bundle/worker", "r+"), "EPERM", "operation not permitted, open '/bundle/worker'"],
    ]);
  },
};

export const temporary = {
  test() {
    ok(!fs.existsSync("/tmp/made-at-start-up"));
    strictEqual(fs.writeFileSync("/tmp/a", "hello"), 5);
    strictEqual(fs.appendFileSync("/tmp/a", " you"), 4);
    strictEqual(text("/tmp/a"), "hello you");
    fs.truncateSync("/tmp/a", 2);
    fs.truncateSync("/tmp/a", 4);
    strictEqual(text("/tmp/a"), "he\0\0");
    fs.utimesSync("/tmp/a", 1, new Date(12345.9));
    strictEqual(fs.statSync("/tmp/a").mtimeMs, 12345);
    strictEqual(fs.statSync("/tmp/a", { bigint: true }).mtimeNs, 12345000000n);
    fs.writeFileSync("/tmp/ü #?", "");
    deepStrictEqual(fs.readdirSync("/tmp"), ["a", "%C3%BC%20%23%3F"]);
    strictEqual(fs.mkdirSync("/tmp/x/y/z", { recursive: true }), "/tmp/x");
    strictEqual(fs.mkdtempSync("/tmp/made-").slice(0, 10), "/tmp/made-");
    for (const name of "abcd") fs.writeFileSync(`/tmp/x/${name}`, name);
    fs.unlinkSync("/tmp/x/a");
    deepStrictEqual(fs.readdirSync("/tmp/x"), ["y", "d", "b", "c"]);
  },
};

/** Each test is a request of its own, and has a /tmp of its own. */
export const another = {
  test() {
    deepStrictEqual(fs.readdirSync("/tmp"), []);
  },
};

export const descriptors = {
  test() {
    const fd = fs.openSync("/tmp/f", "w+");
    ok(fd > 2);
    strictEqual(fs.writeSync(fd, "abc"), 3);
    strictEqual(fs.writevSync(fd, [Buffer.from("de"), new Uint16Array([0x4746])]), 4);
    const bytes = Buffer.alloc(10);
    strictEqual(fs.readSync(fd, bytes), 0);
    strictEqual(fs.readSync(fd, bytes, 1, 5, 1n), 5);
    strictEqual(bytes.toString("latin1"), "\0bcdeF\0\0\0\0");
    strictEqual(fs.writeSync(fd, "Z", 9), 1);
    strictEqual(text("/tmp/f"), "abcdeFG\0\0Z");
    fs.closeSync(fd);
    fs.closeSync(fd);
    refused([
      [() => fs.writeSync(fd, "x"), "EBADF", "bad file descriptor"],
      [() => fs.fstatSync(fd), "EBADF"],
      [() => fs.readSync(fs.openSync("/tmp/f", "a"), bytes), "EBADF"],
      [() => fs.readSync(fs.openSync("/tmp"), bytes), "EISDIR"],
      [() => fs.readSync(fs.openSync("/tmp/f"), bytes, 0, 1, 2n ** 33n), "EINVAL", "position out of range"],
      [() => fs.openSync("/tmp/f", "wx"), "EEXIST"],
      [() => fs.openSync("/tmp/f/g", "w"), "ENOTDIR"],
      [() => fs.openSync("/tmp/g/h", "w"), "ENOENT", "no such file or directory, open '/tmp/g/h'"],
      [() => fs.openSync("/tmp", "w"), "EISDIR"],
    ]);
    const appending = fs.openSync("/tmp/f", "a");
    fs.writeSync(appending, "!", 0);
    strictEqual(text("/tmp/f"), "abcdeFG\0\0Z!");
    fs.openSync("/tmp/f", "w");
    strictEqual(text("/tmp/f"), "");
  },
};

export const devices = {
  test() {
    const bytes = Buffer.from("abc");
    strictEqual(fs.readSync(fs.openSync("/dev/zero"), bytes), 3);
    deepStrictEqual([...bytes], [0, 0, 0]);
    strictEqual(fs.readSync(fs.openSync("/dev/null"), bytes), 0);
    strictEqual(fs.readSync(fs.openSync("/dev/random"), Buffer.alloc(20)), 20);
    strictEqual(fs.writeFileSync("/dev/null", "gone"), 4);
    strictEqual(text("/dev/null"), "");
    ok(fs.statSync("/dev/full").isCharacterDevice());
    refused([
      [() => fs.writeFileSync("/dev/full", "x"), "EPERM"],
      [() => fs.writeSync(fs.openSync("/dev/random", "w"), "x"), "EPERM"],
      [() => fs.writeFileSync("/dev/mine", "x"), "EPERM"],
    ]);
    strictEqual(fs.readSync(0, bytes), 0);
    strictEqual(fs.fstatSync(1).size, 0);
  },
};

export const links = {
  test() {
    fs.mkdirSync("/tmp/d");
    fs.writeFileSync("/tmp/d/f", "one");
    fs.symlinkSync("/tmp/d", "/tmp/s");
    fs.linkSync("/tmp/d/f", "/tmp/h");
    strictEqual(text("/tmp/s/f"), "one");
    fs.writeFileSync("/tmp/h", "two");
    strictEqual(text("/tmp/d/f"), "two");
    strictEqual(fs.readlinkSync("/tmp/s"), "/tmp/d");
    strictEqual(fs.realpathSync("/tmp/d/../d/f"), "/tmp/d/f");
    ok(fs.lstatSync("/tmp/s").isSymbolicLink());
    ok(fs.statSync("/tmp/s").isDirectory());
    fs.symlinkSync("/tmp/b", "/tmp/a");
    fs.symlinkSync("/tmp/a", "/tmp/b");
    fs.symlinkSync("/tmp/nowhere", "/tmp/c");
    refused([
      [() => fs.readFileSync("/tmp/a"), "ELOOP", "symlink depth exceeded"],
      [() => fs.readdirSync("/tmp", { recursive: true }), "ELOOP"],
      [() => fs.readFileSync("/tmp/c"), "ENOENT"],
      [() => fs.linkSync("/tmp/d", "/tmp/e"), "EPERM", "Cannot hardlink to a directory"],
      [() => fs.symlinkSync("/tmp/d", "/tmp/h"), "EEXIST"],
      [() => fs.readlinkSync("/tmp/d"), "EINVAL"],
      [() => fs.unlinkSync("/tmp/s"), "EISDIR"],
    ]);
    ok(!fs.existsSync("/tmp/c"));
  },
};

export const moves = {
  test() {
    fs.mkdirSync("/tmp/d/e", { recursive: true });
    fs.writeFileSync("/tmp/d/f", "f");
    fs.writeFileSync("/tmp/g", "g");
    fs.renameSync("/tmp/g", "/tmp/d/f");
    strictEqual(text("/tmp/d/f"), "g");
    refused([
      [() => fs.renameSync("/tmp/d", "/tmp/d/e/x"), "EINVAL"],
      [() => fs.renameSync("/tmp/d/f", "/tmp/d/e"), "EISDIR"],
      [() => fs.renameSync("/tmp/d/e", "/tmp/d/f"), "ENOTDIR"],
      [() => fs.renameSync("/tmp/none", "/tmp/x"), "ENOENT", "no such file or directory, rename '/tmp/none'"],
      [() => fs.rmdirSync("/tmp/d"), "ENOTEMPTY", "directory not empty, rm 'd'"],
      [() => fs.cpSync("/tmp/d", "/tmp/d/e/x", { recursive: true }), "ERR_FS_CP_EINVAL"],
      [() => fs.cpSync("/tmp/d", "/tmp/x"), "ERR_FS_EISDIR"],
      [() => fs.copyFileSync("/tmp/d", "/tmp/x"), "EISDIR"],
      [() => fs.copyFileSync("/tmp/d/f", "/tmp/d/f", fs.constants.COPYFILE_EXCL), "EEXIST"],
    ]);
    fs.renameSync("/tmp/d", "/tmp/moved");
    deepStrictEqual(fs.readdirSync("/tmp", { recursive: true }), ["tmp/moved", "tmp/moved/e", "tmp/moved/f"]);
    fs.cpSync("/tmp/moved", "/tmp/copied/to", { recursive: true });
    fs.copyFileSync("/bundle/sub/data", "/tmp/copied/to/e/data");
    fs.appendFileSync("/tmp/copied/to/e/data", "!");
    strictEqual(text("/tmp/copied/to/e/data"), "data!");
    deepStrictEqual(fs.readdirSync("/tmp/moved/e"), []);
    fs.rmSync("/tmp/copied", { recursive: true });
    deepStrictEqual(fs.readdirSync("/tmp"), ["moved"]);
  },
};

export const sizes = {
  test() {
    const most = 128 * 1024 * 1024;
    fs.writeFileSync("/tmp/big", "x");
    fs.truncateSync("/tmp/big", most);
    const fd = fs.openSync("/tmp/big", "r+");
    refused([
      [() => fs.writeFileSync("/tmp/bigger", new Uint8Array(most + 1)), "EPERM", "File size limit exceeded"],
      [() => fs.appendFileSync("/tmp/big", "x"), "EPERM"],
      [() => fs.ftruncateSync(fd, most + 1), "EPERM"],
      [() => fs.writeSync(fd, "x", 2 ** 32 - 1), "EPERM"],
    ]);
    ok(!fs.existsSync("/tmp/bigger"));
    strictEqual(fs.statSync("/tmp/big").size, most);
    fs.unlinkSync("/tmp/big");
  },
};

export const paths = {
  test() {
    refused([
      [() => fs.readFileSync(`/${"a".repeat(5000)}`), undefined, "File path is too long"],
      [() => fs.readFileSync("/a".repeat(60)), undefined, "File path has too many segments"],
      [() => fs.readFileSync(new URL("file://host/x")), undefined, "File path must not have a host"],
      [() => fs.readFileSync(new URL("https://host/x")), undefined, "File path must be a file: URL"],
      [() => fs.readFileSync("/tmp/\0"), "ERR_INVALID_ARG_VALUE"],
      [() => fs.readFileSync({}), "ERR_INVALID_ARG_TYPE"],
      [() => fs.readFileSync("/tmp/../../../tmp/none"), "ENOENT", "no such file or directory, readAll '/tmp/none'"],
    ]);
    process.chdir("/tmp");
    fs.mkdirSync("below");
    process.chdir("below");
    strictEqual(process.cwd(), "/tmp/below");
    fs.writeFileSync("../here", "");
    deepStrictEqual(fs.readdirSync("/tmp"), ["below", "here"]);
    refused([
      [() => process.chdir("/tmp/here"), "ENOTDIR"],
      [() => process.chdir("/tmp/none"), "ENOENT", "no such file or directory, chdir 'tmp/none'"],
    ]);
  },
};

/** A view whose buffer has gone, or has shrunk away from it, has no bytes. */
export const buffers = {
  test() {
    const detached = new Uint8Array(8);
    structuredClone(detached, { transfer: [detached.buffer] });
    strictEqual(fs.writeFileSync("/tmp/f", detached), 0);
    const resizable = new ArrayBuffer(200, { maxByteLength: 200 });
    const views = [new Uint8Array(resizable, 100, 100), new DataView(resizable, 100, 100), new Uint16Array(resizable, 100, 50)];
    resizable.resize(2);
    for (const view of views) {
      strictEqual(fs.writeFileSync("/tmp/f", view), 0);
      strictEqual(fs.writevSync(fs.openSync("/tmp/f", "w"), [view]), 0);
      strictEqual(fs.readvSync(fs.openSync("/bundle/worker"), [view]), 0);
    }
    strictEqual(fs.writeFileSync("/tmp/f", new DataView(new ArrayBuffer(9), 1, 5)), 5);
    // A getter of the options takes the buffer away during the call.
    const view = new Uint8Array(8);
    const options = {
      get offset() {
        structuredClone(view, { transfer: [view.buffer] });
        return 0;
      },
      length: 8,
    };
    throws(() => fs.readSync(fs.openSync("/bundle/worker"), view, options), { code: "ERR_OUT_OF_RANGE" });
  },
};

export const callbacks = {
  async test() {
    const call = (name, ...args) => new Promise((resolve) => fs[name](...args, (...told) => resolve(told)));
    deepStrictEqual(await call("writeFile", "/tmp/f", "abc"), [null, 3]);
    deepStrictEqual(await call("readFile", "/tmp/f", "utf8"), [null, "abc"]);
    deepStrictEqual(await call("appendFile", "/tmp/f", "d"), [null, 1]);
    const [, fd] = await call("open", "/tmp/f");
    const buffer = Buffer.alloc(6);
    deepStrictEqual(await call("read", fd, buffer, 1, 2, 0), [null, 2, buffer]);
    strictEqual(buffer.toString("latin1"), "\0ab\0\0\0");
    const [, writable] = await call("open", "/tmp/w", "w");
    const bytes = Buffer.from("abc");
    deepStrictEqual(await call("write", writable, bytes), [null, 3, bytes]);
    deepStrictEqual(await call("write", writable, bytes, 1), [null, 2, bytes]);
    deepStrictEqual(await call("write", writable, bytes, 1, 1), [null, 1, bytes]);
    deepStrictEqual(await call("write", writable, bytes, 0, 1, 8), [null, 1, bytes]);
    deepStrictEqual(await call("write", writable, "64", null, "hex"), [null, 1, Buffer.from("d")]);
    strictEqual(text("/tmp/w"), "abcbcbd\0a");
    deepStrictEqual(await call("exists", "/tmp/f"), [true]);
    const [wrongPath] = await call("readFile", {});
    strictEqual(wrongPath.code, "ERR_INVALID_ARG_TYPE");
    const [error] = await call("stat", "/tmp/none");
    deepStrictEqual([error.code, error.errno, error.syscall, error.path], ["ENOENT", -2, "stat", "/tmp/none"]);
    throws(() => fs.stat("/tmp/f"), { code: "ERR_INVALID_ARG_TYPE", message: /"callback"/ });
    throws(() => fs.watch("/tmp/f"), { code: "ERR_UNSUPPORTED_OPERATION" });
  },
};

export const promised = {
  async test() {
    strictEqual(await promises.writeFile("/tmp/f", "text"), undefined);
    await rejects(promises.readFile("/tmp/none"), { code: "ENOENT" });
    await rejects(promises.readFile({}), { code: "ERR_INVALID_ARG_TYPE" });
    const handle = await promises.open("/tmp/f", "r+");
    deepStrictEqual(await handle.write("T"), { bytesWritten: 1, buffer: Buffer.from("T") });
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(5), 1, 4, 0);
    strictEqual(bytesRead, 4);
    strictEqual(buffer.toString("latin1"), "\0Text");
    strictEqual((await handle.stat()).size, 4);
    const chunks = [];
    for await (const chunk of handle.readableWebStream()) chunks.push(...chunk);
    strictEqual(Buffer.from(chunks).toString(), "ext");
    strictEqual(handle.fd, undefined);
    await rejects(handle.stat(), { code: "EBADF" });
    throws(() => new promises.FileHandle(), { message: "Illegal constructor" });
  },
};

export const directories = {
  async test() {
    fs.mkdirSync("/tmp/d");
    for (const name of "abc") fs.writeFileSync(`/tmp/d/${name}`, "");
    const names = [];
    for await (const entry of await promises.opendir("/tmp/d")) names.push(entry.name);
    deepStrictEqual(names, ["a", "b", "c"]);
    const dir = fs.opendirSync("/tmp/d");
    strictEqual(dir.readSync().parentPath, "/tmp/d");
    dir.closeSync();
    refused([
      [() => dir.readSync(), "ERR_DIR_CLOSED"],
      [() => dir.closeSync(), "ERR_DIR_CLOSED"],
      [() => new fs.Dir(), "ERR_MISSING_ARGS"],
    ]);
    const [entry] = fs.readdirSync("/dev", { withFileTypes: true });
    deepStrictEqual([entry.name, entry.isCharacterDevice(), entry.isFile()], ["null", true, false]);
    deepStrictEqual(fs.readdirSync("/dev", "hex")[0], "6e756c6c");
  },
};

export const globs = {
  async test() {
    const cwd = "/tmp";
    for (const path of ["a.js", "b.ts", ".hidden", "sub/c.js", "sub/deep/d.ts", "sub/[x]"]) {
      fs.mkdirSync(`/tmp/${path}/..`, { recursive: true });
      fs.writeFileSync(`/tmp/${path}`, "");
    }
    const glob = (pattern, options) => fs.globSync(pattern, { cwd, ...options }).sort();
    deepStrictEqual(glob("*.{js,ts}"), ["a.js", "b.ts"]);
    deepStrictEqual(glob("**/*.js"), ["a.js", "sub/c.js"]);
    deepStrictEqual(glob("sub/**"), ["sub", "sub/[x]", "sub/c.js", "sub/deep", "sub/deep/d.ts"]);
    deepStrictEqual(glob("[!b].js"), ["a.js"]);
    deepStrictEqual(glob("@(a|b).+(js|ts)"), ["a.js", "b.ts"]);
    deepStrictEqual(glob("!(a*)"), [".hidden", "b.ts", "sub"]);
    deepStrictEqual(glob("sub/deep/../?.js"), ["sub/c.js"]);
    deepStrictEqual(glob("../*"), []);
    deepStrictEqual(glob(["a.js", "sub/*"], { exclude: ["sub/d*"] }), ["a.js", "sub/[x]", "sub/c.js"]);
    deepStrictEqual(glob("*.js", { exclude: (path) => path === "a.js" }), []);
    const [entry] = fs.globSync("sub/*.js", { cwd, withFileTypes: true });
    deepStrictEqual([entry.name, entry.parentPath, entry.isFile()], ["c.js", "/tmp/sub", true]);
    throws(() => fs.globSync(5), TypeError);
    throws(() => fs.globSync("["), SyntaxError);
    const found = [];
    for await (const path of promises.glob("sub/*.js", { cwd })) found.push(path);
    deepStrictEqual(found, ["sub/c.js"]);
  },
};

export const blobs = {
  async test() {
    const blob = fs.openAsBlob("/bundle/sub/data", { type: "a/b" });
    deepStrictEqual([await blob.text(), blob.type], ["data", "a/b"]);
    refused([[() => fs.openAsBlob("/tmp"), "EISDIR"]]);
  },
};

export const nothingIsPatched = {
  test() {
    const { split } = String.prototype;
    const { get } = Map.prototype;
    try {
      String.prototype.split = Map.prototype.get = () => {
        throw new Error("patched");
      };
      fs.writeFileSync("/tmp/f", "x");
      strictEqual(fs.existsSync("/tmp/f"), true);
    } finally {
      String.prototype.split = split;
      Map.prototype.get = get;
    }
  },
};

export const shapes = {
  test() {
    const groups = [
      [fs, 2, "fdatasync unlink"],
      [fs, 3, "chmod fchmod lchmod link rename rmdir rm mkdir opendir readdir readlink realpath glob stat lstat fstat statfs"],
      [fs, 3, "truncate ftruncate"],
      [fs, 4, "chown fchown lchown utimes lutimes futimes"],
      [promises, 2, "chmod lchmod link rename rmdir"],
      [promises, 3, "chown lchown copyFile cp lutimes utimes"],
      [promises, 1, "lstat mkdir mkdtemp opendir readdir readFile readlink realpath stat statfs"],
    ];
    for (const [from, length, names] of groups) {
      for (const name of names.split(" ")) deepStrictEqual([name, from[name].name, from[name].length], [name, name, length]);
    }
    strictEqual(fs.realpath.native, fs.realpath);
  },
};
