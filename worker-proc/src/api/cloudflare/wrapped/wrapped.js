/* The class that bindings over a service derive from. */
const { defineInterface, isObject } = require("webidl");

let fetcherOf, madeBy, setMadeBy;

class WrappedBinding {
  #fetcher;
  #by;

  constructor(fetcher) {
    this.#fetcher = fetcher;
  }

  static {
    const isOurs = (value) => isObject(value) && #by in value;
    fetcherOf = (binding) => binding.#fetcher;
    madeBy = (value) => (isOurs(value) ? value.#by : undefined);
    setMadeBy = (value, by) => {
      if (isOurs(value)) value.#by = by;
    };
  }
}
defineInterface(WrappedBinding);

exports.WrappedBinding = WrappedBinding;
/** The service behind a binding. */
exports.fetcherOf = (binding) => fetcherOf(binding);
/** The module and the function that have made a value: undefined for what is no binding, or was made otherwise. */
exports.madeBy = (value) => madeBy(value);
exports.setMadeBy = (value, by) => setMadeBy(value, by);
