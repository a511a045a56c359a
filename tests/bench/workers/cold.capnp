# Cold starts: the benchmark puts the numbered workers where the comments in capitals are.

using Workerd = import "/workerd/workerd.capnp";

const cold :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "cold.worker.js", esModule = embed "cold.worker.js")],
      compatibilityDate = "2026-01-01",
      compatibilityFlags = ["nodejs_compat"],
      bindings = [
        # BINDINGS
      ])),
    # SERVICES
  ],
  sockets = [(name = "bench", http = (), service = "main")],
);

const numbered :Workerd.Worker = (
  modules = [(name = "cold.worker.js", esModule = embed "cold.worker.js")],
  compatibilityDate = "2026-01-01",
  compatibilityFlags = ["nodejs_compat"],
);
