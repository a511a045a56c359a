using Workerd = import "/workerd/workerd.capnp";

const hello :Workerd.Config = (
  services = [(name = "main", worker = .helloWorker)],
  sockets = [(name = "http", address = "*:8080", http = (), service = "main")],
);

const helloWorker :Workerd.Worker = (
  serviceWorkerScript = embed "worker.js",
  compatibilityDate = "2026-01-01",
);
