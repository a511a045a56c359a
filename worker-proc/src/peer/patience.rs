//! When a process that waits for another one's answer looks for it, rather than sleeping until it is there.
//!
//! To fall asleep and be woken costs more than many a call. `outgoing` tells when calls are made and answered, `link` looks.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// How long an answer is looked for.
const WINDOW: Duration = Duration::from_micros(60);

/// Answers that take longer than this on average are slept for.
const LONGEST_USUAL: Duration = Duration::from_micros(150);

/// What a call counts that takes longer: a few short ones make up for it.
const LONGEST_COUNTED: Duration = Duration::from_millis(1);

/// With more calls under way than this there is other work to do.
const MOST_CALLS: usize = 2;

/// See the module.
#[derive(Default)]
pub struct Patience {
    asked: Cell<Option<Instant>>,
    /// How long answers take: a moving average.
    usual: Cell<Duration>,
}

impl Patience {
    /// A call is made.
    pub fn ask(&self) {
        self.asked.set(Some(Instant::now()));
    }

    /// One is answered; of several under way the last one counts.
    pub fn answer(&self) {
        if let Some(asked) = self.asked.take() {
            self.count(asked.elapsed());
        }
    }

    fn count(&self, took: Duration) {
        self.usual
            .set((self.usual.get() * 7 + took.min(LONGEST_COUNTED)) / 8);
    }

    /// Whether to look for the answer of one of the calls under way.
    pub fn lasts(&self, calls: usize) -> bool {
        (1..=MOST_CALLS).contains(&calls)
            && self.usual.get() <= LONGEST_USUAL
            && self
                .asked
                .get()
                .is_some_and(|asked| asked.elapsed() < WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_answers_are_slept_for_until_they_are_quick_again() {
        let patience = Patience::default();
        assert!(!patience.lasts(1), "nothing is asked");
        patience.ask();
        assert!(!patience.lasts(0));
        assert!(!patience.lasts(MOST_CALLS + 1));
        for _ in 0..4 {
            patience.count(Duration::from_secs(5));
        }
        patience.ask();
        assert!(!patience.lasts(1));
        for _ in 0..20 {
            patience.count(Duration::from_micros(40));
        }
        assert!(patience.usual.get() <= LONGEST_USUAL);
        std::thread::sleep(WINDOW);
        assert!(!patience.lasts(1), "the window is over");
    }
}
