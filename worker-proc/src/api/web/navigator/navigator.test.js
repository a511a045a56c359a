// navigator.
import { deepStrictEqual, strictEqual, throws } from "node:assert";

export const attributes = {
  test() {
    strictEqual(navigator.userAgent, "Cloudflare-Workers");
    strictEqual(navigator.language, "en");
    deepStrictEqual(navigator.languages, ["en"]);
    strictEqual(navigator.hardwareConcurrency, 1);
    throws(() => new Navigator(), { message: "Illegal constructor" });
    throws(() => { navigator.userAgent = "x"; }, TypeError);
    throws(() => navigator.sendBeacon(), TypeError);
  },
};
