//! When alarms of a namespace fire next, and when they are tried again: arithmetic only, no clock and no file.
//!
//! `Schedule` keeps one for the objects that this process owns; the host asks what is due, calls the handlers and says how
//! they ended, and which alarm the object then has: an alarm that its object has is in here, however it came to be so. A
//! handler that fails is called again after 2 s, doubling, with up to a quarter added at random. Failures of the worker
//! count; at the seventh the alarm is given up. Failures of the runtime do not count, and the first of the worker's after
//! one begins the doubling anew.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

/// The first delay before a failed alarm is tried again.
pub const RETRY_START_MS: i64 = 2000;
/// Retries that a worker's own failures get.
pub const RETRY_MAX_TRIES: u32 = 6;
/// The most times that the delay doubles.
pub const RETRY_MAX_DOUBLINGS: u32 = 9;

/// An alarm that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The object's.
    pub id: Rc<str>,
    /// The name the object was got by, if its alarm was set with it.
    pub name: Option<Rc<str>>,
    /// When it was set for: what the object's own record says.
    pub scheduled_ms: i64,
    /// Counted failures so far: `retryCount` of the handler's argument.
    pub retry_count: u32,
}

/// How an alarm's handler ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmOutcome {
    /// It returned, or the object said that it is not time.
    Done,
    /// It failed: by the worker's fault, which counts, or by the runtime's.
    Failed {
        /// Whether it counts.
        counts: bool,
    },
    /// The worker ended the object and wants no retry.
    Aborted,
}

/// What follows from an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The alarm is over: take it out of the schedule, unless it was set again.
    Over,
    /// It fires again, or the one set meanwhile fires, at this time.
    At(i64),
    /// Tell the object to abandon the alarm, then call [`AlarmQueue::abandoned`].
    Abandon,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Waiting {
        at_ms: i64,
    },
    Running,
    /// Given up; the object has yet to be told.
    GivenUp,
}

#[derive(Debug)]
struct Entry {
    name: Option<Rc<str>>,
    scheduled_ms: i64,
    status: Status,
    /// Set while the handler ran: fires next, in place of a retry.
    queued_ms: Option<i64>,
    doublings: u32,
    counted: u32,
    last_counted: bool,
}

/// Alarms by time, with the tries of each.
#[derive(Debug, Default)]
pub struct AlarmQueue {
    entries: HashMap<Rc<str>, Entry>,
    waiting: BTreeSet<(i64, Rc<str>)>,
}

/// The delay before the next try, in milliseconds. `random` is from 0 up to, not including, 1.
pub fn retry_delay_ms(doublings: u32, random: f64) -> i64 {
    let delay = RETRY_START_MS << doublings.min(RETRY_MAX_DOUBLINGS);
    let most = delay / 4;
    delay + ((most + 1) as f64 * random.clamp(0.0, 1.0)).min(most as f64) as i64
}

impl AlarmQueue {
    /// Sets the alarm of an object. While its handler runs, the new alarm waits for the end of it.
    pub fn set(&mut self, id: &str, name: Option<&str>, at_ms: i64) {
        if let Some(entry) = self.entries.get_mut(id) {
            if entry.name.is_none() {
                entry.name = name.map(Rc::from);
            }
            if !matches!(entry.status, Status::Waiting { .. }) {
                entry.queued_ms = Some(at_ms);
                return;
            }
        }
        let name = name
            .map(Rc::from)
            .or_else(|| self.entries.get(id)?.name.clone());
        self.wait(id.into(), name, at_ms);
    }

    /// The file says that this alarm is set. What is known of an alarm already, its retries and that it runs, stays.
    pub fn learn(&mut self, id: &str, name: Option<&str>, at_ms: i64) {
        let is_news = self.entries.get(id).is_none_or(|known| {
            known.scheduled_ms != at_ms && matches!(known.status, Status::Waiting { .. })
        });
        if is_news {
            self.set(id, name, at_ms);
        }
    }

    fn wait(&mut self, id: Rc<str>, name: Option<Rc<str>>, at_ms: i64) {
        self.unwait(&id);
        self.waiting.insert((at_ms, id.clone()));
        let entry = Entry {
            name,
            scheduled_ms: at_ms,
            status: Status::Waiting { at_ms },
            queued_ms: None,
            doublings: 0,
            counted: 0,
            last_counted: false,
        };
        self.entries.insert(id, entry);
    }

    /// When the alarm of an object fires; none while its handler runs, unless it has been set again.
    pub fn next_of(&self, id: &str) -> Option<i64> {
        let entry = self.entries.get(id)?;
        match entry.status {
            Status::Waiting { at_ms } => Some(at_ms),
            Status::Running | Status::GivenUp => entry.queued_ms,
        }
    }

    fn unwait(&mut self, id: &Rc<str>) {
        if let Some(Entry {
            status: Status::Waiting { at_ms },
            ..
        }) = self.entries.get(id)
        {
            self.waiting.remove(&(*at_ms, id.clone()));
        }
    }

    /// Clears the alarm of an object; one whose handler runs ends with the handler.
    pub fn clear(&mut self, id: &str) {
        let id: Rc<str> = id.into();
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        entry.queued_ms = None;
        if entry.status != Status::Running {
            self.unwait(&id);
            self.entries.remove(&id);
        }
    }

    /// When the next alarm fires.
    pub fn next_ms(&self) -> Option<i64> {
        self.waiting.first().map(|(at_ms, _)| *at_ms)
    }

    /// Takes the alarms that are due, at most `most`; each is to be answered with [`Self::finished`].
    pub fn take_due(&mut self, now_ms: i64, most: usize) -> Vec<Due> {
        let mut due = Vec::new();
        while due.len() < most
            && let Some((at_ms, _)) = self.waiting.first()
            && *at_ms <= now_ms
        {
            let Some((_, id)) = self.waiting.pop_first() else {
                break;
            };
            let Some(entry) = self.entries.get_mut(&id) else {
                continue;
            };
            entry.status = Status::Running;
            due.push(Due {
                id,
                name: entry.name.clone(),
                scheduled_ms: entry.scheduled_ms,
                retry_count: entry.counted,
            });
        }
        due
    }

    /// Says how a handler ended, and which alarm the object has after it: where it cannot be asked, the one that fired.
    /// `random` is from 0 up to, not including, 1.
    pub fn finished(
        &mut self,
        id: &str,
        outcome: AlarmOutcome,
        left_ms: Option<i64>,
        now_ms: i64,
        random: f64,
    ) -> Next {
        if let Some(next) = self.settled(id, left_ms) {
            return next;
        }
        let Some(entry) = self.entries.get_mut(id) else {
            return Next::Over;
        };
        let counts = match outcome {
            // It was set to the same time again.
            AlarmOutcome::Done => return self.wait_anew(id),
            AlarmOutcome::Failed { counts: true } if entry.counted < RETRY_MAX_TRIES => true,
            AlarmOutcome::Failed { counts: false } => false,
            AlarmOutcome::Failed { .. } | AlarmOutcome::Aborted => {
                entry.status = Status::GivenUp;
                return Next::Abandon;
            }
        };
        if counts {
            entry.counted += 1;
            if !entry.last_counted {
                entry.doublings = 0;
            }
        }
        entry.last_counted = counts;
        self.try_again(id, now_ms, random)
    }

    /// What follows once nothing runs for an object, whatever came of that: another alarm was set, or there is none. Nothing
    /// follows yet if it still has the alarm that fired.
    fn settled(&mut self, id: &str, left_ms: Option<i64>) -> Option<Next> {
        let entry = self.entries.get(id);
        let (next_ms, name) = match entry {
            // It was forgotten meanwhile, and set anew.
            Some(Entry {
                status: Status::Waiting { at_ms },
                ..
            }) => return Some(Next::At(*at_ms)),
            Some(entry) => match entry.queued_ms {
                None if left_ms == Some(entry.scheduled_ms) => return None,
                queued_ms => (queued_ms.or(left_ms), entry.name.clone()),
            },
            None => (left_ms, None),
        };
        let Some(at_ms) = next_ms else {
            self.entries.remove(id);
            return Some(Next::Over);
        };
        self.wait(id.into(), name, at_ms);
        Some(Next::At(at_ms))
    }

    /// The alarm that fired fires again as if it had just been set.
    fn wait_anew(&mut self, id: &str) -> Next {
        let Some(entry) = self.entries.get(id) else {
            return Next::Over;
        };
        let (at_ms, name) = (entry.scheduled_ms, entry.name.clone());
        self.wait(id.into(), name, at_ms);
        Next::At(at_ms)
    }

    fn try_again(&mut self, id: &str, now_ms: i64, random: f64) -> Next {
        let Some(entry) = self.entries.get_mut(id) else {
            return Next::Over;
        };
        let at_ms = now_ms.saturating_add(retry_delay_ms(entry.doublings, random));
        entry.doublings = RETRY_MAX_DOUBLINGS.min(entry.doublings + 1);
        entry.status = Status::Waiting { at_ms };
        self.waiting.insert((at_ms, id.into()));
        Next::At(at_ms)
    }

    /// Says that the object was told that its alarm is given up, and which one it has now.
    pub fn abandoned(&mut self, id: &str, left_ms: Option<i64>) -> Next {
        let next = self.settled(id, left_ms);
        next.unwrap_or_else(|| self.wait_anew(id))
    }

    /// Says that the object cannot be told that its alarm is given up. It has it still, and so it fires again.
    pub fn kept(&mut self, id: &str, scheduled_ms: i64, now_ms: i64, random: f64) -> Next {
        let next = self.settled(id, Some(scheduled_ms));
        next.unwrap_or_else(|| self.try_again(id, now_ms, random))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(queue: &mut AlarmQueue, counts: bool, now: &mut i64) -> Next {
        *now = queue.next_ms().unwrap();
        assert_eq!(queue.take_due(*now, 10).len(), 1);
        queue.finished("a", AlarmOutcome::Failed { counts }, Some(5), *now, 0.0)
    }

    #[test]
    fn never_early_and_in_order() {
        let mut queue = AlarmQueue::default();
        queue.set("b", None, 20);
        queue.set("a", Some("name"), 10);
        assert_eq!(queue.next_ms(), Some(10));
        assert!(queue.take_due(9, 10).is_empty());
        let due = queue.take_due(30, 1);
        assert_eq!((&*due[0].id, due[0].name.as_deref()), ("a", Some("name")));
        assert_eq!(queue.take_due(30, 9).len(), 1);
        assert_eq!(
            queue.finished("a", AlarmOutcome::Done, None, 31, 0.0),
            Next::Over
        );
        assert_eq!(queue.entries.len(), 1);
    }

    #[test]
    fn six_counted_retries_that_double() {
        let (mut queue, mut now) = (AlarmQueue::default(), 0);
        queue.set("a", None, 5);
        let mut delays = Vec::new();
        loop {
            match fail(&mut queue, true, &mut now) {
                Next::At(at) => delays.push(at - now),
                next => {
                    assert_eq!(next, Next::Abandon);
                    break;
                }
            }
        }
        assert_eq!(delays, [2000, 4000, 8000, 16_000, 32_000, 64_000]);
        assert_eq!(queue.abandoned("a", None), Next::Over);
        assert!(queue.entries.is_empty());
    }

    #[test]
    fn an_alarm_that_its_object_has_is_not_forgotten() {
        let done = AlarmOutcome::Done;
        let mut queue = AlarmQueue::default();
        queue.set("a", Some("n"), 5);
        queue.take_due(5, 1);
        // Whatever was missed: the object says so.
        assert_eq!(queue.finished("a", done, Some(9), 6, 0.0), Next::At(9));
        assert_eq!(queue.take_due(9, 1)[0].name.as_deref(), Some("n"));
        assert_eq!(queue.finished("a", done, Some(9), 9, 0.0), Next::At(9));
        queue.take_due(9, 1);
        // The end of a handler of before everything was deleted is nothing to the alarm that was set after.
        queue = AlarmQueue::default();
        queue.set("a", None, 20);
        assert_eq!(queue.finished("a", done, None, 9, 0.0), Next::At(20));
        assert_eq!(queue.take_due(20, 9).len(), 1);
        queue = AlarmQueue::default();
        let failed = AlarmOutcome::Failed { counts: true };
        assert_eq!(queue.finished("a", failed, Some(30), 20, 0.0), Next::At(30));
        assert_eq!(queue.take_due(30, 9).len(), 1);
        assert_eq!(queue.finished("a", failed, None, 30, 0.0), Next::Over);
    }

    #[test]
    fn an_alarm_is_given_up_only_by_the_worker_and_only_if_its_object_knows() {
        let (mut queue, mut now) = (AlarmQueue::default(), 0);
        queue.set("a", None, 5);
        for _ in 0..RETRY_MAX_TRIES {
            fail(&mut queue, true, &mut now);
        }
        assert!(matches!(fail(&mut queue, false, &mut now), Next::At(_)));
        assert_eq!(fail(&mut queue, true, &mut now), Next::Abandon);
        let Next::At(again) = queue.kept("a", 5, now, 0.0) else {
            panic!("forgotten")
        };
        assert_eq!(queue.next_ms(), Some(again));
        assert_eq!(fail(&mut queue, true, &mut now), Next::Abandon);
        // One that is set while the object is told stays.
        queue.set("a", None, 700);
        assert_eq!(queue.abandoned("a", None), Next::At(700));
        queue.take_due(700, 1);
        let aborted = queue.finished("a", AlarmOutcome::Aborted, Some(700), 701, 0.0);
        assert_eq!(aborted, Next::Abandon);
        assert_eq!(queue.abandoned("a", Some(800)), Next::At(800));
    }

    #[test]
    fn failures_of_the_runtime_do_not_count() {
        let (mut queue, mut now) = (AlarmQueue::default(), 0);
        queue.set("a", None, 5);
        for tries in 0..20 {
            let Next::At(at) = fail(&mut queue, false, &mut now) else {
                panic!("given up")
            };
            assert_eq!(at - now, 2000 << tries.min(9));
        }
        let Next::At(at) = fail(&mut queue, true, &mut now) else {
            panic!("given up")
        };
        assert_eq!(
            at - now,
            2000,
            "the worker's first failure begins the doubling anew"
        );
        assert_eq!(queue.take_due(at, 1)[0].retry_count, 1);
    }

    #[test]
    fn jitter_is_at_most_a_quarter() {
        assert_eq!(retry_delay_ms(0, 0.0), 2000);
        assert_eq!(retry_delay_ms(0, 0.999_999), 2500);
        assert_eq!(retry_delay_ms(30, 0.0), 1_024_000);
    }

    #[test]
    fn what_is_known_of_an_alarm_stays() {
        let (mut queue, mut now) = (AlarmQueue::default(), 0);
        queue.learn("a", Some("n"), 5);
        let Next::At(retry) = fail(&mut queue, true, &mut now) else {
            panic!("given up")
        };
        queue.learn("a", None, 5);
        assert_eq!(queue.next_ms(), Some(retry));
        assert_eq!(queue.take_due(retry, 1)[0].retry_count, 1);
        queue.learn("a", None, 5);
        assert_eq!(
            queue.finished("a", AlarmOutcome::Done, None, retry, 0.0),
            Next::Over
        );
        queue.learn("a", Some("n"), 5);
        queue.learn("a", None, 3);
        let due = queue.take_due(5, 9);
        assert_eq!((due.len(), due[0].scheduled_ms), (1, 3));
        assert_eq!(due[0].name.as_deref(), Some("n"));
    }

    #[test]
    fn an_alarm_set_in_the_handler_replaces_the_retry() {
        let mut queue = AlarmQueue::default();
        queue.set("a", Some("n"), 5);
        queue.take_due(5, 1);
        queue.set("a", None, 500);
        let next = queue.finished(
            "a",
            AlarmOutcome::Failed { counts: true },
            Some(500),
            6,
            0.5,
        );
        assert_eq!(next, Next::At(500));
        let due = queue.take_due(500, 1);
        assert_eq!((due[0].retry_count, due[0].name.as_deref()), (0, Some("n")));
        queue.clear("a");
        assert_eq!(
            queue.finished("a", AlarmOutcome::Done, None, 501, 0.5),
            Next::Over
        );
        queue.set("a", None, 7);
        queue.clear("a");
        assert!(queue.entries.is_empty() && queue.next_ms().is_none());
    }
}
