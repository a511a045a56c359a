//! What `/metrics` tells: the numbers of all processes, those that have ended included, and the supervisor's own.
//!
//! `process` hands over each process's page, `lifecycle` counts what it does and answers scrapes. `families` says what there is and
//! reads it from a page, `readings` adds up, `text` writes it down, `ledger` keeps what must not be lost, `history` is for plots.

mod families;
pub mod history;
mod ledger;
mod readings;
mod text;

pub use families::{Id, stall_us};
pub use ledger::{Ledger, Tally};
pub use readings::{Readings, Saved};
pub use text::{Format, write};
