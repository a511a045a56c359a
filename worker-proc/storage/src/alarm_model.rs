//! No alarm is lost: an object's alarm goes through everything that can befall it, in any order, and after each step what
//! its file has is what was committed last, and whoever fires alarms knows of it.

use proptest::prelude::*;

use super::tests::run;
use super::*;

/// A time that an alarm is set for.
#[derive(Clone, Copy, Debug)]
enum When {
    Zero,
    Past,
    Now,
    Soon,
    Later,
    /// The one that it has, or had last.
    Same,
}

/// What an event does to the alarm.
#[derive(Clone, Copy, Debug)]
enum Change {
    Set(When),
    Delete,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Committed,
    /// In a `transactionSync`, kept or undone.
    Sync(bool),
    /// In a `transaction()`, kept or undone.
    Transaction(bool),
    /// The object breaks before the turn ends.
    Reset,
    /// The process ends when the schedule knows of it and the object's file does not.
    Crash,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Event(Change, Fate),
    DeleteAll {
        keep_alarm: bool,
    },
    /// Alarms that are due fire.
    Ring,
    /// The handler ends, and is booked, if the object can be asked; an alarm that is given up then can be told, or not.
    End {
        well: bool,
        booked: bool,
        told: bool,
    },
    /// The object breaks; its next event is of another life.
    Reset,
    /// The object is idle, or is broken and nobody calls it: its file is closed.
    Evict,
    Crash,
    /// Another process begins to replace this one.
    Replace,
    /// The object moves there, if there is one.
    Move,
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    use Step::*;
    let when = prop_oneof![
        1 => Just(When::Zero),
        1 => Just(When::Past),
        1 => Just(When::Now),
        1 => Just(When::Soon),
        1 => Just(When::Later),
        3 => Just(When::Same)
    ];
    let change = prop_oneof![4 => when.prop_map(Change::Set), 1 => Just(Change::Delete)];
    let fate = prop_oneof![
        6 => Just(Fate::Committed),
        1 => any::<bool>().prop_map(Fate::Sync),
        1 => any::<bool>().prop_map(Fate::Transaction),
        1 => Just(Fate::Reset),
        1 => Just(Fate::Crash)
    ];
    let step = prop_oneof![
        6 => (change, fate).prop_map(|(change, fate)| Event(change, fate)),
        1 => any::<bool>().prop_map(|keep_alarm| DeleteAll { keep_alarm }),
        5 => Just(Ring),
        5 => any::<[bool; 4]>().prop_map(|[well, booked, more, told]| End {
            well,
            booked: booked || more,
            told
        }),
        1 => Just(Reset),
        1 => Just(Evict),
        1 => Just(Crash),
        1 => Just(Replace),
        1 => Just(Move),
        2 => prop_oneof![Just(1), Just(3000), Just(2_000_000)].prop_map(Wait)
    ];
    prop::collection::vec(step, 1..60)
}

struct World {
    folder: tempfile::TempDir,
    key: ObjectKey,
    now_ms: i64,
    /// The process that the object lives in, and the one that replaces it.
    schedule: Rc<Schedule>,
    successor: Option<Rc<Schedule>>,
    storage: Option<Storage>,
    /// The handler that runs, or has ended and is yet to be booked.
    ringing: Option<Due>,
    /// Since it was called: the alarm was set or deleted; the object was reset, so that the handler's end says nothing of it.
    is_changed: bool,
    is_reset: bool,
    /// The alarm of the last commit.
    owed: Option<i64>,
    last_ms: i64,
    /// The handler has failed since: it is tried again when its time comes.
    retries: bool,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            schedule: Schedule::open(folder.path(), |_| true).unwrap(),
            folder,
            key: ObjectKey {
                id: "ab".repeat(32).into(),
                name: Some("n".into()),
            },
            now_ms: 1_000_000,
            successor: None,
            storage: None,
            ringing: None,
            is_changed: false,
            is_reset: false,
            owed: None,
            last_ms: 0,
            retries: false,
        }
    }

    async fn storage(&mut self) -> &Storage {
        if self.storage.is_none() {
            let place = Place::File(self.folder.path().join("o.sqlite"));
            let alarms = Alarms::Scheduled(self.schedule.clone(), self.key.clone());
            self.storage = Some(Storage::open(place, alarms, None).await.unwrap());
        }
        self.storage.as_ref().unwrap()
    }

    fn time(&self, when: When) -> i64 {
        match when {
            When::Zero => 0,
            When::Past => self.now_ms - 5000,
            When::Now => self.now_ms,
            When::Soon => self.now_ms + 1,
            When::Later => self.now_ms + 10_000,
            When::Same => self.owed.unwrap_or(self.last_ms),
        }
    }

    async fn event(&mut self, change: Change, fate: Fate) {
        let at_ms = match change {
            Change::Set(when) => Some(self.time(when)),
            Change::Delete => None,
        };
        let storage = self.storage().await;
        let set = || storage.alarm.set(at_ms, true).unwrap();
        let kept = match fate {
            Fate::Committed => {
                set();
                let _ = storage.commit().unwrap();
                true
            }
            Fate::Sync(keep) => {
                storage.begin_sync().unwrap();
                set();
                match keep {
                    true => storage.commit_sync().unwrap(),
                    false => storage.rollback_sync().unwrap(),
                }
                let _ = storage.commit().unwrap();
                keep
            }
            Fate::Transaction(keep) => {
                let depth = storage.begin().unwrap();
                set();
                match keep {
                    true => drop(storage.commit_transaction(depth).unwrap()),
                    false => storage.rollback_transaction(depth).unwrap(),
                }
                keep
            }
            Fate::Reset => {
                set();
                self.reset().await;
                false
            }
            Fate::Crash => {
                set();
                drop(storage.alarm.before_commit().unwrap());
                self.crash();
                false
            }
        };
        if kept {
            self.owed = at_ms;
            self.last_ms = at_ms.unwrap_or(self.last_ms);
            self.is_changed = true;
            self.retries = false;
        }
    }

    async fn ring(&mut self) {
        if self.ringing.is_some() {
            return;
        }
        let Some(due) = self.schedule.take_due(self.now_ms, 1).pop() else {
            return;
        };
        let (now_ms, owed) = (self.now_ms, self.owed);
        let storage = self.storage().await;
        let armed = storage.alarm.arm(due.scheduled_ms, now_ms).unwrap();
        let _ = storage.commit().unwrap();
        self.ringing = Some(due);
        (self.is_changed, self.is_reset) = (false, false);
        match armed {
            Armed::Run => assert!(owed.is_some_and(|at_ms| at_ms <= now_ms), "too early"),
            Armed::Cancel => {
                self.is_changed = true;
                self.end(true, true, true).await;
            }
        }
    }

    async fn end(&mut self, well: bool, booked: bool, told: bool) {
        let Some(due) = self.ringing.take() else {
            return;
        };
        let (mut outcome, mut left_ms) = (
            AlarmOutcome::Failed { counts: false },
            Some(due.scheduled_ms),
        );
        let now_ms = self.now_ms;
        if booked {
            let storage = self.storage().await;
            left_ms = storage.alarm.handler_done(well).unwrap();
            let _ = storage.commit().unwrap();
            outcome = AlarmOutcome::Failed { counts: true };
            if well {
                outcome = AlarmOutcome::Done;
                if !self.is_changed && !self.is_reset {
                    self.owed = None;
                }
            }
            assert_eq!(left_ms, self.owed);
        }
        self.retries = outcome != AlarmOutcome::Done;
        let next = self
            .schedule
            .finished(&due.id, outcome, left_ms, now_ms, 0.5);
        if next != Next::Abandon {
            return;
        }
        if !told {
            self.schedule.kept(&due.id, due.scheduled_ms, now_ms, 0.5);
            return;
        }
        let storage = self.storage().await;
        let left_ms = storage.alarm.abandon(due.scheduled_ms).unwrap();
        let _ = storage.commit().unwrap();
        self.owed = None;
        self.schedule.abandoned(&self.key, left_ms).unwrap();
    }

    async fn reset(&mut self) {
        if let Some(storage) = self.storage.take() {
            storage.abandon();
            storage.close().await.unwrap();
            self.is_reset = true;
        }
    }

    fn crash(&mut self) {
        self.storage = None;
        self.ringing = None;
        self.successor = None;
        self.retries = false;
        self.schedule = Schedule::open(self.folder.path(), |_| true).unwrap();
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Event(change, fate) => self.event(change, fate).await,
            Step::DeleteAll { keep_alarm } => {
                let storage = self.storage().await;
                storage.delete_all(!keep_alarm).unwrap();
                let _ = storage.commit().unwrap();
                if !keep_alarm {
                    self.owed = None;
                }
            }
            Step::Ring => self.ring().await,
            Step::End { well, booked, told } => self.end(well, booked, told).await,
            Step::Reset => self.reset().await,
            // Its handler keeps an object from being idle.
            Step::Evict if self.ringing.is_some() => {}
            Step::Evict => self.reset().await,
            Step::Crash => self.crash(),
            Step::Replace => {
                self.successor = Some(Schedule::open(self.folder.path(), |_| true).unwrap());
            }
            Step::Move if self.ringing.is_some() => {}
            Step::Move => {
                if let Some(successor) = self.successor.take() {
                    self.reset().await;
                    self.retries = false;
                    self.schedule = successor;
                    self.schedule.load(|_| true, i64::MAX).unwrap();
                }
            }
            Step::Wait(millis) => self.now_ms += millis,
        }
        self.check();
    }

    fn check(&self) {
        if let Some(storage) = &self.storage {
            assert_eq!(storage.alarm.stored().unwrap(), self.owed);
        }
        let next_ms = self.schedule.next_of(&self.key.id);
        if let Some(owed) = self.owed
            && self.ringing.is_none()
        {
            let next_ms = next_ms.expect("the alarm is lost");
            assert!(self.retries || next_ms <= owed, "{next_ms}, not {owed}");
        }
    }
}

/// A history, and then nothing: every alarm rings and is over.
fn lives_through(steps: Vec<Step>) {
    run(async || {
        let mut world = World::new();
        for step in steps {
            world.step(step).await;
        }
        world.end(true, true, true).await;
        let mut rings = 0;
        while let Some(next_ms) = world.schedule.next_ms() {
            world.now_ms = world.now_ms.max(next_ms);
            world.ring().await;
            world.end(true, true, true).await;
            world.check();
            rings += 1;
            assert!(rings < 10, "it rings on and on");
        }
        assert_eq!(world.owed, None);
        assert_eq!(world.storage().await.alarm.stored().unwrap(), None);
        assert!(world.schedule.all().unwrap().is_empty());
    });
}

proptest! {
    #[test]
    fn no_alarm_is_lost(steps in steps()) {
        lives_through(steps);
    }
}

#[test]
fn an_alarm_that_rings_by_what_a_crash_left_in_the_schedule_can_be_set_to_its_own_time() {
    lives_through(vec![
        Step::Event(Change::Set(When::Past), Fate::Committed),
        Step::Event(Change::Set(When::Zero), Fate::Crash),
        Step::Ring,
        // Its commit corrects the schedule while the handler runs.
        Step::DeleteAll { keep_alarm: true },
        Step::Event(Change::Set(When::Same), Fate::Committed),
    ]);
}
