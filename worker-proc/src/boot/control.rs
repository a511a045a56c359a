//! The runtime's side of its life: what the supervisor tells it, or signals where nothing supervises.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, OptionFuture};
use ipc::{Control, ToRuntime, ToSupervisor};
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, timeout_at};

use super::schedulers::Schedulers;
use crate::actors::Host;
use crate::peer::{PeerId, PeerLinks};
use crate::{http, log, net, request};

/// The control channel on the event loop.
pub struct SupervisorLink(AsyncFd<Arc<Control>>);

impl SupervisorLink {
    pub fn new(control: Arc<Control>) -> std::io::Result<Self> {
        // SAFETY: the channel owns its descriptor and never changes it.
        #[allow(unsafe_code)]
        let registered = unsafe { AsyncFd::register(control) };
        Ok(Self(registered?))
    }

    async fn send(&self, message: &ToSupervisor) {
        loop {
            let Ok(mut ready) = self.0.writable().await else {
                return;
            };
            match ready.try_io(|fd| fd.get_ref().try_send(message).map_err(Into::into)) {
                Ok(_) => return,
                Err(_would_block) => continue,
            }
        }
    }

    /// The next message; none when the supervisor is gone.
    pub async fn receive(&self) -> Option<ToRuntime> {
        loop {
            let mut ready = self.0.readable().await.ok()?;
            match ready.try_io(|fd| fd.get_ref().try_recv().map_err(Into::into)) {
                Ok(message) => return message.ok(),
                Err(_would_block) => continue,
            }
        }
    }

    /// Says how much is served, if it is not what was told last.
    async fn tell_counts(&self, server: &http::Server, told: &mut (usize, u64)) {
        let now = server.counts();
        if now != *told {
            *told = now;
            let live_connections = u32::try_from(now.0).unwrap_or(u32::MAX);
            self.send(&ToSupervisor::Stats {
                live_connections,
                requests_served: now.1,
            })
            .await;
        }
    }

    pub async fn failed(&self, errors: Vec<String>) {
        self.send(&ToSupervisor::Failed { errors }).await;
    }
}

/// How often a busy process tells its numbers.
const STATS_INTERVAL: Duration = Duration::from_secs(1);

/// From ready to drained; the exit code.
pub async fn run(
    control: Option<SupervisorLink>,
    doors: Rc<net::Doors>,
    server: Rc<http::Server>,
    host: Rc<Host>,
    links: Rc<PeerLinks>,
    schedulers: Schedulers,
    drain_timeout: Duration,
) -> u8 {
    tokio::task::spawn_local({
        let server = server.clone();
        async move { server.sweep().await }
    });
    tokio::task::spawn_local(super::gauges::keep());
    match control {
        Some(control) => supervised(&control, &doors, &server, &host, &links, &schedulers).await,
        None => alone(&doors, &server, &host, &schedulers, drain_timeout).await,
    }
}

async fn supervised(
    control: &SupervisorLink,
    doors: &Rc<net::Doors>,
    server: &Rc<http::Server>,
    host: &Rc<Host>,
    links: &Rc<PeerLinks>,
    schedulers: &Schedulers,
) -> u8 {
    control.send(&ToSupervisor::Ready).await;
    let mut stats = tokio::time::interval(STATS_INTERVAL);
    let mut told = (0, 0);
    let mut draining: Option<LocalBoxFuture<'static, ()>> = None;
    let mut end = Instant::now();
    loop {
        let message = tokio::select! {
            message = control.receive() => message,
            _ = stats.tick() => {
                control.tell_counts(server, &mut told).await;
                continue;
            }
            () = OptionFuture::from(draining.as_mut()).map(|_| ()), if draining.is_some() => {
                draining = None;
                control.send(&ToSupervisor::Drained).await;
                continue;
            }
        };
        match message {
            Some(ToRuntime::Serve) => {
                doors.open();
                host.serve();
                schedulers.wake();
                control.send(&ToSupervisor::Serving).await;
            }
            Some(ToRuntime::Adopt { listeners, .. }) => doors.adopt(listeners),
            Some(ToRuntime::Release { slot }) => doors.release(slot),
            Some(ToRuntime::Objects(query)) => {
                let answer = Box::new(host.live(&query));
                control.send(&ToSupervisor::Objects(answer)).await;
            }
            Some(ToRuntime::Ping) => control.send(&ToSupervisor::Pong).await,
            Some(ToRuntime::Peer {
                slot,
                generation,
                fd,
            }) => links.add(PeerId { generation, slot }, fd),
            Some(ToRuntime::Drain { deadline }) => {
                end = Instant::now() + deadline;
                links.begin_drain();
                host.begin_drain();
                doors.close().await;
                control.send(&ToSupervisor::Draining).await;
                draining = Some(drained(server.clone(), host.clone(), links.clone(), end));
            }
            Some(ToRuntime::Leave) => {
                // What others have called since it had drained.
                let _ = timeout_at(end, host.at_rest()).await;
                host.close(end).await;
                return 0;
            }
            Some(ToRuntime::Start { .. } | ToRuntime::Listeners(_)) => {}
            // The supervisor is gone: nobody would restart or stop this process.
            None => return 1,
        }
    }
}

/// Ends when the process has drained; its objects then live in the one that replaces it.
fn drained(
    server: Rc<http::Server>,
    host: Rc<Host>,
    links: Rc<PeerLinks>,
    end: Instant,
) -> LocalBoxFuture<'static, ()> {
    Box::pin(async move {
        drain(&server, &host, end).await;
        if links.is_replaced() {
            host.close(end).await;
        }
    })
}

async fn alone(
    doors: &Rc<net::Doors>,
    server: &Rc<http::Server>,
    host: &Rc<Host>,
    schedulers: &Schedulers,
    drain_timeout: Duration,
) -> u8 {
    let signals = signal(SignalKind::terminate())
        .and_then(|term| Ok((term, signal(SignalKind::interrupt())?)));
    let (mut terminate, mut interrupt) = match signals {
        Ok(signals) => signals,
        Err(error) => {
            log::error(format_args!("signals cannot be handled: {error}"));
            return 1;
        }
    };
    doors.open();
    host.serve();
    schedulers.wake();
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    host.begin_drain();
    doors.close().await;
    let end = Instant::now() + drain_timeout;
    drain(server, host, end).await;
    host.close(end).await;
    0
}

/// Waits until nothing is under way, or the deadline.
async fn drain(server: &Rc<http::Server>, host: &Rc<Host>, end: Instant) {
    let _ = timeout_at(end, async {
        server.drain().await;
        request::all_ended().await;
        host.at_rest().await;
    })
    .await;
}
