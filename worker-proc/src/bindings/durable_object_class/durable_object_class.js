/* The binding of a class of Durable Objects. */
const { createClass } = require("actors/namespace");

exports.bind = (channel) => createClass(channel);
