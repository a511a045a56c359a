/* The `Cloudflare` global: `Cloudflare.compatibilityFlags` tells which flags hold, by the names that configurations use.
 *
 * The record of flags is made when it is first asked for.
 */
const { ObjectDefineProperty, ObjectFreeze, globalThis } = primordials;
const { defineInterface, illegalConstructor } = require("webidl");
const flags = require("flags");

const kCreate = { __proto__: null };

class Cloudflare {
  constructor(token) {
    if (token !== kCreate) throw illegalConstructor();
  }
}

defineInterface(Cloudflare);
const cloudflare = new Cloudflare(kCreate);

function readFlags() {
  const names = ops.flagNames();
  const record = { __proto__: null };
  for (let i = 0; i < names.length; i += 2) record[names[i]] = flags[names[i + 1]];
  return ObjectFreeze(record);
}

let record;

ObjectDefineProperty(cloudflare, "compatibilityFlags", {
  __proto__: null,
  get() {
    record ??= readFlags();
    return record;
  },
  enumerable: true,
  configurable: true,
});

ObjectDefineProperty(globalThis, "Cloudflare", {
  __proto__: null,
  value: cloudflare,
  writable: true,
  enumerable: true,
  configurable: true,
});
