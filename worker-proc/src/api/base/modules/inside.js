import assert, { strictEqual } from "node-internal:internal_assert";
import { Buffer } from "node-internal:internal_buffer";
import workers from "cloudflare-internal:workers";
import wrapped from "cloudflare-internal:wrapped-binding";
import base64 from "cloudflare-internal:base64";
import secret from "test:secret";

export const tryImport = async (name) => {
  try {
    return Object.keys(await import(name));
  } catch (error) {
    return error.message;
  }
};

export function check() {
  assert(true);
  strictEqual(Buffer.from("hi").toString("base64"), "aGk=");
  strictEqual(secret, "secret");
  strictEqual(typeof workers.WorkerEntrypoint, "function");
  strictEqual(new (class extends wrapped.WrappedBinding {})().constructor.name, "");
  const encoded = base64.encodeArray(new Uint8Array([104, 105]));
  strictEqual(new TextDecoder().decode(encoded), "aGk=");
  strictEqual(new TextDecoder().decode(base64.decodeArray(encoded)), "hi");
  strictEqual(base64.encodeArrayToString(new Uint8Array([104, 105]).buffer), "aGk=");
  return base64;
}
