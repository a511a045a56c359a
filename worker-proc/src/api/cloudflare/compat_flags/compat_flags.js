/* The `Cloudflare` global: `Cloudflare.compatibilityFlags` tells which flags hold, by the names that configurations use.
 */
const { ObjectDefineProperty, ObjectFreeze } = primordials;
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

const { ENABLE, FIELD } = ops.FlagName;

function readFlags() {
  const names = ops.flagNames();
  const record = { __proto__: null };
  for (let i = 0; i < names.length; i++) record[names[i][ENABLE]] = flags[names[i][FIELD]];
  return ObjectFreeze(record);
}

ObjectDefineProperty(cloudflare, "compatibilityFlags", {
  __proto__: null,
  value: readFlags(),
  writable: false,
  enumerable: true,
  configurable: true,
});

exports.globals = { Cloudflare: cloudflare };
