// Before the date of `node:fs`: its promises alone are there.
import { rejects, strictEqual } from "node:assert";
import { readFile } from "node:fs/promises";

export const promises = {
  async test() {
    strictEqual(typeof (await readFile("/bundle/worker", "utf8")), "string");
    await rejects(() => import("node:fs"), { message: 'No such module "node:fs".' });
  },
};
