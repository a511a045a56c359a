# What the proxy stands before, on port 8081.
using Workerd = import "/workerd/workerd.capnp";

const origin :Workerd.Config = (
  services = [(name = "origin", worker = .originWorker)],
  sockets = [(name = "http", address = "127.0.0.1:8081", http = (), service = "origin")],
);

const originWorker :Workerd.Worker = (
  modules = [(name = "origin.js", esModule = embed "origin.js")],
  compatibilityDate = "2026-01-01",
);
