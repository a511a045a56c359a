using Workerd = import "/workerd/workerd.capnp";

const primes :Workerd.Config = (
  services = [(name = "primes", worker = .primesWorker)],
  sockets = [(name = "http", address = "*:8080", http = (), service = "primes")],
);

const primesWorker :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "worker.js"),
    (name = "primes.wasm", wasm = embed "primes.wasm"),
  ],
  compatibilityDate = "2026-01-01",
);
