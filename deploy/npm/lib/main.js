/* What tools that depend on the package `workerd` import: where the program is, and what it follows. */
"use strict";

const packages = {
  __proto__: null,
  "linux x64": "@cloudflare/workerd-linux-64",
  "linux arm64": "@cloudflare/workerd-linux-arm64",
};
const platform = `${process.platform} ${process.arch}`;
const name = packages[platform];
if (name === undefined) throw new Error(`workerd has no program for ${platform}, only for ${Object.keys(packages).join(", ")}`);

exports.__esModule = true;
/** The path of the program. */
exports.default = require.resolve(`${name}/bin/workerd`);
const { version, compatibilityDate } = require("../package.json");
/** The newest compatibility date that it knows. */
exports.compatibilityDate = compatibilityDate;
exports.version = version;
