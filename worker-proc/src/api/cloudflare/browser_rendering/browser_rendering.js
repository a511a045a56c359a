/* The module `cloudflare-internal:br-api`: a browser, which drivers talk to by requests and WebSockets. */
const { WrappedBinding } = require("wrapped");
const { fetchFrom } = require("wrapped/calls");

class BrowserRendering extends WrappedBinding {
  constructor(fetcher) {
    super(fetcher);
    // Drivers that are older than `fetch` below read it.
    this.fetcher = fetcher;
  }

  async fetch(input, init) {
    return fetchFrom(this.fetcher, input, init);
  }
}

function makeBinding(env) {
  return new BrowserRendering(env.fetcher);
}

exports.BrowserRendering = BrowserRendering;
exports.default = makeBinding;
