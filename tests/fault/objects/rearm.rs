//! Alarms that are set again where they ring, at times past, now and soon, while processes are killed, objects are evicted
//! and the config is reloaded: each rings until it is done.
//!
//! `FAULT_ALARMS` is how many objects there are (400; the full run has 10,000), `FAULT_SEED` which fates they meet.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::DEADLINE;
use tests::folder::Folder;
use tests::program::output;
use tests::server::Server;

use super::super::{alone, program};
use super::consistency::{Random, ask_after_kills, kill_one, reload, seed, setting};
use super::prepare;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "rearm.js", esModule = embed "rearm.js")],
      compatibilityDate = "2026-01-01",
      compatibilityFlags = ["unsafe_module"],
      durableObjectNamespaces = [(className = "Chain", uniqueKey = "chain", enableSql = true)],
      durableObjectStorage = (localDisk = "data"),
      bindings = [(name = "chain", durableObjectNamespace = "Chain")],
    )),
    (name = "data", disk = (path = "data", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#;

/// How often each alarm rings.
const ROUNDS: u64 = 6;
/// Objects that are asked at once.
const BATCH: u64 = 100;
const BETWEEN_FATES: Duration = Duration::from_millis(300);
/// What befalls all of them, in this order, several times over. A share of the objects begins before each, and one after the
/// last: a process that starts finds what one that was killed had forgotten, and after the reload none starts.
const FATES: [Fate; 8] = [
    Fate::Evict,
    Fate::Kill,
    Fate::Evict,
    Fate::KillAll,
    Fate::Kill,
    Fate::Evict,
    Fate::Reload,
    Fate::Evict,
];
const ROUNDS_OF_FATES: usize = 3;

fn start(folder: &Folder) -> Server {
    prepare(folder, 2).arg("--experimental").start()
}

#[derive(Clone, Copy)]
enum Fate {
    Evict,
    Kill,
    KillAll,
    Reload,
}

struct World {
    folder: Folder,
    server: Server,
    random: Random,
}

impl World {
    fn meet(&mut self, fate: Fate) {
        match fate {
            Fate::Evict => _ = ask_after_kills(&self.server, "/evict"),
            Fate::Kill => _ = kill_one(&self.server, &mut self.random),
            Fate::Reload => reload(&self.server),
            Fate::KillAll => {
                self.server.kill_all();
                self.server = start(&self.folder);
            }
        }
    }

    /// The alarms that there are, as the folder says: no object is asked, which might set right what is wrong.
    fn alarms(&self) -> BTreeSet<(String, i64)> {
        let mut command = program().command();
        command.current_dir(self.folder.root()).args([
            "objects",
            "list",
            "--json",
            "--brief",
            "data/chain",
        ]);
        let listed = output(command, &[]);
        assert!(listed.status.success(), "{listed:?}");
        let listed = String::from_utf8(listed.stdout).unwrap();
        let objects = listed.lines().map(|line| {
            let object: Value = serde_json::from_str(line).unwrap();
            let next = object["nextAlarmMs"].as_i64()?;
            Some((object["id"].as_str()?.to_owned(), next))
        });
        objects.flatten().collect()
    }
}

#[test]
fn an_alarm_that_is_set_where_it_rings_rings_again() {
    let _alone = alone();
    let seed = seed();
    let count = setting("FAULT_ALARMS", || 400);
    let folder = Folder::new(&[
        ("config.capnp", CONFIG),
        ("rearm.js", include_str!("rearm.js")),
    ]);
    std::fs::create_dir(folder.path("data")).unwrap();
    let begun = Instant::now();
    let mut world = World {
        server: start(&folder),
        folder,
        random: Random(seed),
    };
    let fates = FATES.iter().cycle().take(ROUNDS_OF_FATES * FATES.len());
    let share = count.div_ceil(fates.clone().count() as u64 + 1);
    let mut fates = fates.copied();
    for from in (0..count).step_by(share as usize) {
        let to = count.min(from + share);
        let path = format!("/begin/{from}/{to}/{ROUNDS}");
        assert_eq!(ask_after_kills(&world.server, &path), "begun");
        if let Some(fate) = fates.next() {
            thread::sleep(BETWEEN_FATES);
            world.meet(fate);
        }
    }
    let (mut before, mut moved) = (world.alarms(), Instant::now());
    while !before.is_empty() {
        let now = world.alarms();
        if now != before {
            (before, moved) = (now, Instant::now());
        }
        assert!(
            moved.elapsed() < DEADLINE,
            "{} alarms do not ring: {before:?}\n{:?}",
            before.len(),
            world.server
        );
        thread::sleep(BETWEEN_FATES);
    }
    let left = (0..count).step_by(BATCH as usize).map(|from| {
        let path = format!("/left/{from}/{}", count.min(from + BATCH));
        ask_after_kills(&world.server, &path)
            .parse::<u64>()
            .unwrap()
    });
    assert_eq!(left.sum::<u64>(), 0, "alarms are lost");
    eprintln!(
        "{count} alarms rang {ROUNDS} times each, in {:?}",
        begun.elapsed()
    );
}
