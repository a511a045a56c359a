//! The vocabulary of the control channel between the supervisor and a runtime process.
//!
//! Read by whoever wants to know what the two can say to each other. Relies on `channel`, which moves messages, and
//! on `frame` for the bytes. Descriptors travel beside the bytes, in the order of the fields that hold them.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use crate::channel::Channel;
use crate::frame::{FrameError, MAX_PACKET_BYTES, Message, Reader, Writer};
use crate::live::{Answer, Query};
use crate::start::{Limits, Listener, ListenerKind, Options, TestFilter};

/// The errors of one start are cut to this many bytes together, so that they fit one packet.
const MAX_ERROR_BYTES: usize = MAX_PACKET_BYTES / 2;

/// The end that a runtime process holds.
pub type Control = Channel<ToSupervisor, ToRuntime>;

/// The end that the supervisor holds.
pub type RuntimeLink = Channel<ToRuntime, ToSupervisor>;

/// From the supervisor to a runtime process.
#[derive(Debug)]
pub enum ToRuntime {
    /// The first message: how to run, the config as sealed memory, and the file of the server's locks. `listener_count`
    /// listeners follow.
    Start {
        /// How it is to run.
        options: Box<Options>,
        /// The sealed memory that the config is in.
        config: OwnedFd,
        /// The file of the server's locks.
        locks: OwnedFd,
        /// What the process counts in.
        metrics: OwnedFd,
        /// The process's end of its inspector's channel, if it has one.
        inspector: Option<OwnedFd>,
        /// How many listeners follow.
        listener_count: u32,
    },
    /// Some of the listeners of a start, at most [`crate::fds::MAX_FDS_PER_PACKET`].
    Listeners(Vec<Listener>),
    /// Every process is ready and the sockets listen: begin to accept. Answered by [`ToSupervisor::Serving`].
    Serve,
    /// The process of this slot is down: accept on its listeners too, all of which have `slot`. A slot with many listeners comes
    /// in several of these.
    Adopt {
        /// Whose they are.
        slot: u32,
        /// Those that it is to accept on too.
        listeners: Vec<Listener>,
    },
    /// The process of this slot is back: close the listeners adopted from it. What they accepted is still answered.
    Release {
        /// Whose they are.
        slot: u32,
    },
    /// Accept what the queues hold, close every listener, answer what was accepted, end idle connections, and cut off what is
    /// left after `deadline`. Answered by [`ToSupervisor::Draining`], then by [`ToSupervisor::Drained`].
    Drain {
        /// How long it has.
        deadline: Duration,
    },
    /// Are you alive? Answered by [`ToSupervisor::Pong`].
    Ping,
    /// A link to the process of that slot and generation, in place of one that there may be: an end of a
    /// [`crate::fds::stream_pair`].
    Peer {
        /// The slot of the other process.
        slot: u32,
        /// Its generation.
        generation: u64,
        /// This end of the link.
        fd: OwnedFd,
    },
    /// Every process of this generation has drained, so no other needs this one: exit.
    Leave,
    /// Which objects are live? Answered by [`ToSupervisor::Objects`].
    Objects(Box<Query>),
}

/// From a runtime process to the supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToSupervisor {
    /// Config and scripts are loaded; nothing is accepted yet.
    Ready,
    /// The config or a script is wrong; a retry cannot help. The process exits with [`crate::handshake::EXIT_START_FAILED`].
    Failed {
        /// Lines for the log.
        errors: Vec<String>,
    },
    /// Accepting.
    Serving,
    /// Every listener is closed: this process accepts nothing more.
    Draining,
    /// Every accepted request is answered or cut off. The process goes on serving its peers until [`ToRuntime::Leave`].
    Drained,
    /// The answer to [`ToRuntime::Ping`].
    Pong,
    /// Numbers of this process, sent when it likes, at most once a second.
    Stats {
        /// Open now.
        live_connections: u32,
        /// Since the start.
        requests_served: u64,
    },
    /// The answer to [`ToRuntime::Objects`].
    Objects(Box<Answer>),
}

impl Message for ToRuntime {
    fn encode(&self) -> Vec<u8> {
        let mut w;
        match self {
            Self::Start {
                options,
                config: _,
                locks: _,
                metrics: _,
                inspector,
                listener_count,
            } => {
                w = Writer::new(1);
                write_options(&mut w, options);
                w.bool(inspector.is_some()).u32(*listener_count);
            }
            Self::Listeners(listeners) => {
                w = Writer::new(2);
                write_listeners(&mut w, listeners);
            }
            Self::Serve => w = Writer::new(3),
            Self::Adopt { slot, listeners } => {
                w = Writer::new(4);
                w.u32(*slot);
                write_listeners(&mut w, listeners);
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
            Self::Peer {
                slot,
                generation,
                fd: _,
            } => {
                w = Writer::new(8);
                w.u32(*slot).u64(*generation);
            }
            Self::Leave => w = Writer::new(9),
            Self::Objects(query) => {
                w = Writer::new(20);
                query.write(&mut w);
            }
        }
        w.finish()
    }

    fn fds(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Self::Start {
                config,
                locks,
                metrics,
                inspector,
                ..
            } => {
                let required = [config.as_fd(), locks.as_fd(), metrics.as_fd()].into_iter();
                required.chain(inspector.iter().map(AsFd::as_fd)).collect()
            }
            Self::Peer { fd, .. } => vec![fd.as_fd()],
            Self::Listeners(listeners) | Self::Adopt { listeners, .. } => listeners
                .iter()
                .map(|listener| listener.fd.as_fd())
                .collect(),
            _ => Vec::new(),
        }
    }

    fn decode(packet: &[u8], fds: Vec<OwnedFd>) -> Result<Self, FrameError> {
        let mut fds = fds.into_iter();
        let (tag, mut r) = Reader::new(packet)?;
        let message = match tag {
            1 => Self::Start {
                options: Box::new(read_options(&mut r)?),
                config: fds.next().ok_or(FrameError::MissingFd)?,
                locks: fds.next().ok_or(FrameError::MissingFd)?,
                metrics: fds.next().ok_or(FrameError::MissingFd)?,
                inspector: match r.bool()? {
                    true => Some(fds.next().ok_or(FrameError::MissingFd)?),
                    false => None,
                },
                listener_count: r.u32()?,
            },
            2 => Self::Listeners(read_listeners(&mut r, &mut fds)?),
            3 => Self::Serve,
            4 => Self::Adopt {
                slot: r.u32()?,
                listeners: read_listeners(&mut r, &mut fds)?,
            },
            5 => Self::Release { slot: r.u32()? },
            6 => Self::Drain {
                deadline: r.duration()?,
            },
            7 => Self::Ping,
            8 => Self::Peer {
                slot: r.u32()?,
                generation: r.u64()?,
                fd: fds.next().ok_or(FrameError::MissingFd)?,
            },
            9 => Self::Leave,
            20 => Self::Objects(Box::new(Query::read(&mut r)?)),
            tag => return Err(FrameError::UnknownTag(tag)),
        };
        r.finish()?;
        Ok(message)
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
            Self::Draining => w = Writer::new(7),
            Self::Stats {
                live_connections,
                requests_served,
            } => {
                w = Writer::new(6);
                w.u32(*live_connections).u64(*requests_served);
            }
            Self::Objects(answer) => {
                w = Writer::new(20);
                answer.write(&mut w);
            }
        }
        w.finish()
    }

    fn fds(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }

    fn decode(packet: &[u8], _fds: Vec<OwnedFd>) -> Result<Self, FrameError> {
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
            7 => Self::Draining,
            6 => Self::Stats {
                live_connections: r.u32()?,
                requests_served: r.u64()?,
            },
            20 => Self::Objects(Box::new(Answer::read(&mut r)?)),
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

fn write_listeners(w: &mut Writer, listeners: &[Listener]) {
    w.u32(u32::try_from(listeners.len()).unwrap_or(u32::MAX));
    for listener in listeners {
        w.u32(u32::try_from(listener.socket).unwrap_or(u32::MAX));
        w.u32(listener.slot).u8(match listener.kind {
            ListenerKind::Tcp => 0,
            ListenerKind::Unix => 1,
            ListenerKind::Udp => 2,
        });
    }
}

fn read_listeners(
    r: &mut Reader,
    fds: &mut impl Iterator<Item = OwnedFd>,
) -> Result<Vec<Listener>, FrameError> {
    let mut listeners = Vec::new();
    for _ in 0..r.u32()? {
        listeners.push(Listener {
            socket: r.u32()? as usize,
            slot: r.u32()?,
            kind: match r.u8()? {
                0 => ListenerKind::Tcp,
                1 => ListenerKind::Unix,
                2 => ListenerKind::Udp,
                _ => return Err(FrameError::BadField("kind of a listener")),
            },
            fd: fds.next().ok_or(FrameError::MissingFd)?,
        });
    }
    Ok(listeners)
}

fn write_options(w: &mut Writer, options: &Options) {
    // Taken apart by name, so that a new field cannot be forgotten.
    let Options {
        verbose,
        experimental,
        sandbox,
        compat_date,
        predictable,
        all_autogates,
        gc_stress,
        process,
        processes,
        generation,
        drain_timeout,
        pitr_days,
        limit_cpu_ms,
        limit_heap_mb,
        limits,
        test,
    } = options;
    let Limits {
        max_connections,
        max_header_bytes,
        max_header_count,
        header_read_timeout,
        idle_timeout,
        body_read_timeout,
        send_timeout,
        min_body_rate,
    } = limits;
    w.bool(*verbose)
        .bool(*experimental)
        .bool(*sandbox)
        .optional_str(compat_date.as_deref());
    w.bool(*predictable).bool(*all_autogates).bool(*gc_stress);
    w.u32(*process)
        .u32(*processes)
        .u64(*generation)
        .duration(*drain_timeout)
        .u32(*pitr_days)
        .u32(*limit_cpu_ms)
        .u32(*limit_heap_mb);
    w.u32(*max_connections)
        .u32(*max_header_bytes)
        .u32(*max_header_count);
    w.duration(*header_read_timeout).duration(*idle_timeout);
    w.duration(*body_read_timeout)
        .duration(*send_timeout)
        .u32(*min_body_rate);
    w.optional_str(test.as_ref().map(|test| test.service.as_str()));
    w.optional_str(test.as_ref().map(|test| test.entrypoint.as_str()));
}

fn read_options(r: &mut Reader) -> Result<Options, FrameError> {
    Ok(Options {
        verbose: r.bool()?,
        experimental: r.bool()?,
        sandbox: r.bool()?,
        compat_date: r.optional_str()?,
        predictable: r.bool()?,
        all_autogates: r.bool()?,
        gc_stress: r.bool()?,
        process: r.u32()?,
        processes: r.u32()?,
        generation: r.u64()?,
        drain_timeout: r.duration()?,
        pitr_days: r.u32()?,
        limit_cpu_ms: r.u32()?,
        limit_heap_mb: r.u32()?,
        limits: Limits {
            max_connections: r.u32()?,
            max_header_bytes: r.u32()?,
            max_header_count: r.u32()?,
            header_read_timeout: r.duration()?,
            idle_timeout: r.duration()?,
            body_read_timeout: r.duration()?,
            send_timeout: r.duration()?,
            min_body_rate: r.u32()?,
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
    use std::fmt;

    use super::*;

    fn listener(slot: u32) -> Listener {
        let (fd, _other) = crate::fds::packet_pair().unwrap();
        Listener {
            socket: 7,
            slot,
            fd,
            kind: ListenerKind::Unix,
        }
    }

    /// What the message says, without the numbers of its descriptors, which change on the way.
    fn said(message: &impl fmt::Debug) -> String {
        let text = format!("{message:?}");
        let mut parts = text.split("OwnedFd { fd: ");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |said, part| {
            said + part.trim_start_matches(|c: char| c.is_ascii_digit())
        })
    }

    fn returns<M: Message + fmt::Debug>(message: M) {
        let packet = message.encode();
        let fds = message
            .fds()
            .iter()
            .map(|fd| fd.try_clone_to_owned().unwrap())
            .collect();
        let decoded = M::decode(&packet, fds).unwrap();
        assert_eq!(said(&decoded), said(&message));
        assert_eq!(decoded.fds().len(), message.fds().len());
    }

    #[test]
    fn every_message_comes_back() {
        let options = Options {
            verbose: true,
            compat_date: Some("2024-01-01".into()),
            process: 1,
            processes: 2,
            generation: 3,
            test: Some(TestFilter {
                service: "*".into(),
                entrypoint: "a*".into(),
            }),
            ..Options::default()
        };
        returns(ToRuntime::Start {
            options: Box::new(options),
            config: listener(0).fd,
            locks: listener(0).fd,
            metrics: listener(0).fd,
            inspector: Some(listener(0).fd),
            listener_count: 3,
        });
        returns(ToRuntime::Listeners(vec![
            listener(1),
            listener(Listener::SHARED),
        ]));
        returns(ToRuntime::Serve);
        returns(ToRuntime::Adopt {
            slot: 3,
            listeners: vec![listener(3)],
        });
        returns(ToRuntime::Release { slot: 3 });
        returns(ToRuntime::Drain {
            deadline: Duration::from_secs(30),
        });
        returns(ToRuntime::Ping);
        returns(ToRuntime::Peer {
            slot: 3,
            generation: 4,
            fd: listener(0).fd,
        });
        returns(ToRuntime::Leave);
        returns(ToSupervisor::Ready);
        returns(ToSupervisor::Failed {
            errors: vec!["one".into(), String::new(), "two".into()],
        });
        returns(ToSupervisor::Serving);
        returns(ToSupervisor::Draining);
        returns(ToSupervisor::Drained);
        returns(ToSupervisor::Pong);
        returns(ToSupervisor::Stats {
            live_connections: 1,
            requests_served: u64::MAX,
        });
    }

    #[test]
    fn many_errors_fit_one_packet() {
        let long = ToSupervisor::Failed {
            errors: vec!["ä".repeat(MAX_ERROR_BYTES); 3],
        };
        assert!(long.encode().len() <= MAX_PACKET_BYTES);
        let many = ToSupervisor::Failed {
            errors: vec![String::new(); MAX_PACKET_BYTES],
        };
        assert!(many.encode().len() <= MAX_PACKET_BYTES);
    }

    #[test]
    fn cut_messages_are_errors() {
        let packet = ToRuntime::Adopt {
            slot: 3,
            listeners: vec![listener(3)],
        }
        .encode();
        for end in 0..packet.len() {
            assert!(ToRuntime::decode(&packet[..end], vec![listener(3).fd]).is_err());
        }
        assert_eq!(
            ToRuntime::decode(&packet, vec![]).err(),
            Some(FrameError::MissingFd)
        );
        let unknown = ToSupervisor::decode(&[crate::frame::VERSION, 99], vec![]);
        assert_eq!(unknown, Err(FrameError::UnknownTag(99)));
    }
}
