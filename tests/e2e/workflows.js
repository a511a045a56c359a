// A workflow that waits for an event, and then has a step whose first attempt does not end.
import { WorkflowEntrypoint } from "cloudflare:workers";

let process;
const here = ({ attempt }) => ({ process: (process ??= crypto.randomUUID()), attempt });

export class Flow extends WorkflowEntrypoint {
  async run(event, step) {
    const first = await step.do("first", here);
    const { payload } = await step.waitForEvent("event", { type: "go", timeout: "50 seconds" });
    const second = await step.do("second", async (ctx) => {
      if (ctx.attempt === 1) await new Promise((resolve) => setTimeout(resolve, 600_000));
      return here(ctx);
    });
    return [first, payload, second];
  }
}

export default {
  async fetch(request, env, { exports: { Flow } }) {
    const [, call, id] = new URL(request.url).pathname.split("/");
    if (call === "create") return Response.json((await Flow.create({ id })).id);
    const instance = await Flow.get(id);
    if (call === "send") await instance.sendEvent({ type: "go", payload: "sent" });
    return Response.json(await instance.status());
  },
};
