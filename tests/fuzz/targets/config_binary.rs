//! Any bytes as an encoded configuration: refused, or checked to the end without a panic.
#![no_main]

#[allow(dead_code)]
#[path = "../../../supervisor/src/config/mod.rs"]
mod config;

use config::{LoadOptions, Overrides, Purpose, Source};
use libfuzzer_sys::fuzz_target;
use std::{env, fs, process};

fuzz_target!(|input: &[u8]| {
    let path = env::temp_dir().join(format!("fuzz-config-{}.bin", process::id()));
    fs::write(&path, input).expect("a writable directory");
    let name = || "main".to_owned();
    let overrides = Overrides {
        directories: vec![(name(), "/".into())],
        externals: vec![(name(), "127.0.0.1:1".into())],
        socket_addrs: vec![(name(), "127.0.0.1:0".into())],
        socket_fds: Vec::new(),
        debug_port: None,
    };
    for purpose in [Purpose::Compile, Purpose::Serve] {
        let options = LoadOptions {
            source: Source::File(path.clone()),
            purpose,
            binary: true,
            import_path: Vec::new(),
            const_name: None,
            overrides: overrides.clone(),
            experimental: true,
            compat_date: None,
        };
        let _ = config::load(&options);
    }
});
