import primes from "./primes.wasm";

const { next_prime } = new WebAssembly.Instance(primes).exports;

export default {
  async fetch(request) {
    const after = Number(new URL(request.url).searchParams.get("after") ?? 1);
    // Past this, products in the module overflow.
    if (!(after >= 1 && after < 2 ** 30)) return new Response("after: 1 to 2^30\n", { status: 400 });
    return new Response(`The next prime after ${after} is ${next_prime(after)}.\n`);
  },
};
