// A worker whose exceptions are told by class and message alone.
import { WorkerEntrypoint } from "cloudflare:workers";

export class Bank extends WorkerEntrypoint {
  fail() {
    throw Object.assign(new RangeError("out of range"), { detail: 1 });
  }
  failWith() {
    throw { a: 1 };
  }
}

export default { test() {} };
