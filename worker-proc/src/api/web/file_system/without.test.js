// Without the flag there is no web file system.
import { ok, strictEqual } from "node:assert";

export const nothing = {
  test() {
    ok(!("storage" in navigator));
    for (const name of ["FileSystemHandle", "FileSystemFileHandle", "FileSystemDirectoryHandle", "StorageManager"]) {
      strictEqual(globalThis[name], undefined);
    }
    strictEqual(globalThis.FileSystemWritableFileStream, undefined);
  },
};
