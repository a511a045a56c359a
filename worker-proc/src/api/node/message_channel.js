/*
 * MessageChannel and MessagePort for node:worker_threads, which has them whether or not the
 * worker's flags make them globals.
 */

let classes;
try {
  classes = require("message_channel");
} catch {
  classes = globalThis;
}

exports.MessageChannel = classes.MessageChannel;
exports.MessagePort = classes.MessagePort;
