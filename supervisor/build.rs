//! Makes the V8 start-up snapshot that the binary embeds: all internal JavaScript, evaluated.

use std::path::PathBuf;

fn main() {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    match worker_proc::build_snapshot() {
        Ok(snapshot) => {
            std::fs::write(out.join("snapshot.bin"), snapshot).expect("OUT_DIR is writable")
        }
        Err(error) => {
            eprintln!("internal JavaScript failed: {error}");
            std::process::exit(1);
        }
    }
    // Cargo reruns this when `worker-proc`, which holds the JavaScript, has changed.
    println!("cargo::rerun-if-changed=build.rs");
}
