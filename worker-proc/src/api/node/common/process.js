/* The object `process` for what it stands on: it is made when it is first asked for. `node/globals` says how. */
let make;

exports.processObject = () => make();
exports.setProcess = (get) => {
  make = get;
};
