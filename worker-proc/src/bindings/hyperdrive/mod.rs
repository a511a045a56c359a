//! Hyperdrive: a database behind a service of the config, and what a driver is to be told to come to it.

use crate::glue::{Api, Binding, Ops, as_given, op};
use crate::js;
use crate::log;

pub const BINDING: Binding = Binding {
    kind: "hyperdrive",
    api: Api {
        name: "bindings/hyperdrive",
        modules: &[],
        lazy: &[js!("hyperdrive.js")],
        uses: &["hyperdrive_rpc", "sockets", "webidl"],
        lazy_uses: &[],
        ops,
    },
    prepare: as_given,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[new_address, lost]);
}

/// An IPv4 address of those that nobody may use.
#[op]
fn new_address() -> String {
    let mut bytes = [0; 2];
    // Zeros where there is no randomness to be had, which only makes addresses alike.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    let [third, fourth] = bytes;
    format!("240.0.{third}.{fourth}")
}

/// Says that the database cannot be reached.
#[op]
fn lost() {
    log::warn("failed to connect to local database");
}
