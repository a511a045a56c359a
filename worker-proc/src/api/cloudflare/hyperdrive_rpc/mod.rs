//! Hyperdrive over a service, as `cloudflare-internal:hyperdrive` makes it, and what all Hyperdrive bindings make up.

use crate::glue::{Api, Ops, op};
use crate::js;
use crate::service::to_hex;

pub const API: Api = Api {
    name: "hyperdrive_rpc",
    modules: &[],
    lazy: &[
        js!("random.js"),
        js!("virtual_hosts.js"),
        js!("hyperdrive.js" as "cloudflare-internal:hyperdrive"),
        js!("postgres_api.js" as "cloudflare-internal:hyperdrive-postgres-api"),
        js!("mysql_api.js" as "cloudflare-internal:hyperdrive-mysql-api"),
    ],
    uses: &["rpc", "sockets", "webidl", "wrapped"],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[random_hex]);
}

/// `randomHex()`: 32 random digits; zeros where there is no randomness to be had, which only makes names alike.
#[op]
fn random_hex() -> String {
    let mut bytes = [0; 32];
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    to_hex(&bytes)[..32].to_owned()
}
