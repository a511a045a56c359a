//! The vocabulary of the control channel between the supervisor and a runtime process.
//!
//! Called by `channel`, which moves messages, and read by whoever wants to know what the two can say to each other. Relies
//! on `frame` for the bytes. Descriptors travel beside a message; which message carries how many is said on the variant.

use std::time::Duration;

use crate::frame::{FrameError, MAX_PACKET_BYTES, Reader, Writer};
use crate::start::{Limits, ListenerKind, Options, TestFilter};

/// The errors of one start are cut to this many bytes together, so that they fit one packet.
const MAX_ERROR_BYTES: usize = MAX_PACKET_BYTES / 2;

/// One listener as announced in [`ToRuntime::Listeners`]; its descriptor travels beside the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerInfo {
    pub socket: u32,
    pub slot: u32,
    pub kind: ListenerKind,
}

/// From the supervisor to a runtime process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToRuntime {
    /// The first message: how to run. One descriptor: the config, a sealed `memfd`. `listener_count` listeners follow.
    Start {
        options: Box<Options>,
        listener_count: u32,
    },
    /// Some of the listeners, with one descriptor each.
    Listeners(Vec<ListenerInfo>),
    /// Every process is ready and the sockets listen: begin to accept. Answered by [`ToSupervisor::Serving`].
    Serve,
    /// Accept on the listeners of this slot too: its process is down.
    Adopt { slot: u32 },
    /// No longer accept on the listeners of this slot: its process is back.
    Release { slot: u32 },
    /// Stop accepting, answer what was accepted, end idle connections, and cut off what is left after `deadline`. Answered by
    /// [`ToSupervisor::Drained`].
    Drain { deadline: Duration },
    /// Are you alive? Answered by [`ToSupervisor::Pong`].
    Ping,
}

/// From a runtime process to the supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToSupervisor {
    /// Config and scripts are loaded; nothing is accepted yet.
    Ready,
    /// The config or a script is wrong; a retry cannot help. The process exits with [`crate::handshake::EXIT_START_FAILED`].
    Failed { errors: Vec<String> },
    /// Accepting.
    Serving,
    /// Every accepted request is answered or cut off. The process exits next.
    Drained,
    /// The answer to [`ToRuntime::Ping`].
    Pong,
    /// Numbers of this process, sent when it likes, at most once a second.
    Stats {
        live_connections: u32,
        requests_served: u64,
    },
}

/// A message of one direction: to and from packet bytes.
pub trait Message: Sized {
    fn encode(&self) -> Vec<u8>;
    fn decode(packet: &[u8]) -> Result<Self, FrameError>;
    /// How many descriptors travel beside this message.
    fn fd_count(&self) -> usize {
        0
    }
}

impl Message for ToRuntime {
    fn encode(&self) -> Vec<u8> {
        let mut w;
        match self {
            Self::Start {
                options,
                listener_count,
            } => {
                w = Writer::new(1);
                write_options(&mut w, options);
                w.u32(*listener_count);
            }
            Self::Listeners(listeners) => {
                w = Writer::new(2);
                w.u32(u32::try_from(listeners.len()).unwrap_or(u32::MAX));
                for listener in listeners {
                    w.u32(listener.socket)
                        .u32(listener.slot)
                        .bool(listener.kind == ListenerKind::Unix);
                }
            }
            Self::Serve => w = Writer::new(3),
            Self::Adopt { slot } => {
                w = Writer::new(4);
                w.u32(*slot);
            }
            Self::Release { slot } => {
                w = Writer::new(5);
                w.u32(*slot);
            }
            Self::Drain { deadline } => {
                w = Writer::new(6);
                w.duration(*deadline);
            }
            Self::Ping => w = Writer::new(7),
        }
        w.finish()
    }

    fn decode(packet: &[u8]) -> Result<Self, FrameError> {
        let (tag, mut r) = Reader::new(packet)?;
        let message = match tag {
            1 => Self::Start {
                options: Box::new(read_options(&mut r)?),
                listener_count: r.u32()?,
            },
            2 => {
                let count = r.u32()?;
                let mut listeners = Vec::new();
                for _ in 0..count {
                    listeners.push(ListenerInfo {
                        socket: r.u32()?,
                        slot: r.u32()?,
                        kind: if r.bool()? {
                            ListenerKind::Unix
                        } else {
                            ListenerKind::Tcp
                        },
                    });
                }
                Self::Listeners(listeners)
            }
            3 => Self::Serve,
            4 => Self::Adopt { slot: r.u32()? },
            5 => Self::Release { slot: r.u32()? },
            6 => Self::Drain {
                deadline: r.duration()?,
            },
            7 => Self::Ping,
            tag => return Err(FrameError::UnknownTag(tag)),
        };
        r.finish()?;
        Ok(message)
    }

    fn fd_count(&self) -> usize {
        match self {
            Self::Start { .. } => 1,
            Self::Listeners(listeners) => listeners.len(),
            _ => 0,
        }
    }
}

impl Message for ToSupervisor {
    fn encode(&self) -> Vec<u8> {
        let mut w;
        match self {
            Self::Ready => w = Writer::new(1),
            Self::Failed { errors } => {
                w = Writer::new(2);
                let errors = within(errors, MAX_ERROR_BYTES);
                w.u32(u32::try_from(errors.len()).unwrap_or(u32::MAX));
                for error in errors {
                    w.str(error);
                }
            }
            Self::Serving => w = Writer::new(3),
            Self::Drained => w = Writer::new(4),
            Self::Pong => w = Writer::new(5),
            Self::Stats {
                live_connections,
                requests_served,
            } => {
                w = Writer::new(6);
                w.u32(*live_connections).u64(*requests_served);
            }
        }
        w.finish()
    }

    fn decode(packet: &[u8]) -> Result<Self, FrameError> {
        let (tag, mut r) = Reader::new(packet)?;
        let message = match tag {
            1 => Self::Ready,
            2 => {
                let count = r.u32()?;
                let mut errors = Vec::new();
                for _ in 0..count {
                    errors.push(r.str()?);
                }
                Self::Failed { errors }
            }
            3 => Self::Serving,
            4 => Self::Drained,
            5 => Self::Pong,
            6 => Self::Stats {
                live_connections: r.u32()?,
                requests_served: r.u64()?,
            },
            tag => return Err(FrameError::UnknownTag(tag)),
        };
        r.finish()?;
        Ok(message)
    }
}

/// The first errors that fit `budget` bytes together; the one that does not is cut, at a character.
fn within(errors: &[String], mut budget: usize) -> Vec<&str> {
    let mut fitting = Vec::new();
    for error in errors {
        // Four bytes of length go before each.
        let Some(room) = budget.checked_sub(4) else {
            break;
        };
        let end = error.floor_char_boundary(room);
        fitting.push(&error[..end]);
        budget = room - end;
    }
    fitting
}

fn write_options(w: &mut Writer, options: &Options) {
    // Taken apart by name, so that a new field cannot be forgotten.
    let Options {
        verbose,
        experimental,
        compat_date,
        predictable,
        all_autogates,
        gc_stress,
        process,
        processes,
        drain_timeout,
        inspector_addr,
        limits,
        test,
    } = options;
    let Limits {
        max_connections,
        max_header_bytes,
        max_header_count,
        header_read_timeout,
        idle_timeout,
    } = limits;
    w.bool(*verbose)
        .bool(*experimental)
        .optional_str(compat_date.as_deref());
    w.bool(*predictable).bool(*all_autogates).bool(*gc_stress);
    w.u32(*process)
        .u32(*processes)
        .duration(*drain_timeout)
        .optional_str(inspector_addr.as_deref());
    w.u32(*max_connections)
        .u32(*max_header_bytes)
        .u32(*max_header_count);
    w.duration(*header_read_timeout).duration(*idle_timeout);
    w.optional_str(test.as_ref().map(|test| test.service.as_str()));
    w.optional_str(test.as_ref().map(|test| test.entrypoint.as_str()));
}

fn read_options(r: &mut Reader) -> Result<Options, FrameError> {
    Ok(Options {
        verbose: r.bool()?,
        experimental: r.bool()?,
        compat_date: r.optional_str()?,
        predictable: r.bool()?,
        all_autogates: r.bool()?,
        gc_stress: r.bool()?,
        process: r.u32()?,
        processes: r.u32()?,
        drain_timeout: r.duration()?,
        inspector_addr: r.optional_str()?,
        limits: Limits {
            max_connections: r.u32()?,
            max_header_bytes: r.u32()?,
            max_header_count: r.u32()?,
            header_read_timeout: r.duration()?,
            idle_timeout: r.duration()?,
        },
        test: match (r.optional_str()?, r.optional_str()?) {
            (Some(service), Some(entrypoint)) => Some(TestFilter {
                service,
                entrypoint,
            }),
            _ => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn returns<M: Message + PartialEq + std::fmt::Debug>(message: M) {
        assert_eq!(M::decode(&message.encode()), Ok(message));
    }

    #[test]
    fn every_message_comes_back() {
        let options = Options {
            verbose: true,
            compat_date: Some("2024-01-01".into()),
            process: 1,
            processes: 2,
            test: Some(TestFilter {
                service: "*".into(),
                entrypoint: "a*".into(),
            }),
            ..Options::default()
        };
        returns(ToRuntime::Start {
            options: Box::new(options),
            listener_count: 3,
        });
        returns(ToRuntime::Listeners(vec![
            ListenerInfo {
                socket: 1,
                slot: 0,
                kind: ListenerKind::Tcp,
            },
            ListenerInfo {
                socket: 2,
                slot: u32::MAX,
                kind: ListenerKind::Unix,
            },
        ]));
        returns(ToRuntime::Serve);
        returns(ToRuntime::Adopt { slot: 3 });
        returns(ToRuntime::Release { slot: 3 });
        returns(ToRuntime::Drain {
            deadline: Duration::from_secs(30),
        });
        returns(ToRuntime::Ping);
        returns(ToSupervisor::Ready);
        returns(ToSupervisor::Failed {
            errors: vec!["one".into(), String::new(), "two".into()],
        });
        returns(ToSupervisor::Serving);
        returns(ToSupervisor::Drained);
        returns(ToSupervisor::Pong);
        returns(ToSupervisor::Stats {
            live_connections: 1,
            requests_served: u64::MAX,
        });
    }

    #[test]
    fn many_errors_fit_one_packet() {
        let errors = vec!["ä".repeat(MAX_ERROR_BYTES); 3];
        let packet = ToSupervisor::Failed { errors }.encode();
        assert!(packet.len() <= MAX_PACKET_BYTES);
        let empty = ToSupervisor::Failed {
            errors: vec![String::new(); MAX_PACKET_BYTES],
        };
        assert!(empty.encode().len() <= MAX_PACKET_BYTES);
    }

    #[test]
    fn cut_messages_are_errors() {
        let packet = ToRuntime::Start {
            options: Box::default(),
            listener_count: 3,
        }
        .encode();
        for end in 0..packet.len() {
            assert!(ToRuntime::decode(&packet[..end]).is_err());
        }
        assert_eq!(
            ToSupervisor::decode(&[crate::frame::VERSION, 99]),
            Err(FrameError::UnknownTag(99))
        );
    }
}
