# The workloads on workerd: a config for each group, so that none pays for what it does not use.

using Workerd = import "/workerd/workerd.capnp";

const plain :Workerd.Config = (
  services = [
    (name = "main", worker = .plainWorker),
    (name = "callee", worker = (
      modules = [(name = "callee.worker.js", esModule = embed "callee.worker.js")],
      compatibilityDate = "2026-01-01")),
  ],
  sockets = [(name = "bench", http = (), service = "main")],
);

const tls :Workerd.Config = (
  services = [
    (name = "main", worker = .plainWorker),
    (name = "callee", worker = (
      modules = [(name = "callee.worker.js", esModule = embed "callee.worker.js")],
      compatibilityDate = "2026-01-01")),
  ],
  sockets = [(name = "bench", service = "main", https = (tlsOptions = (
    keypair = (privateKey = embed "key.pem", certificateChain = embed "certificate.pem"))))],
);

const plainWorker :Workerd.Worker = (
  modules = [
    (name = "plain.worker.js", esModule = embed "plain.worker.js"),
    (name = "web.js", esModule = embed "web.js"),
  ],
  compatibilityDate = "2026-01-01",
  bindings = [(name = "CALLEE", service = "callee")],
);

const nodeApi :Workerd.Config = (
  services = [(name = "main", worker = .nodeApiWorker)],
  sockets = [(name = "bench", http = (), service = "main")],
);

const nodeApiWorker :Workerd.Worker = (
  modules = [
    (name = "node-api.worker.js", esModule = embed "node-api.worker.js"),
    (name = "node-api.js", esModule = embed "node-api.js"),
    (name = "web.js", esModule = embed "web.js"),
  ],
  compatibilityDate = "2026-01-01",
  compatibilityFlags = ["nodejs_compat"],
);

const objects :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [
        (name = "objects.worker.js", esModule = embed "objects.worker.js"),
        (name = "web.js", esModule = embed "web.js"),
      ],
      compatibilityDate = "2026-01-01",
      durableObjectNamespaces = [(className = "Counter", uniqueKey = "bench", enableSql = true)],
      durableObjectStorage = (localDisk = "storage"),
      bindings = [(name = "COUNTER", durableObjectNamespace = "Counter")])),
    .storage,
  ],
  sockets = [(name = "bench", http = (), service = "main")],
);

const backEnds :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [
        (name = "back-ends.worker.js", esModule = embed "back-ends.worker.js"),
        (name = "web.js", esModule = embed "web.js"),
      ],
      compatibilityDate = "2026-01-01",
      bindings = [
        (name = "KV", kvNamespace = (name = "kv", props = (json = "{\"namespace\": \"bench\"}"))),
        (name = "QUEUE", queue = (name = "queues", props = (json = "{\"queue\": \"bench\"}"))),
      ])),
    (name = "kv", worker = (
      modules = [(name = "kv.js", bundled = "/workerd/kv.js")],
      compatibilityDate = "2026-01-01",
      durableObjectNamespaces = [(className = "KVNamespace", uniqueKey = "KVNamespace", enableSql = true)],
      durableObjectStorage = (localDisk = "storage"),
      bindings = [(name = "SHARD", durableObjectNamespace = "KVNamespace"), (name = "BLOBS", service = "storage")])),
    (name = "queues", worker = (
      modules = [(name = "queues.js", bundled = "/workerd/queues.js")],
      compatibilityDate = "2026-01-01",
      compatibilityFlags = ["service_binding_extra_handlers"],
      durableObjectNamespaces = [(className = "QueueShard", uniqueKey = "QueueShard", enableSql = true)],
      durableObjectStorage = (localDisk = "storage"),
      bindings = [
        (name = "SHARD", durableObjectNamespace = "QueueShard"),
        (name = "CONSUMERS", json = "{\"bench\": {\"consumer\": \"main\"}}"),
        (name = "main", service = "main"),
      ])),
    .storage,
  ],
  sockets = [(name = "bench", http = (), service = "main")],
);

const storage :Workerd.Service = (name = "storage", disk = (path = "storage", writable = true));

const disk :Workerd.Config = (
  services = [(name = "files", disk = (path = "files"))],
  sockets = [(name = "bench", http = (), service = "files")],
);

const assets :Workerd.Config = (
  services = [(name = "files", assets = (path = "files", compatibilityDate = "2026-01-01"))],
  sockets = [(name = "bench", http = (), service = "files")],
);
