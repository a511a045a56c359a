# Passes requests on to `origin`, an HTTP server elsewhere: here the one of origin.capnp, or any other with
# --external-addr=origin=HOST:PORT.
using Workerd = import "/workerd/workerd.capnp";

const proxy :Workerd.Config = (
  services = [
    (name = "proxy", worker = .proxyWorker),
    (name = "origin", external = (address = "127.0.0.1:8081", http = ())),
  ],
  sockets = [(name = "http", address = "*:8080", http = (), service = "proxy")],
);

const proxyWorker :Workerd.Worker = (
  modules = [(name = "proxy.js", esModule = embed "proxy.js")],
  bindings = [(name = "ORIGIN", service = "origin")],
  compatibilityDate = "2026-01-01",
);
