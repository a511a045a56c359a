using Workerd = import "/workerd/workerd.capnp";

const surface :Workerd.Config = (
  services = [
    (name = "2021", worker = (modules = .modules, compatibilityDate = "2021-11-01", bindings = [(name = "date", text = "2021-11-01")])),
    (name = "2024", worker = (modules = .modules, compatibilityDate = "2024-01-01", bindings = [(name = "date", text = "2024-01-01")])),
    (name = "2026", worker = (modules = .modules, compatibilityDate = "2026-01-01", bindings = [(name = "date", text = "2026-01-01")])),
  ],
);

const modules :List(Workerd.Worker.Module) = [(name = "probe", esModule = embed "probe.js")];
