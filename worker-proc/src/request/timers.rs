//! The timers of one event: those due first, and of the same time those started first.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// A delay above this many milliseconds counts as this one: 2^31 - 1, as in browsers.
const MAX_DELAY_MILLIS: f64 = 2_147_483_647.0;

struct Timer {
    due: Instant,
    order: u64,
    interval: Option<Duration>,
}

/// See the module.
#[derive(Default)]
pub struct Timers {
    by_id: HashMap<u32, Timer>,
    queue: BTreeMap<(Instant, u64), u32>,
    started: u64,
    last_id: u32,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Timers {
    /// Starts a timer; ids begin at 1 and are unique within the event.
    pub fn start(&mut self, millis: f64, repeat: bool) -> u32 {
        let millis = if millis.is_finite() {
            millis.clamp(0.0, MAX_DELAY_MILLIS)
        } else {
            0.0
        };
        // An interval of nothing would never let anything else run.
        let delay = Duration::from_secs_f64(millis / 1000.0);
        let interval = repeat.then(|| delay.max(Duration::from_millis(1)));
        self.last_id = self.last_id.wrapping_add(1).max(1);
        let id = self.last_id;
        self.insert(id, Instant::now() + delay, interval);
        id
    }

    fn insert(&mut self, id: u32, due: Instant, interval: Option<Duration>) {
        self.started += 1;
        self.queue.insert((due, self.started), id);
        self.by_id.insert(
            id,
            Timer {
                due,
                order: self.started,
                interval,
            },
        );
    }

    pub fn clear(&mut self, id: u32) {
        if let Some(timer) = self.by_id.remove(&id) {
            self.queue.remove(&(timer.due, timer.order));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether a timer's time has come.
    pub fn is_due(&self) -> bool {
        let next = self.queue.first_key_value();
        next.is_some_and(|(&(due, _), _)| due <= Instant::now())
    }

    /// The next timer that is due.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<u32> {
        let Some((&(due, _), &id)) = self.queue.first_key_value() else {
            return Poll::Pending;
        };
        let now = Instant::now();
        if due > now {
            let alarm = self
                .alarm
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            if alarm.deadline() != due {
                alarm.as_mut().reset(due);
            }
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        let interval = self.by_id.get(&id).and_then(|timer| timer.interval);
        self.clear(id);
        if let Some(interval) = interval {
            self.insert(id, now + interval, Some(interval));
        }
        Poll::Ready(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn timers_fire_in_order_of_time_then_start() {
        let mut timers = Timers::default();
        let late = timers.start(20.0, false);
        let first = timers.start(10.0, false);
        let second = timers.start(10.0, false);
        let gone = timers.start(5.0, false);
        timers.clear(gone);
        let mut fired = Vec::new();
        while !timers.is_empty() {
            fired.push(std::future::poll_fn(|cx| timers.poll(cx)).await);
        }
        assert_eq!(fired, [first, second, late]);
    }

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn an_interval_repeats_until_cleared() {
        let mut timers = Timers::default();
        let id = timers.start(0.0, true);
        for _ in 0..3 {
            assert_eq!(std::future::poll_fn(|cx| timers.poll(cx)).await, id);
        }
        timers.clear(id);
        assert!(timers.is_empty());
    }

    #[test]
    fn odd_delays_are_bounded() {
        let mut timers = Timers::default();
        for delay in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            timers.start(delay, false);
        }
        assert_eq!(timers.queue.len(), 4);
    }
}
