import { deepStrictEqual, rejects } from "node:assert";
import { DurableObject, RpcTarget, WorkerEntrypoint } from "cloudflare:workers";

class Taker extends RpcTarget {
  kept;
  take(given) {
    this.kept = (typeof given === "function" ? given : given.stub).dup();
  }
  taker() {
    return new Inner(this);
  }
}

class Inner extends RpcTarget {
  #taker;
  constructor(taker) {
    super();
    this.#taker = taker;
  }
  take(given) {
    this.#taker.take(given);
  }
}

const ways = {
  bare: (taker, stub) => taker.take(stub),
  within: (taker, stub) => taker.take({ stub }),
  dup: (taker, stub) => taker.dup().take(stub),
  pipelined: (taker, stub) => taker.taker().take(stub),
  returned: async (taker, stub) => (await taker.taker()).take(stub),
};

export class Giver extends WorkerEntrypoint {
  async give(taker, way, failure) {
    await ways[way](taker, async (n) => n + 1);
    if (failure !== undefined) throw new Error(failure);
    return "given";
  }

  target() {
    return new Taker();
  }

  async hangs() {
    this.kept = await this.env.GIVER.target();
    await new Promise(() => {});
  }
}

export class Keeper extends DurableObject {
  async keep(way, failure) {
    const taker = new Taker();
    const given = await this.env.GIVER.give(taker, way, failure).catch(({ message }) => message);
    const called = await taker.kept(1);
    taker.kept[Symbol.dispose]();
    return [given, called];
  }
}

/** What was given to the caller of an event works for as long as the caller has it, whether the event has ended or not. */
export const stubsOfCallersOutliveEvents = {
  async test(_, { KEEPER }) {
    for (const way in ways) {
      const keeper = KEEPER.getByName(way);
      deepStrictEqual(await keeper.keep(way), ["given", 2], way);
      deepStrictEqual(await keeper.keep(way, "no"), ["no", 2], way);
    }
  },
};

export const disposedStubs = {
  async test(_, { GIVER }) {
    const taker = new Taker();
    await GIVER.give(taker, "bare");
    taker.kept[Symbol.dispose]();
    await rejects(async () => taker.kept(1), { message: "RPC stub used after being disposed." });
  },
};

/** An event that has answered, and is held by who has its result, does not keep another one waiting. */
export const whoHoldsAResultMayHang = {
  async test(_, { GIVER }) {
    await rejects(Promise.race([GIVER.hangs(), scheduler.wait(20_000)]), /had hung and would never generate a response/);
  },
};
