/* What an extension makes of other bindings, which only it sees. */
const { build } = require("workers");

exports.bind = ({ moduleName, entrypoint, innerBindings }) => {
  const inner = build({}, innerBindings);
  const make = ops.exported(moduleName, entrypoint);
  return make(inner);
};
