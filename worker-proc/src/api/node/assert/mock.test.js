// `mock` of node:test: properties.
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import { mock } from "node:test";

export const properties = {
  test() {
    const object = { a: 1, get b() { return 2; } };
    const mocked = mock.property(object, "a", 5);
    strictEqual(object.a, 5);
    object.a = 6;
    mocked.mock.mockImplementationOnce(7);
    strictEqual(mocked.a, 7);
    strictEqual(object.a, 6);
    strictEqual(mocked.mock.accessCount(), 4);
    deepStrictEqual(mocked.mock.accesses.map(({ type, value }) => [type, value]), [["get", 5], ["set", 6], ["get", 7], ["get", 6]]);
    ok(mocked.mock.accesses[0].stack instanceof Error);
    throws(() => mocked.mock.mockImplementationOnce(1, 2), { code: "ERR_OUT_OF_RANGE" });
    mocked.mock.resetAccesses();
    strictEqual(mocked.mock.accessCount(), 0);
    mock.restoreAll();
    strictEqual(object.a, 1);
    throws(() => mock.property(object, "none"), { code: "ERR_INVALID_ARG_VALUE" });
    throws(() => mock.property(object, 1), { code: "ERR_INVALID_ARG_TYPE" });
    throws(() => mock.property(1, "a"), { code: "ERR_INVALID_ARG_TYPE" });
    mock.reset();
  },
};
