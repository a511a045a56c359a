//! The other processes of `workerd test --processes`: objects live in them too. They end with the one that tests.
//!
//! Called by `main`, before the tests begin. Nothing watches over them: one that dies makes tests fail.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use ipc::fds::{sealed_memory, stream_pair};
use ipc::{ChannelError, Control, Options, ToRuntime, ToSupervisor, channel};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Process;
use super::launch::{Executable, Launcher};

/// How long one may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// See the module.
pub struct Company(#[expect(dead_code)] Vec<Process>);

/// Starts all processes but the first, each linked to all others. Beside them: what brings the first its links, and what all
/// lock bytes of.
///
/// # Errors
/// One does not start; it has said why.
pub fn start(config: &[u8], options: &Options) -> io::Result<(Company, Control, OwnedFd)> {
    let mut launcher = Launcher::new(
        Executable::own()?,
        options.clone(),
        false,
        START_TIMEOUT,
        None,
    )?;
    let config = sealed_memory(c"config", config)?;
    let generation = options.generation;
    let mut processes = Vec::new();
    for slot in 1..options.processes {
        processes.push(launcher.launch(slot, generation, config.as_fd(), Vec::new())?);
    }
    for process in &mut processes {
        wait_until_ready(process)?;
    }
    let (first, control) = channel::pair()?;
    let failed = |error: ChannelError| io::Error::other(error.to_string());
    let tell = |slot: u32, message: &ToRuntime| {
        let sent = match slot.checked_sub(1) {
            None => first.try_send(message),
            Some(index) => processes[index as usize].deliver(message),
        };
        sent.map_err(failed)
    };
    for one in 0..options.processes {
        for other in one + 1..options.processes {
            let (fd, others) = stream_pair()?;
            let link = |slot, fd| ToRuntime::Peer {
                slot,
                generation,
                fd,
            };
            tell(one, &link(other, fd))?;
            tell(other, &link(one, others))?;
        }
    }
    for slot in (0..options.processes).rev() {
        tell(slot, &ToRuntime::Serve)?;
    }
    let locks = launcher.locks().try_clone_to_owned()?;
    Ok((Company(processes), control, locks))
}

fn wait_until_ready(process: &mut Process) -> io::Result<()> {
    let slot = process.slot;
    let failed = |why: String| io::Error::other(format!("process {slot}: {why}"));
    loop {
        match process.receive() {
            Ok(ToSupervisor::Ready) => return Ok(()),
            Ok(ToSupervisor::Failed { errors }) => return Err(failed(errors.join("\n"))),
            Ok(_) => {}
            Err(ChannelError::WouldBlock) => {
                let left = process.deadline.map_or(START_TIMEOUT, |end| {
                    end.saturating_duration_since(Instant::now())
                });
                let Some(fd) = process.link_fd().filter(|_| !left.is_zero()) else {
                    return Err(failed("it does not start".to_owned()));
                };
                let mut waiting = [PollFd::new(fd, PollFlags::POLLIN)];
                let time = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
                poll(&mut waiting, time)?;
            }
            Err(error) => return Err(failed(error.to_string())),
        }
    }
}
