//! Values of JavaScript RPC on a link: their bytes, and what passes by reference, to Cap'n Proto and back.
//!
//! Called by `head` for the values of calls and answers, and by the runtime's `peer` for the reasons of signals. Relies on
//! `schema/peer.capnp`.

use capnp::struct_list;
use schema::peer_capnp as wire;

use super::frame::PeerError;
use super::head::{Address, Scratch, address, read, unknown, write_address};

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload<'a> {
    /// In V8's wire format. None when they have come before, in frames of their own.
    pub bytes: Option<&'a [u8]>,
    /// What it refers to, by the number that stands in the bytes.
    pub externals: Vec<External<'a>>,
}

/// What passes by reference. Each number is new and the sender's, except where it is said to be the receiver's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum External<'a> {
    /// Exported by the sender.
    Target(u64),
    /// Exported by the receiver.
    YourTarget(u64),
    /// Exported by the sender.
    Service(u64),
    /// Exported by the receiver.
    YourService(u64),
    /// A Durable Object.
    Actor(Address<'a>),
    /// An entrypoint.
    Entrypoint(Entrypoint<'a>),
    /// Chunks of the sender, none for an empty stream; and their length, if that is known.
    Readable {
        /// Their number, if there are any.
        chunks: Option<u64>,
        /// In bytes.
        length: Option<u64>,
    },
    /// Chunks of the receiver.
    Writable(u64),
    /// An AbortSignal of the sender.
    Signal(u64),
}

/// An entrypoint of a service of the config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entrypoint<'a> {
    /// Its name in the config.
    pub service: &'a str,
    /// What the worker exports it as; none is `default`.
    pub name: Option<&'a str>,
    /// What it was given, as JSON.
    pub props: Option<&'a str>,
}

impl Payload<'_> {
    /// The payload of a signal's frame.
    pub fn write(&self, scratch: &mut Scratch, out: &mut Vec<u8>) {
        scratch.write(out, |message| write_payload(message.init_root(), self));
    }
}

/// Reads the payload of a signal's frame.
pub fn read_payload<R>(
    payload: &[u8],
    then: impl FnOnce(Payload<'_>) -> R,
) -> Result<R, PeerError> {
    read::<wire::payload::Owned, _>(payload, |read| Ok(then(self::payload(read)?)))
}

pub(super) fn write_payload(mut out: wire::payload::Builder, payload: &Payload) {
    match payload.bytes {
        Some(bytes) => out.set_bytes(bytes),
        None => out.set_parts(()),
    }
    if payload.externals.is_empty() {
        return;
    }
    let mut list = out.init_externals(payload.externals.len() as u32);
    for (index, external) in payload.externals.iter().enumerate() {
        write_external(list.reborrow().get(index as u32), external);
    }
}

fn write_external(mut out: wire::external::Builder, external: &External) {
    match *external {
        External::Target(number) => out.set_target(number),
        External::YourTarget(number) => out.set_your_target(number),
        External::Service(number) => out.set_service(number),
        External::YourService(number) => out.set_your_service(number),
        External::Actor(address) => write_address(out.init_actor(), &address),
        External::Entrypoint(entrypoint) => {
            let mut out = out.init_entrypoint();
            out.set_service(entrypoint.service);
            if let Some(name) = entrypoint.name {
                out.set_name(name);
            }
            if let Some(props) = entrypoint.props {
                out.set_props(props);
            }
        }
        External::Readable { chunks, length } => {
            match chunks {
                Some(number) => out.set_readable_chunks(number),
                None => out.set_readable(()),
            }
            if let Some(length) = length {
                out.set_sized(true);
                out.set_length(length);
            }
        }
        External::Writable(number) => out.set_writable(number),
        External::Signal(number) => out.set_signal(number),
    }
}

pub(super) fn payload<'a>(payload: wire::payload::Reader<'a>) -> capnp::Result<Payload<'a>> {
    Ok(Payload {
        bytes: match payload.which().map_err(unknown)? {
            wire::payload::Bytes(bytes) => Some(bytes?),
            wire::payload::Parts(()) => None,
        },
        externals: externals(payload.get_externals()?)?,
    })
}

fn externals<'a>(
    list: struct_list::Reader<'a, wire::external::Owned>,
) -> capnp::Result<Vec<External<'a>>> {
    list.iter().map(external).collect()
}

fn external<'a>(external: wire::external::Reader<'a>) -> capnp::Result<External<'a>> {
    use wire::external as e;
    let readable = |chunks| External::Readable {
        chunks,
        length: external.get_sized().then_some(external.get_length()),
    };
    Ok(match external.which().map_err(unknown)? {
        e::Target(number) => External::Target(number),
        e::YourTarget(number) => External::YourTarget(number),
        e::Service(number) => External::Service(number),
        e::YourService(number) => External::YourService(number),
        e::Actor(address) => External::Actor(self::address(address?)?),
        e::Entrypoint(entrypoint) => External::Entrypoint(self::entrypoint(entrypoint?)?),
        e::Readable(()) => readable(None),
        e::ReadableChunks(number) => readable(Some(number)),
        e::Writable(number) => External::Writable(number),
        e::Signal(number) => External::Signal(number),
    })
}

fn entrypoint<'a>(entrypoint: wire::entrypoint::Reader<'a>) -> capnp::Result<Entrypoint<'a>> {
    Ok(Entrypoint {
        service: entrypoint.get_service()?.to_str()?,
        name: match entrypoint.has_name() {
            true => Some(entrypoint.get_name()?.to_str()?),
            false => None,
        },
        props: match entrypoint.has_props() {
            true => Some(entrypoint.get_props()?.to_str()?),
            false => None,
        },
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// One of everything.
    pub fn payload() -> Payload<'static> {
        let entrypoint = |name| Entrypoint {
            service: "app",
            name,
            props: Some("{}"),
        };
        Payload {
            bytes: Some(b"\xff\x0f"),
            externals: vec![
                External::Target(1),
                External::YourTarget(2),
                External::Service(3),
                External::YourService(4),
                External::Actor(Address {
                    namespace: "app-Counter",
                    id: &[7; 32],
                    name: None,
                    props: None,
                }),
                External::Entrypoint(entrypoint(None)),
                External::Entrypoint(entrypoint(Some("other"))),
                External::Readable {
                    chunks: None,
                    length: None,
                },
                External::Readable {
                    chunks: Some(5),
                    length: Some(0),
                },
                External::Writable(6),
                External::Signal(7),
            ],
        }
    }

    #[test]
    fn values_come_back() {
        let parts = Payload {
            bytes: None,
            externals: Vec::new(),
        };
        for value in [payload(), parts] {
            let mut bytes = Vec::new();
            value.write(&mut Scratch::default(), &mut bytes);
            let words = bytes.chunks(8);
            let words: Vec<_> = words
                .map(|word| u64::from_ne_bytes(word.try_into().unwrap()))
                .collect();
            let bytes = crate::fds::bytes_of_words(&words);
            assert_eq!(read_payload(bytes, |read| assert_eq!(read, value)), Ok(()));
        }
    }
}
