/* How such bindings are sent: known before there are any. The rest is compiled once a worker has one, or receives one. */
const { registerCloneable } = require("structured_clone");
const { currentReader } = require("rpc/externals");

/** What `wrapped/make` makes of this, once there are any. */
const wrapped = { __proto__: null, is: () => false, write: undefined, read: undefined };

function read(parts) {
  require("wrapped/make");
  return wrapped.read(parts);
}

registerCloneable({
  is: (value) => wrapped.is(value),
  write: (value) => wrapped.write(value),
  read,
  stored: {
    tag: 17,
    write: (value) => [[wrapped.write(value)]],
    read: (fields) => {
      currentReader();
      return read(fields[0]);
    },
  },
});

exports.wrapped = wrapped;
