// Memory caches: what is kept and for how long, who makes values, and what is refused.
import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert";

const never = () => {
  throw new Error("must not be called");
};
const making = (value, expiration) => () => ({ value, expiration });

export const values = {
  async test(controller, { CACHE }) {
    const value = { map: new Map([[1, new Date(5)]]), bytes: new Uint8Array([1, 2]) };
    strictEqual(await CACHE.read("value", () => ({ value })), value);
    const again = await CACHE.read("value", never);
    deepStrictEqual(again, value);
    again.map.clear();
    strictEqual((await CACHE.read("value")).map.size, 1);
    strictEqual(await CACHE.read("absent"), undefined);
    strictEqual(await CACHE.read("undefined", making(undefined)), undefined);
    strictEqual(await CACHE.read("undefined", never), undefined);
    strictEqual(await CACHE.read("thenable", () => ({ then: (resolve) => resolve({ value: 7 }) })), 7);
  },
};

export const expiration = {
  async test(controller, { CACHE }) {
    strictEqual(await CACHE.read("past", making(1, Date.now() - 1)), 1);
    strictEqual(await CACHE.read("past"), undefined);
    strictEqual(await CACHE.read("soon", making(1, Date.now() + 20)), 1);
    strictEqual(await CACHE.read("soon", never), 1);
    await scheduler.wait(40);
    strictEqual(await CACHE.read("soon", making(2)), 2);
    strictEqual(await CACHE.read("forever", making(1, Infinity)), 1);
    strictEqual(await CACHE.read("forever", never), 1);
  },
};

export const eviction = {
  async test(controller, { SMALL }) {
    for (const key of ["a", "b"]) await SMALL.read(key, making(key));
    strictEqual(await SMALL.read("a"), "a");
    await SMALL.read("c", making("c"));
    deepStrictEqual([await SMALL.read("a"), await SMALL.read("b"), await SMALL.read("c")], ["a", undefined, "c"]);
    // Too large for a value: given to who asked, and the value of before goes.
    strictEqual(await SMALL.read("d", making("d".repeat(200))), "d".repeat(200));
    strictEqual(await SMALL.read("d"), undefined);
    // Together too large.
    await SMALL.read("e", making("e".repeat(60)));
    await SMALL.read("f", making("f".repeat(60)));
    deepStrictEqual([await SMALL.read("e"), await SMALL.read("f")], [undefined, "f".repeat(60)]);
  },
};

export const oneMakesIt = {
  async test(controller, { CACHE }) {
    let calls = 0;
    const slow = async () => {
      calls++;
      await scheduler.wait(10);
      return { value: calls };
    };
    deepStrictEqual(await Promise.all([CACHE.read("slow", slow), CACHE.read("slow", slow), CACHE.read("slow", slow)]), [1, 1, 1]);
    const fails = () => Promise.reject(new RangeError("no"));
    const results = await Promise.allSettled([CACHE.read("fails", fails), CACHE.read("fails", fails), CACHE.read("fails", making(3)), CACHE.read("fails", never)]);
    deepStrictEqual(results.map(({ value, reason }) => value ?? reason.message), ["no", "no", 3, 3]);
    // Other keys do not wait.
    const order = [];
    await Promise.all([
      CACHE.read("first", slow).then(() => order.push("slow")),
      CACHE.read("second", making(1)).then(() => order.push("fast")),
    ]);
    deepStrictEqual(order, ["fast", "slow"]);
  },
};

export const shared = {
  async test(controller, { SHARED, OTHER }) {
    strictEqual(await (await OTHER.fetch("http://other/")).json(), "from the other");
    strictEqual(await SHARED.read("shared", never), "from the other");
    SHARED.delete("shared");
    strictEqual(await SHARED.read("shared"), undefined);
    SHARED.delete("absent");
  },
};

export const refused = {
  async test(controller, { CACHE }) {
    const typeError = (message) => ({ name: "TypeError", message });
    const parameter = (method, number, type) =>
      typeError(`Failed to execute '${method}' on 'MemoryCache': parameter ${number} is not of type '${type}'.`);
    for (const key of [undefined, 5, {}]) await rejects(CACHE.read(key), parameter("read", 1, "string"));
    await rejects(CACHE.read("key", 5), parameter("read", 2, "function"));
    throws(() => CACHE.delete(5), parameter("delete", 1, "string"));
    throws(() => CACHE.read.call({}, "key"), { name: "TypeError" });
    const long = { name: "RangeError", message: "Key too large." };
    await rejects(CACHE.read("x".repeat(2049)), long);
    await rejects(CACHE.read("\u00e4".repeat(1025), never), long);
    throws(() => CACHE.delete("x".repeat(2049)), long);
    strictEqual(await CACHE.read("x".repeat(2048), making(1)), 1);
    const required = typeError("Cannot initialize N7workerd3api23CacheValueProduceResultE with required members from an undefined or null value.");
    for (const [result, error] of [
      [() => undefined, required],
      [async () => null, required],
      [() => 5, typeError("Callback returned incorrect type; expected 'Promise'")],
      [async () => 5, typeError("Incorrect type for Promise: the Promise did not resolve to 'CacheValueProduceResult'.")],
      [making(1, NaN), typeError("Expiration time must not be NaN.")],
      [making(1, {}), typeError("Expiration time must not be NaN.")],
      [making(Symbol("s")), { name: "DataCloneError", message: "failed to serialize symbol" }],
      [making({ f() {} }), { name: "DataCloneError", message: "failed to serialize object" }],
    ]) {
      await rejects(CACHE.read("refused", result), error);
    }
    strictEqual(await CACHE.read("refused"), undefined);
  },
};
