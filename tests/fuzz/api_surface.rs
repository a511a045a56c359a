//! Fuzzes what JavaScript can call: `api_surface.js` makes calls by a seed, in a server whose processes may not end.
//!
//! `FUZZ_SECONDS` says for how long (default 5), `FUZZ_SEED` where to start. A call may throw, use too much (then its event is
//! ended) or spoil its own globals; a seed's isolate is its worker's, so that later seeds see what earlier ones did to it.

use std::time::{Duration, Instant};

use tests::folder::Folder;
use tests::program::Program;
use tests::server::Start;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2026-01-01",
      compatibilityFlags = ["nodejs_compat", "enable_global_performance_classes", "expose_global_message_channel"],
      globalOutbound = "outbound",
      cacheApiOutbound = "outbound")),
    (name = "outbound", worker = (
      modules = [(name = "worker.js", esModule = "export default { fetch: () => new Response('outbound') };")],
      compatibilityDate = "2026-01-01")),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#;

/// Calls of one seed.
const STEPS: u32 = 300;

/// After so many seeds a new server has globals that nobody has touched.
const SEEDS_PER_SERVER: u64 = 40;

#[test]
fn no_call_ends_the_process() {
    let number = |name, default| {
        std::env::var(name)
            .ok()
            .map_or(default, |value| value.parse().expect("a number"))
    };
    let time = Duration::from_secs(number("FUZZ_SECONDS", 5));
    let mut seed = number("FUZZ_SEED", u64::from(std::process::id()));
    let folder = Folder::new(&[
        ("config.capnp", CONFIG),
        ("worker.js", include_str!("api_surface.js")),
    ]);
    let program = Program::new(env!("CARGO_BIN_EXE_workerd"));
    let begun = Instant::now();
    while begun.elapsed() < time {
        let first = seed;
        println!("FUZZ_SEED={first}");
        let mut server = Start::serve(&program, &folder.path("config.capnp"))
            .arg("--limit-cpu-ms=10000")
            .arg("--limit-heap-mb=512")
            .processes(1)
            .start();
        let processes = server.tree();
        while seed < first + SEEDS_PER_SERVER && begun.elapsed() < time {
            // Whatever the answer is: the calls may have spoilt what makes it.
            let _ = tests::http::get(
                &server.address("http"),
                &format!("/?seed={seed}&steps={STEPS}"),
            );
            assert_eq!(server.tree(), processes, "FUZZ_SEED={seed}\n{server:?}");
            seed += 1;
        }
        server.stop();
        let log = server.stderr();
        assert!(!log.contains("panicked"), "FUZZ_SEED={first}\n{log}");
    }
}
