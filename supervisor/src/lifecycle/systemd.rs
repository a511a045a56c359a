//! What the service manager is told, by the sd_notify(3) protocol. Nothing happens when the program was not started by one.
//!
//! Called by `lifecycle`. The watchdog is answered for as long as a process that serves shows signs of life: a supervisor that
//! runs while every process hangs is no service.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// The connection to the service manager.
#[derive(Debug)]
pub struct Systemd {
    /// How often the watchdog wants to be answered at least.
    watchdog: Option<Duration>,
    /// When processes are asked and the watchdog is answered next.
    pub next_check: Option<Instant>,
}

impl Systemd {
    pub fn from_environment() -> Self {
        let watchdog = sd_notify::watchdog_enabled();
        Self {
            watchdog,
            next_check: watchdog.map(|_| Instant::now()),
        }
    }

    /// Serving: after a start, and after a reload however it went.
    pub fn ready(&self, status: &str) {
        notify(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// Loading the config anew.
    pub fn reloading(&self) {
        // The service manager takes a reload only with the time it began (`Type=notify-reload`).
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            notify(&[
                NotifyState::Reloading,
                now,
                NotifyState::Status("Reloading the config"),
            ]);
        }
    }

    pub fn stopping(&self) {
        notify(&[NotifyState::Stopping, NotifyState::Status("Draining")]);
    }

    pub fn status(&self, status: &str) {
        notify(&[NotifyState::Status(status)]);
    }

    /// Answers the watchdog if some process has been heard of within its time, and sets the time of the next check.
    /// `silence` is how long the liveliest process has said nothing, or `None` when no process has to speak.
    pub fn check(&mut self, silence: Option<Duration>) {
        let Some(interval) = self.watchdog else {
            return;
        };
        if silence.is_none_or(|silence| silence < interval) {
            notify(&[NotifyState::Watchdog]);
        }
        self.next_check = Some(Instant::now() + interval / 3);
    }
}

fn notify(states: &[NotifyState]) {
    // A service manager that cannot be reached changes nothing here.
    let _ = sd_notify::notify(states);
}
