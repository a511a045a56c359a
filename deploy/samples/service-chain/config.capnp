# Three workers in a row: `gate` lets requests with a key through to `shop`, which asks `prices`.
using Workerd = import "/workerd/workerd.capnp";

const chain :Workerd.Config = (
  services = [
    (name = "gate", worker = .gateWorker),
    (name = "shop", worker = .shopWorker),
    (name = "prices", worker = .pricesWorker),
  ],
  sockets = [(name = "http", address = "*:8080", http = (), service = "gate")],
);

const date :Text = "2026-01-01";

const gateWorker :Workerd.Worker = (
  modules = [(name = "gate.js", esModule = embed "gate.js")],
  bindings = [
    (name = "KEY", text = "open sesame"),
    (name = "NEXT", service = "shop"),
  ],
  compatibilityDate = .date,
);

const shopWorker :Workerd.Worker = (
  modules = [(name = "shop.js", esModule = embed "shop.js")],
  bindings = [(name = "PRICES", service = (name = "prices", entrypoint = "Prices"))],
  compatibilityDate = .date,
);

const pricesWorker :Workerd.Worker = (
  modules = [(name = "prices.js", esModule = embed "prices.js")],
  compatibilityDate = .date,
);
