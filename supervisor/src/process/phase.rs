//! The life of a runtime process.
//!
//! Called by `process`, which holds a process's phase, and reported by `sockets::report`. Every change goes through
//! [`Phase::advance`], so a process that says things out of turn is found out.

use std::fmt;

/// Where a runtime process is in its life. It only goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Loads config and scripts.
    Starting,
    /// Could accept, and waits to be told.
    Ready,
    /// Accepts connections.
    Serving,
    /// Accepts nothing more, and answers what it accepted.
    Draining,
    /// Gone.
    Stopped,
}

/// A change of phase that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadTransition {
    from: Phase,
    to: Phase,
}

impl Phase {
    /// All, in their order.
    pub const ALL: [Self; 5] = [
        Self::Starting,
        Self::Ready,
        Self::Serving,
        Self::Draining,
        Self::Stopped,
    ];

    /// Goes on to `to`, if that may follow. A process can stop at any time, and drain as soon as it is ready, since it may already
    /// have been told to serve; every other phase follows only on the one before it.
    pub fn advance(&mut self, to: Self) -> Result<(), BadTransition> {
        let follows = matches!(
            (*self, to),
            (Self::Starting, Self::Ready)
                | (Self::Ready, Self::Serving)
                | (Self::Ready | Self::Serving, Self::Draining)
        );
        if follows || (to == Self::Stopped && *self != Self::Stopped) {
            *self = to;
            Ok(())
        } else {
            Err(BadTransition { from: *self, to })
        }
    }

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Serving => "serving",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for BadTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot go from {} to {}",
            self.from.name(),
            self.to.name()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Phase::*;

    #[test]
    fn a_life_goes_forward() {
        let mut phase = Starting;
        for next in [Ready, Serving, Draining, Stopped] {
            phase.advance(next).unwrap();
            assert_eq!(phase, next);
        }
    }

    #[test]
    fn any_phase_can_stop_once() {
        for from in [Starting, Ready, Serving, Draining] {
            let mut phase = from;
            phase.advance(Stopped).unwrap();
            assert!(phase.advance(Stopped).is_err());
        }
    }

    #[test]
    fn nothing_is_skipped_or_repeated() {
        for (from, to) in [
            (Starting, Serving),
            (Ready, Ready),
            (Serving, Ready),
            (Draining, Serving),
            (Stopped, Starting),
        ] {
            let mut phase = from;
            assert!(phase.advance(to).is_err());
            assert_eq!(phase, from);
        }
    }
}
