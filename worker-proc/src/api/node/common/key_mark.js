/*
 * The mark by which `util.types.isKeyObject` and node:crypto know a KeyObject, kept apart so that
 * node:util does not load node:crypto.
 */

const { SafeWeakSet } = primordials;

const keys = new SafeWeakSet();
exports.markKeyObject = (key) => keys.add(key);
exports.isKeyObject = (value) => typeof value === "object" && value !== null && keys.has(value);
