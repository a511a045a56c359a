using Workerd = import "/workerd/workerd.capnp";

const surface :Workerd.Config = (
  services = [
    (name = "2024", worker = (modules = .modules, compatibilityFlags = ["nodejs_compat"], compatibilityDate = "2024-09-23", bindings = [(name = "date", text = "2024-09-23")])),
    (name = "2026", worker = (modules = .modules, compatibilityFlags = ["nodejs_compat"], compatibilityDate = "2026-01-01", bindings = [(name = "date", text = "2026-01-01")])),
  ],
);

const modules :List(Workerd.Worker.Module) = [
  (name = "modules", esModule = embed "modules.js"),
  (name = "probe", esModule = embed "probe.js"),
];
