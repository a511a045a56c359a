/*
 * MessageChannel and MessagePort for node:worker_threads, which has them whether or not the
 * worker's flags make them globals.
 */

const { MessageChannel, MessagePort } = require("message_channel").classes;

exports.MessageChannel = MessageChannel;
exports.MessagePort = MessagePort;
