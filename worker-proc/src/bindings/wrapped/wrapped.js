/* What an extension makes of other bindings, which only it sees. */
const { build } = require("workers");
const { make } = require("wrapped/make");

exports.bind = ({ moduleName, entrypoint, innerBindings }) => make(moduleName, entrypoint, build({}, innerBindings));
