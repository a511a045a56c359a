//! The links between runtime processes: a connected pair of sockets for each two of them, one end to each.
//!
//! Part of `supervisor`, which calls it when a process is ready and when a generation begins to serve. Two processes of one
//! generation get a link as soon as both are ready, so a restarted one is back among its siblings before it serves. The processes
//! of a generation that retires get links to those that replace it, where objects live on. The supervisor keeps no end: a
//! link ends with either process. A server of one process has links only while it reloads.

use ipc::fds::stream_pair;
use ipc::{ChannelError, ToRuntime};

use super::supervisor::{Key, Role, Supervisor, key_of};
use crate::process::{Phase, Process};

impl Supervisor {
    /// Joins a process that is ready to those that it works with.
    pub(super) fn link(&mut self, key: Key) {
        let serves = self.role(key) == Role::Current;
        let with = self.processes().filter(|process| {
            let sibling = process.generation == key.0 && process.slot != key.1;
            let replaced = serves && self.role(key_of(process)) == Role::Retiring;
            can_link(process) && (sibling || replaced)
        });
        let pairs = with.map(|process| (key, key_of(process))).collect();
        self.join(pairs);
    }

    /// Joins all processes that retire to all that serve.
    pub(super) fn link_generations(&mut self) {
        let serving = self.current.iter().flat_map(|current| current.processes());
        let pairs = serving.flat_map(|new| {
            let old = self.retiring.iter().filter(|old| can_link(old));
            old.map(|old| (key_of(new), key_of(old)))
        });
        let pairs = pairs.collect();
        self.join(pairs);
    }

    fn join(&mut self, pairs: Vec<(Key, Key)>) {
        for (one, other) in pairs {
            let ends = match stream_pair() {
                Ok((first, second)) => [(one, other, first), (other, one, second)],
                Err(error) => {
                    // The younger of the two is started again, and gets its links then.
                    self.kill(one, format_args!("no link can be made for it: {error}"));
                    continue;
                }
            };
            for (to, peer, fd) in ends {
                let (generation, slot) = peer;
                let message = ToRuntime::Peer {
                    slot,
                    generation,
                    fd,
                };
                let sent = self.process_mut(to).map(|to| to.deliver(&message));
                match sent {
                    // One that has closed its channel has ended, which is heard of next.
                    None | Some(Ok(()) | Err(ChannelError::Closed)) => {}
                    Some(Err(error)) => self.kill(to, format_args!("it takes no link: {error}")),
                }
            }
        }
    }
}

/// It has an event loop that takes links.
fn can_link(process: &Process) -> bool {
    process.phase() >= Phase::Ready && process.phase() < Phase::Stopped
}
