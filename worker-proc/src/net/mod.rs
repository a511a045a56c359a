//! Connections in and out: accepting on the config's listeners, connecting to external servers and the network.
//!
//! `boot` builds everything here. Relies on `http` for what is spoken, and on the supervisor for bound listeners.

mod accept;
mod address;
mod ciphers;
mod connect;
mod datagrams;
mod der;
mod fallback;
mod fallback_module;
mod keypairs;
pub mod loopback;
mod outbound;
mod rules;
mod special;
mod start_tls;
mod stream;
mod tickets;
mod tls;
mod trust;

use std::fmt::Display;
use std::rc::Rc;

pub use accept::{Doors, FrontDoor, Inside, TcpEndpoint};
pub use datagrams::UdpEndpoint;
pub use fallback::FallbackService;
pub use keypairs::Keypair;
pub use stream::Accepted;
pub use tickets::Secret;
pub use tls::{Oldest, Server as TlsServer, TlsSpec};

use crate::dispatch::Directory;
use crate::files::{Assets, AssetsSpec, Disk, DiskSpec, FindWorker};
use crate::http::HttpOptions;
use crate::interop;
use crate::service::{DebugPort, Designator, Error, Service};

/// A service of the config that is no worker.
pub enum Plain {
    Network(NetworkSpec),
    External(ExternalSpec),
    /// The files of a folder, in which Durable Objects may be kept as well.
    Disk(DiskSpec),
    /// Static files, and the worker behind them if there is one.
    Assets(AssetsSpec, Option<Designator>),
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

/// A service that was made of the config.
pub struct Built {
    pub service: Rc<dyn Service>,
    /// Of those that have one.
    pub entrypoint: Option<(&'static str, Rc<dyn Service>)>,
    /// What the config says and that is not followed.
    pub warnings: Vec<String>,
}

impl Built {
    fn plain(service: impl Service) -> Self {
        Self {
            service: Rc::new(service),
            entrypoint: None,
            warnings: Vec::new(),
        }
    }
}

fn conceal(text: &dyn Display) -> Error {
    crate::http::concealed(text)
}

/// Makes the service. Others that it asks are in the directory by then.
pub fn build(name: &str, plain: Plain, directory: &Rc<dyn Directory>) -> Result<Built, String> {
    match plain {
        Plain::Network(spec) => Ok(Built::plain(outbound::Network::new(spec)?)),
        Plain::External(spec) => Ok(Built::plain(outbound::External::new(spec)?)),
        Plain::Disk(spec) => Ok(Built::plain(Disk::open(name, &spec, conceal)?)),
        Plain::Assets(spec, worker) => {
            let find = worker.map(|worker| -> FindWorker {
                let directory = Rc::downgrade(directory);
                Box::new(move || directory.upgrade()?.find(&worker))
            });
            let (assets, warnings) = Assets::open(name, &spec, find, conceal)?;
            let files = assets.files();
            Ok(Built {
                entrypoint: Some(("AssetWorker", files)),
                warnings,
                ..Built::plain(assets)
            })
        }
        Plain::Later(kind) => Err(format!("{kind} is not supported yet.")),
    }
}
