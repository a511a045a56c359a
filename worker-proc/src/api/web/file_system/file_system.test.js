// The handles of the File System standard.
import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";
import fs from "node:fs";

const root = () => navigator.storage.getDirectory();
const temporary = async () => (await root()).getDirectoryHandle("tmp");
const newFile = async (name) => (await temporary()).getFileHandle(name, { create: true });
const text = async (handle) => (await handle.getFile()).text();

async function all(iterable) {
  const items = [];
  for await (const item of iterable) items.push(item);
  return items;
}

export const directories = {
  async test() {
    const directory = await root();
    deepStrictEqual([directory.kind, directory.name], ["directory", ""]);
    deepStrictEqual(await all(directory.keys()), ["bundle", "tmp", "dev"]);
    deepStrictEqual((await all(directory)).map(([name, handle]) => [name, handle.kind]), [
      ["bundle", "directory"],
      ["tmp", "directory"],
      ["dev", "directory"],
    ]);
    const tmp = await temporary();
    const sub = await tmp.getDirectoryHandle("sub", { create: true });
    await sub.getFileHandle("file", { create: true });
    deepStrictEqual(fs.readdirSync("/tmp/sub"), ["file"]);
    const seen = [];
    sub.forEach((name, handle, parent) => seen.push(name, handle.kind, parent === sub));
    deepStrictEqual(seen, ["file", "file", true]);
    await rejects(tmp.getDirectoryHandle("none"), { name: "NotFoundError" });
    await rejects(tmp.getFileHandle("none"), { name: "NotFoundError" });
    await rejects(tmp.getFileHandle("sub", { create: true }), { name: "TypeMismatchError" });
    await rejects(sub.getDirectoryHandle("file"), { name: "TypeMismatchError" });
    await rejects(directory.getFileHandle("mine", { create: true }), { name: "InvalidStateError" });
    for (const name of ["", ".", "..", "a/b", "a\\b"]) await rejects(tmp.getFileHandle(name), TypeError);
    await rejects(tmp.removeEntry("sub"), { name: "InvalidModificationError" });
    await tmp.removeEntry("sub", { recursive: true });
    await rejects(tmp.removeEntry("sub"), { name: "NotFoundError" });
    await rejects(sub.getFileHandle("file", { create: true }), { name: "NotFoundError" });
    await rejects(all(sub.keys()), { name: "NotFoundError" });
  },
};

export const files = {
  async test() {
    const bundle = await (await root()).getDirectoryHandle("bundle");
    const handle = await (await bundle.getDirectoryHandle("sub")).getFileHandle("text");
    const file = await handle.getFile();
    deepStrictEqual([file.name, file.size, file.type, file.lastModified, await file.text()], ["text", 9, "", 0, "some text"]);
    const mine = await newFile("mine");
    ok(await mine.isSameEntry(await newFile("mine")));
    ok(!(await mine.isSameEntry(handle)));
    strictEqual(await mine.getUniqueId(), await (await newFile("mine")).getUniqueId());
    await mine.remove();
    await rejects(mine.getFile(), { name: "NotFoundError" });
    await rejects(mine.remove(), { name: "NotFoundError" });
    await rejects(mine.isSameEntry({}), TypeError);
  },
};

export const writing = {
  async test() {
    const handle = await newFile("file");
    const stream = await handle.createWritable();
    ok(stream instanceof WritableStream);
    await stream.write("hello");
    await stream.write({ type: "write", position: 1, data: "E" });
    await stream.seek(0);
    await stream.write(new Uint8Array([72]));
    await stream.write({ type: "truncate", size: 4 });
    // Nothing of it is in the file before the end.
    strictEqual(await text(handle), "");
    await stream.close();
    strictEqual(await text(handle), "HEll");
    const more = await handle.createWritable({ keepExistingData: true });
    await more.write({ type: "seek", position: 6 });
    await more.write(new Blob(["Z"]));
    await more.close();
    strictEqual(await text(handle), "HEll\0\0Z");
    const dropped = await handle.createWritable();
    await dropped.write("dropped");
    await dropped.abort();
    await new Blob(["piped"]).stream().pipeTo(await handle.createWritable());
    strictEqual(await text(handle), "piped");
  },
};

export const refused = {
  async test() {
    const handle = await newFile("file");
    const stream = await handle.createWritable();
    await rejects(stream.write({ type: "write" }), { name: "SyntaxError" });
    await rejects(stream.write({ type: "seek" }), { name: "SyntaxError" });
    await rejects(stream.write({ type: "truncate" }), { name: "SyntaxError" });
    await rejects(stream.write({ type: "none" }), TypeError);
    await rejects(stream.write(null), TypeError);
    await rejects(stream.seek(-1), TypeError);
    await rejects(stream.truncate(128 * 1024 * 1024 + 1), { name: "QuotaExceededError" });
    await rejects(handle.remove(), { name: "NoModificationAllowedError" });
    await rejects((await temporary()).removeEntry("file"), { name: "NoModificationAllowedError" });
    const writer = stream.getWriter();
    await rejects(stream.write("x"), TypeError);
    writer.releaseLock();
    await stream.close();
    await rejects(stream.write("x"), { message: "write() after closed" });
    await handle.remove();
    const bundle = await (await root()).getDirectoryHandle("bundle");
    const module = await (await bundle.getFileHandle("worker")).createWritable();
    await module.write("x");
    await rejects(module.close(), { name: "InvalidStateError" });
  },
};

export const classes = {
  test() {
    for (const Class of [FileSystemHandle, FileSystemFileHandle, FileSystemDirectoryHandle, FileSystemWritableFileStream, StorageManager]) {
      throws(() => new Class(), { message: "Illegal constructor" });
    }
    throws(() => FileSystemDirectoryHandle.prototype.keys.call({}), TypeError);
    ok(navigator.storage instanceof StorageManager);
  },
};
