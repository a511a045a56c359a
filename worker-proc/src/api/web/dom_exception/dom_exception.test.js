// DOMException: codes, fields and stack.
import { ok, strictEqual, throws } from "node:assert";

export const fields = {
  test() {
    const exception = new DOMException("m", "AbortError");
    strictEqual(exception.code, DOMException.ABORT_ERR);
    strictEqual(exception.name, "AbortError");
    strictEqual(exception.message, "m");
    ok(exception instanceof Error);
    strictEqual(String(exception), "AbortError: m");
    ok(exception.stack.startsWith("AbortError: m\n"));
    strictEqual(new DOMException().name, "Error");
    strictEqual(new DOMException("", "OperationError").code, 0);
    throws(() => new DOMException(Symbol()), TypeError);
  },
};
