//! What `workerd:rtti` tells, compared with what the published binary tells, and the file that it is made of.
//!
//! `PUBLISHED_WORKERD` names the published binary. `. .ci/published.sh && published && UPDATE_RTTI=1 cargo test -p supervisor
//! --test rtti` writes `description.json.gz` anew: it asks under many sets of flags, and finds those that each part depends on.

mod learn;
mod told;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use schema::compat::Flags;
use serde_json::Value;
use tests::folder::Folder;
use tests::http;
use tests::program::Program;
use tests::random::Random;
use tests::root;
use tests::server::{Server, Start};
use told::Told;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js")],
    compatibilityDate = "2026-01-01",
    compatibilityFlags = ["rtti_api"],
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#;

const WORKER: &str = r#"import rtti from "workerd:rtti";
export default {
  fetch({ url }) {
    const { pathname, searchParams } = new URL(url);
    try {
      const message =
        pathname === "/experimental"
          ? rtti.exportExperimentalTypes()
          : rtti.exportTypes(pathname.slice(1), searchParams.getAll("flag"));
      return new Response(message);
    } catch (error) {
      return new Response(String(error), { status: 400 });
    }
  },
};
"#;

/// A program that is asked.
struct Teller {
    server: Server,
    _folder: Folder,
}

impl Teller {
    fn start(program: &Program) -> Self {
        let folder = Folder::new(&[("config.capnp", CONFIG), ("worker.js", WORKER)]);
        let start = Start::serve(program, &folder.path("config.capnp")).arg("--experimental");
        Self {
            server: start.start(),
            _folder: folder,
        }
    }

    /// The message, or why there is none.
    fn ask(&self, path: &str) -> Result<Vec<u8>, String> {
        let answer: http::Answer = self.server.get(path);
        match answer.status {
            200 => Ok(answer.body),
            _ => Err(answer.text().to_owned()),
        }
    }

    fn types(&self, date: &str, flags: &BTreeSet<&str>) -> Result<Vec<u8>, String> {
        let flags: Vec<_> = flags.iter().map(|flag| format!("flag={flag}")).collect();
        self.ask(&format!("/{date}?{}", flags.join("&")))
    }
}

/// The names of all flags that a config can set.
fn enable_flags() -> BTreeSet<&'static str> {
    let fields = Flags::default();
    fields
        .iter()
        .filter_map(|(field, _)| field.enable_flag())
        .collect()
}

fn description() -> PathBuf {
    root().join("worker-proc/src/api/cloudflare/rtti/description.json.gz")
}

fn ours() -> Teller {
    Teller::start(&Program::new(env!("CARGO_BIN_EXE_workerd")))
}

fn theirs() -> Option<Teller> {
    let published = std::env::var_os("PUBLISHED_WORKERD");
    if published.is_none() {
        assert!(std::env::var_os("CI_RUN").is_none(), "no PUBLISHED_WORKERD");
        eprintln!("PUBLISHED_WORKERD names no binary: it is not run");
    }
    Some(Teller::start(&Program::at(published?.as_ref())))
}

/// A date before all changes, so that the fields that hold are those of the flags.
const EARLIEST: &str = "2000-01-01";

#[test]
fn what_is_told_is_what_the_published_binary_tells() {
    let Some(theirs) = theirs() else { return };
    if std::env::var_os("UPDATE_RTTI").is_some() {
        let text = learn::description(&theirs);
        let file = File::create(description()).expect("a writable checkout");
        let mut encoder = GzEncoder::new(file, Compression::best());
        encoder.write_all(text.as_bytes()).expect("room for it");
        encoder.finish().expect("room for it");
        println!("description.json.gz is written; another run checks what is made of it");
        return;
    }
    let ours = ours();
    let mut told = Vec::new();
    let mut compare =
        |path: &str, ours: Result<Vec<u8>, String>, theirs: Result<Vec<u8>, String>| {
            if let Ok(message) = &ours {
                assert_eq!(message[..4], [0; 4], "{path}: one segment");
            }
            let (ours, theirs) = (ours.map(Told::read), theirs.map(Told::read));
            if let (Ok(ours), Ok(theirs)) = (&ours, &theirs) {
                assert_eq!(ours.groups, theirs.groups, "{path}");
                for (name, parts) in &theirs.parts {
                    assert_eq!(&ours.parts[name], parts, "{path}: {name}");
                }
            }
            assert!(ours == theirs, "{path}: {ours:?}\n{theirs:?}");
            told.push(ours.is_ok());
        };
    let mut both = |path: &str| compare(path, ours.ask(path), theirs.ask(path));
    for path in [
        "/experimental",
        "/2021-11-02",
        "/2022-01-31",
        "/2022-11-30?flag=nodejs_als",
        "/2023-08-01?flag=nodejs_compat&flag=rtti_api&flag=unsafe_module",
        "/2024-09-23?flag=nodejs_compat&flag=experimental",
        "/2025-09-15?flag=nodejs_compat&flag=no_nodejs_compat_v2",
        "/2026-01-01?flag=no_global_navigator&flag=global_fetch_strictly_public",
        "/2026-11-17?flag=nodejs_compat",
        "/2999-12-31?flag=no_nodejs_compat&flag=no_nodejs_compat_v2",
        "/1999-01-01",
        "/2026-01-01?flag=rtti_api&flag=rtti_api",
        "/2026-01-01?flag=a&flag=url_standard&flag=url_original",
    ] {
        both(path);
    }
    // Not the choices that the file was learnt from.
    let mut random = Random::new(2);
    let known: Vec<&str> = enable_flags()
        .into_iter()
        .filter(|flag| theirs.types(EARLIEST, &[*flag].into()).is_ok())
        .collect();
    for _ in 0..12 {
        let mut flags: BTreeSet<&str> = known.iter().copied().collect();
        flags.retain(|_| random.one_in(2));
        let path = format!("{EARLIEST}: {flags:?}");
        let (ours, theirs) = (ours.types(EARLIEST, &flags), theirs.types(EARLIEST, &flags));
        compare(&path, ours, theirs);
    }
    assert_eq!(told.iter().filter(|is_told| **is_told).count(), 22);
}

/// A condition with a misspelt flag would never hold.
#[test]
fn conditions_name_flags() {
    let file = File::open(description()).expect("the file is there");
    let mut text = String::new();
    let inflated = GzDecoder::new(file).read_to_string(&mut text);
    inflated.expect("a whole file");
    let description: Value = serde_json::from_str(&text).expect("JSON");
    let fields = Flags::default();
    let names: BTreeSet<&str> = fields.iter().map(|(field, _)| field.name()).collect();
    let structures = description["structures"]
        .as_object()
        .expect("by their names");
    let lists = structures.values().chain([&description["modules"]]);
    let parts = lists.flat_map(|parts| parts.as_array().expect("a list of parts"));
    let mut count = 0;
    for condition in parts.filter_map(|part| part["if"].as_str()) {
        count += 1;
        for literal in condition.split(" | ").flat_map(|all| all.split(" & ")) {
            let name = literal.trim_start_matches('!');
            assert!(names.contains(name), "{condition}");
        }
    }
    assert!(count > 100, "{count}");
}
