//! What one event of a worker may use, where whoever runs the worker says so.

use std::cell::Cell;
use std::time::Duration;

/// See the module. None is for no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Processor time.
    pub cpu: Option<Duration>,
    /// Requests to other services: fetches, calls, connections.
    pub subrequests: Option<u32>,
}

impl Limits {
    /// What both allow.
    pub fn within(self, other: Self) -> Self {
        Self {
            cpu: least(self.cpu, other.cpu),
            subrequests: least(self.subrequests, other.subrequests),
        }
    }

    /// The same of processor time alone.
    pub fn cpu_within(self, limit: Option<Duration>) -> Option<Duration> {
        least(self.cpu, limit)
    }

    /// Whether there may be one request more than so many, which then counts.
    pub fn may_request(self, made: &Cell<u32>) -> bool {
        let Some(most) = self.subrequests else {
            return true;
        };
        let may = made.get() < most;
        made.set(made.get() + u32::from(may));
        may
    }
}

fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_counts() {
        let limits = |cpu: Option<u64>, subrequests| Limits {
            cpu: cpu.map(Duration::from_millis),
            subrequests,
        };
        let both = limits(Some(3), None).within(limits(Some(2), Some(1)));
        assert_eq!(both, limits(Some(2), Some(1)));
        assert_eq!(both.within(Limits::default()), both);
        let made = Cell::new(0);
        assert!(both.may_request(&made) && !both.may_request(&made));
        assert!(Limits::default().may_request(&made));
    }
}
