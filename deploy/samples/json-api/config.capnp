using Workerd = import "/workerd/workerd.capnp";

const api :Workerd.Config = (
  services = [(name = "api", worker = .apiWorker)],
  sockets = [(name = "http", address = "*:8080", http = (), service = "api")],
);

const apiWorker :Workerd.Worker = (
  modules = [
    (name = "api.js", esModule = embed "api.js"),
    (name = "books.json", json = embed "books.json"),
  ],
  bindings = [(name = "SETTINGS", json = "{\"maxTitleLength\": 40}")],
  compatibilityDate = "2026-01-01",
);
