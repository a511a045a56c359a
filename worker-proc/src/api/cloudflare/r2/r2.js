/* Results of R2 buckets as values of RPC. What they are is compiled where there are some. */
const { dataCloneError, registerCloneable, session } = require("structured_clone");

/** As structured_clone's Rust has it. */
const TAG = 0x10000;

/** What r2/objects makes of this once there are any. */
const results = { __proto__: null, is: () => false, write: undefined };

const refuse = () => {
  throw dataCloneError("R2 resources can only be serialized for RPC.");
};

registerCloneable({
  is: (value) => results.is(value),
  write: refuse,
  read: refuse,
  wire: {
    tag: TAG,
    write: (value) => (session.writer === null ? refuse() : [[results.write(value)]]),
    read: (fields) => require("r2/objects").read(fields[0]),
  },
});

exports.results = results;
