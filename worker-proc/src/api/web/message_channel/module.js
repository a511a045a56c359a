/* The module `cloudflare-internal:messagechannel`. */
const { MessageChannel, MessagePort } = require("message_channel").classes;

exports.default = { MessageChannel, MessagePort };
