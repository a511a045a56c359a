import wrapped from "cloudflare-internal:wrapped-binding";

class Door extends wrapped.WrappedBinding {
  #fetcher;

  constructor({ fetcher }) {
    super(fetcher);
    this.#fetcher = fetcher;
    this.label = "front";
  }

  async knock(name) {
    return this.#fetcher.knock(name);
  }
}

export default function makeDoor(env) {
  return new Door(env);
}
