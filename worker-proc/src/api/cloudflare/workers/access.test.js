import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import { WorkerEntrypoint } from "cloudflare:workers";

export class Identity extends WorkerEntrypoint {
  getIdentity(...args) {
    return { props: this.ctx.props, args: args.length };
  }
}

const ask = async (service, ...blobs) => {
  const headers = blobs.map((blob) => ["mf-access", blob]);
  return (await service.fetch("http://x/", { headers })).json();
};

export const whoTheClientIs = {
  async test(_, { BEHIND }) {
    const blob = '{"app_aud": "me", "jwt_claims": {"a": [1, "x"]}, "more": 1}';
    deepStrictEqual(await ask(BEHIND, blob), {
      aud: "me",
      identity: { props: { aud: "me", jwtClaims: { a: [1, "x"] } }, args: 0 },
      header: blob,
      isOne: true,
      text: "[object AccessContext]",
      keys: ["aud"],
      made: "TypeError: Illegal constructor",
      elsewhere: "TypeError: Illegal invocation:",
      cloned: 'DataCloneError: Could not serialize object of type "AccessContext". This type does not support serialization.',
    });
    const bare = await ask(BEHIND, '{"app_aud":""}');
    deepStrictEqual([bare.aud, bare.identity], ["", { props: { aud: "" }, args: 0 }]);
  },
};

export const nobodyKnowsMore = {
  async test(_, { ALONE }) {
    const { aud, identity } = await ask(ALONE, '{"app_aud":"me"}');
    deepStrictEqual([aud, identity], ["me", null]);
  },
};

export const noAccess = {
  async test(_, { BEHIND, OPEN }) {
    deepStrictEqual(await ask(BEHIND), { access: null });
    deepStrictEqual(await ask(OPEN, '{"app_aud":"me"}'), { access: null });
    strictEqual(await BEHIND.call(), "undefined");
  },
};

export const badHeaders = {
  async test(_, { BEHIND }) {
    for (const blob of ["[]", '"x"', "{}", "{no", '{"app_aud":1}', '{"app_aud":"x","jwt_claims":[]}']) {
      await rejects(ask(BEHIND, blob), { name: "Error" }, blob);
    }
  },
};
