// What the flag pedantic_wpt changes of events, and of responses that are made of no other.
import { deepStrictEqual, strictEqual, throws } from "node:assert";

export const settableReturnValue = {
  test() {
    const event = new Event("x", { cancelable: true });
    event.returnValue = true;
    strictEqual(event.defaultPrevented, false);
    event.returnValue = 0;
    deepStrictEqual([event.defaultPrevented, event.returnValue], [true, false]);
    event.returnValue = true;
    strictEqual(event.returnValue, false);
    const firm = new Event("x");
    firm.returnValue = false;
    deepStrictEqual([firm.defaultPrevented, firm.returnValue], [false, true]);
    const { get, set } = Object.getOwnPropertyDescriptor(Event.prototype, "returnValue");
    deepStrictEqual([get.name, get.length, set.name, set.length], ["", 0, "", 0]);
    throws(() => set.call({}, true), TypeError);
    const target = new EventTarget();
    const passive = (event) => { event.returnValue = false; };
    target.addEventListener("x", passive, { passive: true });
    strictEqual(target.dispatchEvent(event), true);
  },
};

export const currentTarget = {
  test() {
    const target = new EventTarget();
    const event = new Event("x");
    strictEqual(event.currentTarget, null);
    const seen = [];
    target.addEventListener("x", (event) => seen.push(event.currentTarget, event.target));
    target.dispatchEvent(event);
    deepStrictEqual(seen, [target, target]);
    strictEqual(event.currentTarget, null);
    strictEqual(event.target, target);
  },
};

export const ownIsTrusted = {
  test() {
    const own = (event) => Object.getOwnPropertyDescriptor(event, "isTrusted");
    const as = (value) => ({ value, writable: false, enumerable: true, configurable: true });
    strictEqual(own(Event.prototype), undefined);
    class Mine extends Event {}
    for (const event of [new Event("x"), new CustomEvent("x"), new Mine("x")]) deepStrictEqual(own(event), as(false));
    const controller = new AbortController();
    controller.signal.onabort = (event) => deepStrictEqual(own(event), as(true));
    controller.abort();
  },
};

export const responses = {
  test() {
    const immutable = { name: "TypeError", message: "Can't modify immutable headers." };
    for (const response of [Response.error(), Response.error().clone()]) {
      strictEqual(response.type, "error");
      throws(() => response.headers.append("a", "b"), immutable);
      throws(() => response.headers.set("a", "b"), immutable);
      throws(() => response.headers.delete("a"), immutable);
    }
    const unwritable = { name: "TypeError", message: "Response.json() requires a value that can be serialized to JSON." };
    for (const value of [undefined, Symbol("x"), () => 1, { toJSON() {} }]) throws(() => Response.json(value), unwritable);
    strictEqual(Response.json(null).status, 200);
  },
};

export const classesOfWhatIsMadeLater = {
  async test() {
    // Neither global was read before.
    const key = await crypto.subtle.importKey("raw", new Uint8Array(16), "AES-CBC", true, ["encrypt"]);
    strictEqual(key.constructor, CryptoKey);
    const { constructor } = new CompressionStream("gzip");
    strictEqual(constructor, CompressionStream);
    throws(() => Response.redirect("http://a/").clone().headers.set("a", "b"), TypeError);
  },
};
