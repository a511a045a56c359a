//! Connections in and out: accepting on the config's listeners, connecting to external servers and the network.
//!
//! `boot` builds everything here. Relies on `http` for what is spoken, and on the supervisor for bound listeners.

mod accept;
mod address;
mod connect;
mod der;
mod fallback;
mod fallback_module;
pub mod loopback;
mod outbound;
mod rules;
mod special;
mod stream;
mod tickets;
mod tls;
mod trust;

use std::fmt::Display;
use std::rc::Rc;

pub use accept::{Doors, FrontDoor, Inside, TcpEndpoint};
pub use fallback::FallbackService;
pub use stream::Accepted;
pub use tickets::Secret;
pub use tls::{Keypair, Server as TlsServer, TlsSpec};

use crate::files::{Disk, DiskSpec};
use crate::http::HttpOptions;
use crate::interop;
use crate::service::{DebugPort, Service};

/// A service of the config that is no worker.
pub enum Plain {
    Network(NetworkSpec),
    External(ExternalSpec),
    /// The files of a folder, in which Durable Objects may be kept as well.
    Disk(DiskSpec),
    /// Of a kind that is still missing, by its name in the schema.
    Later(&'static str),
}

/// A network: which addresses may be connected to.
#[derive(Clone, Debug, Default)]
pub struct NetworkSpec {
    pub allow: Vec<String>,
    pub deny: Vec<String>,
    /// Whom to trust for `https:` URLs; without it there are none.
    pub tls: Option<TlsSpec>,
}

/// One server elsewhere.
#[derive(Clone, Debug)]
pub struct ExternalSpec {
    pub address: String,
    pub protocol: Protocol,
    /// The host that the server's certificate must name and whom to trust, if it speaks TLS.
    pub tls: Option<(String, TlsSpec)>,
}

/// What an external server speaks.
#[derive(Clone, Debug)]
pub enum Protocol {
    Http(HttpOptions),
    /// Anything that goes over a connection of bytes.
    Tcp,
}

/// The debug port of the instance at an address.
pub fn debug_port(address: &str) -> Rc<dyn DebugPort> {
    let address = address::Address::parse(address, 0);
    interop::port::open(async move {
        let address = address.map_err(crate::http::concealed)?;
        connect::connect(&address, None, None).await
    })
}

/// Makes the service.
pub fn build(name: &str, plain: Plain) -> Result<Rc<dyn Service>, String> {
    match plain {
        Plain::Network(spec) => Ok(Rc::new(outbound::Network::new(spec)?)),
        Plain::External(spec) => Ok(Rc::new(outbound::External::new(spec)?)),
        Plain::Disk(spec) => {
            let conceal = |text: &dyn Display| crate::http::concealed(text);
            Ok(Rc::new(Disk::open(name, &spec, conceal)?))
        }
        Plain::Later(kind) => Err(format!("{kind} is not supported yet.")),
    }
}
