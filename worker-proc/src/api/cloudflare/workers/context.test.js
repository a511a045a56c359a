// What `ctx` has besides methods: its own properties, as those who wrap or copy it expect.
import { WorkerEntrypoint } from "cloudflare:workers";
import { deepStrictEqual, strictEqual } from "node:assert";

const { compatibilityFlags: flags } = Cloudflare;
const expected = ["tracing", "access", "cache", "props"];
if (flags.enable_ctx_exports) expected.push("exports");
if (flags.enable_version_api) expected.push("version");

function check(ctx) {
  deepStrictEqual(Object.keys(ctx).sort(), [...expected].sort());
  const wrapped = Object.create(ctx, { waitUntil: { value: (promise) => ctx.waitUntil(promise) } });
  for (const name of expected) {
    strictEqual(Object.hasOwn(Object.getPrototypeOf(ctx), name), false);
    strictEqual(wrapped[name], ctx[name]);
    strictEqual({ ...ctx }[name], ctx[name]);
  }
  wrapped.waitUntil(Promise.resolve());
  wrapped.props = "of the wrapper";
  strictEqual(wrapped.props, "of the wrapper");
  const { props } = ctx;
  ctx.props = "another";
  strictEqual(ctx.props, "another");
  const own = { value: "another", writable: true, enumerable: true, configurable: true };
  deepStrictEqual(Object.getOwnPropertyDescriptor(ctx, "props"), own);
  return props;
}

export class Given extends WorkerEntrypoint {
  check() {
    return check(this.ctx);
  }
}

export const properties = {
  async test(_, { SELF }, ctx) {
    Object.defineProperty(Object.prototype, "props", {
      configurable: true,
      set() {
        throw new Error("patched");
      },
    });
    try {
      deepStrictEqual(check(ctx), {});
      deepStrictEqual(await SELF.check(), { a: 1 });
    } finally {
      delete Object.prototype.props;
    }
  },
};
