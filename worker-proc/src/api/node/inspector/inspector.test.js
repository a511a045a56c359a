// Sessions with the isolate's own inspector. Each is disconnected: the published binary crashes at its end where one is not.
import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";
import { Session } from "node:inspector";
import promises from "node:inspector/promises";

const covered = (n) => (n > 1 ? "more" : "one");

function connected(Class = promises.Session) {
  const session = new Class();
  session.connect();
  return session;
}

export const coverage = {
  async test() {
    const session = connected();
    await session.post("Profiler.enable");
    await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
    for (let i = 0; i < 3; i++) covered(i);
    const { result } = await session.post("Profiler.takePreciseCoverage");
    const { functions } = result.find(({ url }) => url.endsWith("worker"));
    const { ranges } = functions.find(({ functionName }) => functionName === "covered");
    strictEqual(ranges[0].count, 3);
    session.disconnect();
  },
};

export const events = {
  async test() {
    const session = connected();
    const heard = [];
    session.on("Debugger.scriptParsed", ({ params }) => heard.push(params.url));
    await session.post("Debugger.enable");
    ok(heard.some((url) => url.endsWith("worker")));

    // What is said between two commands comes with the second.
    await session.post("Runtime.enable");
    const printed = new Promise((resolve) => session.once("inspectorNotification", resolve));
    console.log("printed");
    await session.post("Runtime.disable");
    const { method, params } = await printed;
    deepStrictEqual([method, params.type, params.args], [
      "Runtime.consoleAPICalled", "log", [{ type: "string", value: "printed" }],
    ]);
    ok(params.timestamp > 0);
    session.disconnect();
  },
};

export const code_goes_on = {
  async test() {
    // Nobody could say when: the code that would is the one that is to stop.
    const session = connected();
    await session.post("Debugger.enable");
    await session.post("Debugger.pause");
    strictEqual(covered(2), "more");
    session.disconnect();
  },
};

export const callbacks = {
  test() {
    const session = connected(Session);
    const told = [];
    const tell = (error, result) => told.push(error?.message ?? result);
    session.post("Profiler.enable", tell);
    session.post("Profiler.setSamplingInterval", { interval: 100 }, tell);
    session.post("Profiler.disable", null, () => session.post("Nothing.known", tell));
    session.post("Profiler.enable", undefined, "no callback");
    deepStrictEqual(told, [{}, {}, "Inspector error -32601: 'Nothing.known' wasn't found"]);
    // In a callback, it ends all.
    session.post("Profiler.disable", () => session.disconnect());
    throws(() => session.post("Profiler.enable"), { code: "ERR_INSPECTOR_NOT_CONNECTED" });
  },
};

export const misuse = {
  async test() {
    const session = new Session();
    throws(() => session.post("Profiler.enable"), { code: "ERR_INSPECTOR_NOT_CONNECTED" });
    throws(() => session.post(1), { code: "ERR_INVALID_ARG_TYPE" });
    throws(() => session.connectToMainThread(), { code: "ERR_INSPECTOR_NOT_WORKER" });
    session.disconnect();
    session.connect();
    throws(() => session.connect(), {
      code: "ERR_INSPECTOR_ALREADY_CONNECTED",
      message: "The inspector session is already connected",
    });
    const circle = {};
    circle.circle = circle;
    throws(() => session.post("Profiler.enable", circle), TypeError);
    throws(() => session.post("Profiler.enable", { big: 1n }), TypeError);
    session.disconnect();

    const other = connected();
    await rejects(other.post("Runtime.evaluate", { expression: "1", contextId: 987654321 }), {
      code: "ERR_INSPECTOR_COMMAND",
      message: "Inspector error -32000: Cannot find context with specified id",
    });
    other.disconnect();
    await rejects(async () => other.post("Profiler.enable"), { code: "ERR_INSPECTOR_NOT_CONNECTED" });
    throws(() => promises.url(), { code: "ERR_METHOD_NOT_IMPLEMENTED" });
  },
};

export const many = {
  test() {
    for (let i = 0; i < 200; i++) {
      const session = connected(Session);
      session.post("Debugger.enable");
      session.disconnect();
    }
  },
};
