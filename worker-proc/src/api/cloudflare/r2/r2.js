/* Results of R2 buckets as values of RPC. What they are is compiled where there are some. */
const { dataCloneError, registerCloneable, session } = require("structured_clone");

/** What r2/objects makes of this once there are any. */
const results = { __proto__: null, is: () => false, write: undefined };

registerCloneable({
  is: (value) => results.is(value),
  write: (value) => {
    if (session.writer === null) throw dataCloneError("R2 resources can only be serialized for RPC.");
    return results.write(value);
  },
  read: (parts) => require("r2/objects").read(parts),
});

exports.results = results;
