/* What a Hyperdrive binding makes up: nobody else has it. */
exports.randomHex = () => ops.randomHex();
