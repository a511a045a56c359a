import { WorkerEntrypoint } from "cloudflare:workers";

export class Receiver extends WorkerEntrypoint {
  async open(sent) {
    const door = sent.list.get("door");
    return { isSame: sent.self === sent, label: door.label, answer: await door.knock("b"), own: typeof this.env.BEHIND.knock };
  }
}

export const nothing = { test() {} };
