//! The server's sockets: everything the config listens on, bound for every process slot and owned by the supervisor.
//!
//! Called by `lifecycle`, which binds a set before a generation starts, lets it listen when every process is ready, and
//! keeps it for as long as the generation lives, so that neither a crash nor a reload closes a queue. A reload takes over what
//! stays the same. Relies on `address`, `bind` and `inherit`.

pub mod address;
pub mod bind;
pub mod inherit;
pub mod report;

use std::io;
use std::sync::Arc;

use ipc::Listener;

use crate::config::{ListenOn, SocketPlan};
use bind::BoundListener;
use inherit::InheritedFds;

/// The bound sockets of one generation.
#[derive(Clone, Debug, Default)]
pub struct SocketSet {
    sockets: Vec<BoundSocket>,
}

/// One socket of the config with the listeners of every slot.
#[derive(Clone, Debug)]
pub struct BoundSocket {
    pub plan: SocketPlan,
    pub listeners: Vec<Arc<BoundListener>>,
}

impl BoundSocket {
    /// The port, or 0 when the socket has none.
    pub fn port(&self) -> u16 {
        self.listeners.first().map_or(0, |listener| listener.port())
    }
}

impl SocketSet {
    /// Binds what is planned, for `slots` processes. What `previous` has bound in the same way is taken over with its queue. All
    /// errors at once, as lines for people.
    pub fn bind(
        plans: &[SocketPlan],
        slots: u32,
        inherited: &InheritedFds,
        previous: &Self,
    ) -> Result<Self, Vec<String>> {
        let mut kept: Vec<&BoundSocket> = previous.sockets.iter().collect();
        let mut sockets = Vec::new();
        let mut errors = Vec::new();
        for plan in plans {
            let same_name = kept
                .iter()
                .position(|old| old.plan.listen == plan.listen && old.plan.name == plan.name);
            let same =
                same_name.or_else(|| kept.iter().position(|old| old.plan.listen == plan.listen));
            let listeners = match same {
                Some(index) => Ok(kept.swap_remove(index).listeners.clone()),
                None => bind_one(&plan.listen, slots, inherited)
                    .map(|new| new.into_iter().map(Arc::new).collect()),
            };
            match listeners {
                Ok(listeners) => sockets.push(BoundSocket {
                    plan: plan.clone(),
                    listeners,
                }),
                Err(error) => errors.push(format!("Socket {:?}: {error}", plan.name)),
            }
        }
        if errors.is_empty() {
            Ok(Self { sockets })
        } else {
            Err(errors)
        }
    }

    /// A set made of sockets that the program had before it replaced itself.
    pub fn handed_over(sockets: Vec<BoundSocket>) -> Self {
        Self { sockets }
    }

    /// Opens every socket to clients.
    pub fn listen(&self) -> Result<(), String> {
        for socket in &self.sockets {
            for listener in &socket.listeners {
                // Tools look for an address in use by what refuses it elsewhere, which is `bind()`.
                listener
                    .listen()
                    .map_err(|error| format!("Socket {:?}: bind(): {error}", socket.plan.name))?;
            }
        }
        Ok(())
    }

    /// Copies of what the process in `slot` accepts on.
    pub fn for_process(&self, slot: u32) -> io::Result<Vec<Listener>> {
        self.copies(|listener| listener.slot == slot || listener.slot == Listener::SHARED)
    }

    /// Copies of what nobody accepts on while the process in `slot` is down.
    pub fn for_adoption(&self, slot: u32) -> io::Result<Vec<Listener>> {
        self.copies(|listener| listener.slot == slot)
    }

    fn copies(&self, wanted: impl Fn(&BoundListener) -> bool) -> io::Result<Vec<Listener>> {
        let listeners = self.sockets.iter().flat_map(|socket| {
            let wanted = socket.listeners.iter().filter(|listener| wanted(listener));
            wanted.map(|listener| listener.for_process(socket.plan.index))
        });
        listeners.collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = &BoundSocket> {
        self.sockets.iter()
    }
}

fn bind_one(
    listen: &ListenOn,
    slots: u32,
    inherited: &InheritedFds,
) -> Result<Vec<BoundListener>, String> {
    match listen {
        ListenOn::Address {
            address,
            default_port,
            datagrams,
        } => {
            let resolved =
                address::resolve(address, *default_port).map_err(|error| error.to_string())?;
            let bind = if *datagrams {
                bind::bind_datagrams
            } else {
                bind::bind
            };
            bind(&resolved, slots)
                .map_err(|error| format!("bind(): {error}; toString() = {address}"))
        }
        ListenOn::Fd(fd) => {
            let fds = inherited.get(*fd).map_err(|error| error.to_string())?;
            let listeners = fds
                .into_iter()
                .map(BoundListener::inherited)
                .collect::<io::Result<_>>();
            listeners.map_err(|error| error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(index: usize, name: &str, address: &str) -> SocketPlan {
        let listen = ListenOn::Address {
            address: address.into(),
            default_port: 80,
            datagrams: false,
        };
        SocketPlan {
            name: name.into(),
            index,
            listen,
        }
    }

    fn bind(plans: &[SocketPlan], previous: &SocketSet) -> Result<SocketSet, Vec<String>> {
        SocketSet::bind(plans, 2, &InheritedFds::default(), previous)
    }

    #[test]
    fn a_reload_keeps_what_stays_and_renumbers_it() {
        let first = [plan(0, "a", "127.0.0.1:0"), plan(1, "b", "127.0.0.1:0")];
        let before = bind(&first, &SocketSet::default()).unwrap();
        let ports: Vec<_> = before.iter().map(BoundSocket::port).collect();
        let second = [
            plan(0, "b", "127.0.0.1:0"),
            plan(1, "a", "127.0.0.1:0"),
            plan(2, "c", "127.0.0.1:0"),
        ];
        let after = bind(&second, &before).unwrap();
        let again: Vec<_> = after.iter().map(BoundSocket::port).collect();
        assert_eq!(again[..2], [ports[1], ports[0]]);
        assert!(!ports.contains(&again[2]));
        assert_eq!(after.for_process(0).unwrap()[1].socket, 1);
    }

    #[test]
    fn every_error_is_told_at_once() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let held = std::net::TcpListener::bind(taken).unwrap();
        let plans = [
            plan(0, "a", &taken.to_string()),
            plan(1, "b", "[::1"),
            plan(2, "c", "127.0.0.1:0"),
        ];
        let errors = bind(&plans, &SocketSet::default()).unwrap_err();
        assert_eq!(
            errors,
            [
                &format!(
                    "Socket \"a\": bind(): Address already in use (os error 98); toString() = {taken}"
                ),
                "Socket \"b\": parseAddress: Unclosed '[' in address string. [::1"
            ]
        );
        drop(held);
    }

    #[test]
    fn a_process_gets_its_own_and_the_shared() {
        let name = format!("unix-abstract:workerd-set-{}", std::process::id());
        let set = bind(
            &[plan(0, "a", "127.0.0.1:0"), plan(1, "b", &name)],
            &SocketSet::default(),
        )
        .unwrap();
        let slots = |listeners: Vec<Listener>| listeners.iter().map(|l| l.slot).collect::<Vec<_>>();
        assert_eq!(slots(set.for_process(1).unwrap()), [1, Listener::SHARED]);
        assert_eq!(slots(set.for_adoption(1).unwrap()), [1]);
    }
}
