# Files that go into the config with `embed`: text, and data for what is no text.
using Workerd = import "/workerd/workerd.capnp";

const site :Workerd.Config = (
  services = [(name = "site", worker = .siteWorker)],
  sockets = [(name = "http", address = "*:8080", http = (), service = "site")],
);

const siteWorker :Workerd.Worker = (
  modules = [
    (name = "site.js", esModule = embed "site.js"),
    (name = "index.html", text = embed "files/index.html"),
    (name = "style.css", text = embed "files/style.css"),
    (name = "dot.gif", data = embed "files/dot.gif"),
  ],
  compatibilityDate = "2026-01-01",
);
