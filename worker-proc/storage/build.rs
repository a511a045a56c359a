//! Compiles SQLite from `deploy/sqlite`: the amalgamation with rows counted, and with what the published workerd has on.

use std::fs::File;
use std::io;
use std::path::PathBuf;

/// What SQL can ask for, and how much it may allocate.
const OPTIONS: &[&str] = &[
    "SQLITE_CORE",
    "SQLITE_THREADSAFE=1",
    "SQLITE_DEFAULT_FOREIGN_KEYS=1",
    "SQLITE_DEFAULT_MEMSTATUS=0",
    "SQLITE_ENABLE_FTS5",
    "SQLITE_ENABLE_MATH_FUNCTIONS",
    "SQLITE_ENABLE_RTREE",
    "SQLITE_ENABLE_UPDATE_DELETE_LIMIT",
    "SQLITE_MAX_ALLOCATION_SIZE=16777216",
    "SQLITE_OMIT_DEPRECATED",
    "SQLITE_OMIT_SHARED_CACHE",
    "SQLITE_PRINTF_PRECISION_LIMIT=100000",
    "HAVE_ISNAN",
    "HAVE_LOCALTIME_R",
    "HAVE_USLEEP=1",
];

fn main() {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let archive = here.join("../../deploy/sqlite/sqlite3.c.gz");
    println!("cargo::rerun-if-changed={}", archive.display());
    println!("cargo::rerun-if-changed=build.rs");
    let source = out.join("sqlite3.c");
    let packed = File::open(&archive).expect("deploy/sqlite/sqlite3.c.gz is in the repository");
    let mut unpacked = File::create(&source).expect("OUT_DIR is writable");
    io::copy(&mut flate2::read::GzDecoder::new(packed), &mut unpacked)
        .expect("the archive is whole");
    let mut build = cc::Build::new();
    // Much slower without optimisation, and nobody steps through it.
    build.file(&source).opt_level(2).warnings(false);
    for option in OPTIONS {
        let (name, value) = option
            .split_once('=')
            .map_or((*option, None), |(n, v)| (n, Some(v)));
        build.define(name, value);
    }
    build.compile("sqlite3");
}
