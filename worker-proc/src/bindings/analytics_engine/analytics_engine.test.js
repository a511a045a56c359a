// Analytics Engine bindings: what the service of the binding is sent.
import { WorkerEntrypoint } from "cloudflare:workers";
import { deepStrictEqual, match, strictEqual, throws } from "node:assert";

const points = [];

export class Receiver extends WorkerEntrypoint {
  async fetch(request) {
    points.push({ method: request.method, text: await request.text() });
    return new Response();
  }
}

const textOf = (numbers) => new TextDecoder().decode(new Uint8Array(numbers));

async function received() {
  while (points.length === 0) await scheduler.wait(1);
  return points.shift();
}

export const dataPoints = {
  async test(_, { DATA }) {
    strictEqual(DATA.writeDataPoint({ blobs: ["a", null, new Uint8Array([1, 2]), 5], doubles: [1.5, NaN, -0, "7"], indexes: ["\u00e9"] }), undefined);
    const { method, text } = await received();
    strictEqual(method, "POST");
    const { accountId, dataset, index1, timestamp, blob1, blob2, blob3, blob4, double1, double2, double4, double20 } = JSON.parse(text);
    deepStrictEqual([accountId, textOf(dataset), textOf(index1)], ["1", "analytics-engine", "\u00e9"]);
    deepStrictEqual([textOf(blob1), blob2, blob3, textOf(blob4)], ["a", undefined, [1, 2], "5"]);
    deepStrictEqual([double1, double2, double4, double20], [1.5, "NaN", 7, 0]);
    match(text, /"double3":-0,/);
    match(timestamp, /^\d{19}$/);
    for (const nothing of [undefined, null, {}]) {
      DATA.writeDataPoint(nothing);
      const { index1, blob1 } = JSON.parse((await received()).text);
      deepStrictEqual([index1, blob1], [[], undefined]);
    }
    DATA.writeDataPoint({ doubles: Array(20).fill(1), blobs: Array(20).fill("b".repeat(800)), indexes: [new Uint8Array(96)] });
    strictEqual(JSON.parse((await received()).text).blob20.length, 800);
  },
};

export const refusals = {
  test(_, { DATA }) {
    throws(() => DATA.writeDataPoint(5), {
      name: "TypeError", message: "Failed to execute 'writeDataPoint' on 'AnalyticsEngine': parameter 1 is not of type 'AnalyticsEngineEvent'.",
    });
    throws(() => DATA.writeDataPoint({ blobs: 5 }), {
      name: "TypeError", message: "Incorrect type for the 'blobs' field on 'AnalyticsEngineEvent': the provided value is not of type 'Array'.",
    });
    throws(() => DATA.writeDataPoint({ get doubles() { throw new RangeError("mine"); } }), RangeError);
    throws(() => DATA.writeDataPoint.call({}), TypeError);
    throws(() => new DATA.constructor(), { message: "Illegal constructor" });
  },
};
