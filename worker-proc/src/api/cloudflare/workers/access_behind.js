import { WorkerEntrypoint } from "cloudflare:workers";

export default class extends WorkerEntrypoint {
  async fetch(request) {
    const { access } = this.ctx;
    if (access === undefined) return Response.json({ access: null });
    const threw = (f) => {
      try {
        f();
      } catch (error) {
        return `${error}`;
      }
    };
    return Response.json({
      aud: access.aud,
      identity: (await access.getIdentity()) ?? null,
      header: request.headers.get("mf-access"),
      isOne: access === this.ctx.access,
      text: `${access}`,
      keys: Object.keys(access),
      made: threw(() => new access.constructor()),
      elsewhere: threw(() => access.getIdentity.call({}))?.slice(0, 30),
      cloned: threw(() => structuredClone(access)),
    });
  }
  call() {
    return `${this.ctx.access}`;
  }
}
