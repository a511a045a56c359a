import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert";
import { WorkerEntrypoint } from "cloudflare:workers";

export class Behind extends WorkerEntrypoint {
  knock(name) {
    return `who is ${name}`;
  }
}

export class Front extends WorkerEntrypoint {
  async pass() {
    return this.ctx.props.door.knock("p");
  }
}

export const here = {
  async test(_, { DOOR }) {
    strictEqual(`${DOOR}`, "[object WrappedBinding]");
    deepStrictEqual([DOOR.label, await DOOR.knock("a")], ["front", "who is a"]);
    throws(() => structuredClone(DOOR));
  },
};

/** The module makes the binding again where it is received, of its service alone. */
export const sent = {
  async test(_, { DOOR, OLD }, ctx) {
    const door = { self: null, list: new Map([["door", DOOR]]) };
    door.self = door;
    deepStrictEqual(await OLD.open(door), { isSame: true, label: "front", answer: "who is b", own: "undefined" });
    strictEqual(await ctx.exports.Front({ props: { door: DOOR } }).pass(), "who is p");
  },
};

/** It has been made by no function that a receiver could call. */
export const madeByHand = {
  async test(_, { DOOR, OLD }) {
    await rejects(OLD.open({ list: new Map([["door", new DOOR.constructor({})]]) }));
  },
};
