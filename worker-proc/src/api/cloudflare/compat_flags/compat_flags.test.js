import { strictEqual, throws } from "node:assert";

export const compatibilityFlags = {
  test() {
    const flags = Cloudflare.compatibilityFlags;
    strictEqual(flags, Cloudflare.compatibilityFlags);
    strictEqual(flags.nodejs_compat, true);
    strictEqual(flags.url_standard, true);
    strictEqual(flags.experimental, false);
    strictEqual(flags.no_such_flag, undefined);
    strictEqual(Object.getPrototypeOf(flags), null);
    throws(() => { flags.nodejs_compat = false; }, { name: "TypeError" });
    strictEqual(`${Cloudflare}`, "[object Cloudflare]");
  },
};
