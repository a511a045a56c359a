//! Any text as a configuration: an error or a message, never a panic, and the message reads back as
//! itself. The input is several files, each after a line of `%%%`; the first is the configuration,
//! the others are `a`, `b` and so on, to be imported and embedded.
#![no_main]

#[allow(dead_code)]
#[path = "../../../supervisor/src/config/mod.rs"]
mod config;

use config::{LoadOptions, Overrides, Purpose, Source};
use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::LazyLock;
use std::{env, fs, process};

/// Beside the working directory's other content only these files are ever named.
static DIR: LazyLock<std::path::PathBuf> = LazyLock::new(|| {
    let dir = env::temp_dir().join(format!("fuzz-config-{}", process::id()));
    fs::create_dir_all(&dir).expect("a temporary directory");
    dir
});

fuzz_target!(|input: &[u8]| {
    let mut main = DIR.join("main.capnp");
    for (part, name) in split(input).into_iter().zip(["main.capnp", "a", "b", "c", "d"]) {
        fs::write(DIR.join(name), part).expect("a writable directory");
    }
    let Ok(loaded) = config::load(&options(&main, false)) else { return };
    main.set_file_name("main.bin");
    fs::write(&main, loaded.message.as_bytes()).expect("a writable directory");
    let again = config::load(&options(&main, true)).expect("a message just written");
    assert_eq!(loaded.message.as_bytes(), again.message.as_bytes());
});

fn split(input: &[u8]) -> Vec<&[u8]> {
    const SEPARATOR: &[u8] = b"\n%%%\n";
    let mut parts = Vec::new();
    let mut rest = input;
    while let Some(at) = rest.windows(SEPARATOR.len()).position(|window| window == SEPARATOR) {
        parts.push(&rest[..at]);
        rest = &rest[at + SEPARATOR.len()..];
    }
    parts.push(rest);
    parts
}

fn options(path: &Path, binary: bool) -> LoadOptions {
    LoadOptions {
        source: Source::File(path.to_owned()),
        purpose: Purpose::Compile,
        binary,
        import_path: vec![DIR.clone()],
        const_name: None,
        overrides: Overrides::default(),
        experimental: true,
        compat_date: None,
    }
}
