//! Hyperdrive: a database behind a service of the config, and what a driver is to be told to come to it.

use crate::glue::{Api, Binding, Ops, as_given, op};
use crate::js;
use crate::log;
use crate::service::to_hex;

pub const BINDING: Binding = Binding {
    kind: "hyperdrive",
    api: Api {
        name: "bindings/hyperdrive",
        modules: &[],
        lazy: &[js!("hyperdrive.js")],
        uses: &["sockets", "webidl"],
        lazy_uses: &[],
        ops,
    },
    prepare: as_given,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[new_host, new_address, lost]);
}

/// Random bytes; zeros where there are none to be had, which only makes names alike.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    bytes
}

/// A host name that nobody else has.
#[op]
fn new_host() -> String {
    let digits = to_hex(&random());
    format!("{}.hyperdrive.local", &digits[..32])
}

/// An IPv4 address of those that nobody may use.
#[op]
fn new_address() -> String {
    let [third, fourth] = random();
    format!("240.0.{third}.{fourth}")
}

/// Says that the database cannot be reached.
#[op]
fn lost() {
    log::warn("failed to connect to local database");
}
