/* What RPC knows of sockets before there are any: how a stub connects, and how a socket is sent. The rest is compiled once a
   worker needs it. */
const { registerCloneable } = require("structured_clone");
const { setConnect } = require("rpc");
const { currentReader, currentWriter } = require("rpc/externals");

setConnect((channel, address, options, badOptions) =>
  require("sockets").connectThrough(channel, address, options, badOptions),
);

/** What `sockets` makes of this, once there are any. */
const socket = { __proto__: null, is: () => false, write: undefined, read: undefined };

function write(value) {
  currentWriter("Socket can only be serialized for RPC.");
  return socket.write(value);
}

function read(parts) {
  currentReader();
  require("sockets");
  return socket.read(parts);
}

registerCloneable({
  is: (value) => socket.is(value),
  write,
  read,
  wire: { tag: 16, write: (value) => [[write(value)]], read: (fields) => read(fields[0]) },
});

exports.socket = socket;
