//! What processes that have ended had counted, and what the supervisor counts itself: a counter never goes back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipc::metrics::{Page, SharedPage};

use super::families::{Id, read_page};
use super::readings::{Readings, Saved};

/// Shared by everything that adds to it.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Mutex<Readings>>);

impl Ledger {
    fn readings(&self) -> MutexGuard<'_, Readings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts something that the supervisor has done or seen.
    pub fn count(&self, id: Id, labels: &[&str]) {
        self.readings().add(id, labels, 1);
    }

    /// What has been kept so far.
    pub fn kept(&self) -> Readings {
        self.readings().clone()
    }

    /// Goes on with what another program has kept.
    pub fn restore(&self, saved: Vec<Saved>) {
        self.readings().add_all(&Readings::restore(saved));
    }
}

/// The page of one process, whose counts go to the ledger when it is dropped.
#[derive(Debug)]
pub struct Tally {
    page: SharedPage,
    /// The process's slot.
    process: String,
    ledger: Ledger,
}

impl Tally {
    pub fn new(page: SharedPage, slot: u32, ledger: &Ledger) -> Self {
        Self {
            page,
            process: slot.to_string(),
            ledger: ledger.clone(),
        }
    }

    /// The memory, to be given to the process or to the next program.
    pub fn file(&self) -> std::os::fd::BorrowedFd<'_> {
        self.page.file()
    }

    /// What the process counts.
    pub fn page(&self) -> &Page {
        &self.page
    }

    /// Adds what it has counted by now.
    pub fn read(&self, to: &mut Readings) {
        read_page(&self.page, &self.process, true, to);
    }
}

impl Tally {
    /// The same, for when it counts no more.
    pub fn read_last(&self, to: &mut Readings) {
        read_page(&self.page, &self.process, false, to);
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let mut counted = Readings::default();
        self.read_last(&mut counted);
        self.ledger.readings().keep_all(counted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_had_counted_stays_counted() {
        let ledger = Ledger::default();
        let tally = Tally::new(SharedPage::create(c"metrics").unwrap(), 3, &ledger);
        tally.page().socket("http", "main").answered(Some(200));
        tally.page().process.connections.grow();
        let mut live = ledger.kept();
        tally.read(&mut live);
        drop(tally);
        let kept = ledger.kept();
        let number = |readings: &Readings, wanted| {
            let mut all = readings.iter();
            all.find(|(id, labels, _)| *id == wanted && labels.contains(&"3".into()))
                .map(|(_, _, value)| value.clone())
        };
        for wanted in [Id::HttpRequests, Id::ConnectionsAccepted, Id::HttpDuration] {
            assert!(number(&live, wanted).is_some());
            assert_eq!(number(&live, wanted), number(&kept, wanted));
        }
        assert!(number(&live, Id::ConnectionsOpen).is_some());
        assert_eq!(number(&kept, Id::ConnectionsOpen), None);
    }
}
