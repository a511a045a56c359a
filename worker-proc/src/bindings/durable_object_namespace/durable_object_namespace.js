/* The binding of a namespace of Durable Objects. */
const { createNamespace } = require("actors/namespace");

exports.bind = ({ namespace, isEphemeral }) => createNamespace(namespace, isEphemeral);
