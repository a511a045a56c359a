//! Fires the alarms of a namespace's objects, of those that this process owns.
//!
//! `drain` starts one watch a namespace when the process serves, and the watch ends when it drains: what is due then is for
//! the process that comes after it. The schedule and the arithmetic of retries are `storage`'s.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::context::ActorContext;
use super::namespace::{Call, Namespace};
use super::stub::Delivered;
use crate::glue::context::ActorIo;
use crate::service::trace::Info;
use crate::service::{Address, Error, Event, Kind, from_hex};
use crate::storage::{self, Alarm, AlarmOutcome, Armed, Due, Next, ObjectKey, Schedule};

/// Alarms that are begun at once when many are due.
const MAX_ALARMS_AT_ONCE: usize = 100;

/// How often the schedule is read again while the process that this one replaces may still set alarms in it.
const FOLLOW: Duration = Duration::from_secs(1);

/// How long a handler may run, as on workerd.
const MAX_ALARM: Duration = Duration::from_secs(15 * 60);

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}

/// A number from 0 to below 1.
fn random() -> f64 {
    let mut bytes = [0; 4];
    // Without random bytes there is no jitter.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
}

impl Namespace {
    /// Fires alarms until the process drains.
    pub(super) fn watch_alarms(self: &Rc<Self>) {
        let Some(schedule) = self.stores().schedule().cloned() else {
            return;
        };
        tokio::task::spawn_local(follow(self.clone(), schedule.clone()));
        let namespace = Rc::downgrade(self);
        tokio::task::spawn_local(async move {
            loop {
                let changed = schedule.changed();
                let wait = schedule.next_ms().map(|next| next - now_ms());
                match wait {
                    Some(millis) if millis <= 0 => {}
                    Some(millis) => {
                        let millis = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
                        // Woken early or late, it looks at the clock again.
                        let _ = tokio::time::timeout(millis, changed).await;
                        continue;
                    }
                    None => {
                        changed.await;
                        continue;
                    }
                }
                let Some(namespace) = namespace.upgrade() else {
                    return;
                };
                if namespace.is_draining() {
                    return;
                }
                for alarm in schedule.take_due(now_ms(), MAX_ALARMS_AT_ONCE) {
                    tokio::task::spawn_local(fire(namespace.clone(), schedule.clone(), alarm));
                }
                // When many are due, others have their turn in between.
                drop(namespace);
                tokio::task::yield_now().await;
            }
        });
    }
}

/// Learns of the alarms of this process's objects: all of them, and while there is a predecessor those that it sets and that
/// are due before the next look.
async fn follow(namespace: Rc<Namespace>, schedule: Rc<Schedule>) {
    let mut most_ms = i64::MAX;
    loop {
        let follows = namespace.has_predecessor();
        if !follows {
            most_ms = i64::MAX;
        }
        let standing = namespace.standing();
        let owned = |id: &str| standing.as_ref().is_some_and(|standing| standing.owns(id));
        if let Err(error) = schedule.load(owned, most_ms) {
            let folder = namespace.key();
            crate::log::error(format_args!("the alarms of {folder}: {}", error.message()));
        }
        if !follows || namespace.is_draining() {
            return;
        }
        tokio::time::sleep(FOLLOW).await;
        most_ms = now_ms() + 2 * i64::try_from(FOLLOW.as_millis()).unwrap_or(0);
    }
}

/// Runs one alarm's handler and books what came of it. Failures that are not the handler's do not use up the retries.
async fn fire(namespace: Rc<Namespace>, schedule: Rc<Schedule>, due: Due) {
    let Some(id) = from_hex(&due.id) else {
        return;
    };
    let address = Address {
        namespace: namespace.key().to_owned(),
        id,
        name: due.name.as_deref().map(str::to_owned),
        props: None,
    };
    // The handler and what is booked after it are one: the object does not leave in between.
    let _call = Call::new(&namespace, &namespace.actor(&address));
    let ran = run(&namespace, &address, &due).await;
    let ended_well = ran.is_ok();
    let booked = book(&namespace, &address, |alarm| alarm.handler_done(ended_well)).await;
    // Where the object cannot be asked, it has the alarm still.
    let left_ms = *booked.as_ref().unwrap_or(&Some(due.scheduled_ms));
    let outcome = match ran {
        Ok(()) if booked.is_ok() => AlarmOutcome::Done,
        Err(error) if error.flags.no_alarm_retry => AlarmOutcome::Aborted,
        ran => AlarmOutcome::Failed {
            counts: ran.is_err_and(|error| error.kind == Kind::Worker),
        },
    };
    let next = schedule.finished(&due.id, outcome, left_ms, now_ms(), random());
    if let Next::Abandon = next {
        abandon(&namespace, &schedule, &address, &due).await;
    }
}

async fn run(namespace: &Rc<Namespace>, address: &Address, due: &Due) -> Result<(), Error> {
    let event = Event {
        handler: "alarm",
        argument: format!(
            "{{\"retryCount\":{0},\"isRetry\":{1},\"scheduledTime\":{2}}}",
            due.retry_count,
            due.retry_count > 0,
            due.scheduled_ms
        ),
    };
    let scheduled_ms = due.scheduled_ms;
    let tracer = namespace.tracer(address, || Info::of_event(&event));
    let has_begun = Cell::new(false);
    let ran = namespace.call(
        address,
        tracer,
        |scope, context, instance, number| match arm(context, scheduled_ms) {
            Ok(Armed::Run) => {
                has_begun.set(true);
                super::events::event(scope, instance, number, &event);
            }
            Ok(Armed::Cancel) => context.complete(number, Ok(())),
            Err(error) => context.complete(number, Err(error)),
        },
    );
    // One that runs for too long has failed; what it booked is ended like any other's.
    let late = || {
        Err(Error::new(
            Kind::Worker,
            "The alarm() handler ran for too long.",
        ))
    };
    let ran = tokio::time::timeout(MAX_ALARM, ran).await;
    let ran = ran.unwrap_or_else(|_| late()).and_then(delivered);
    ran.map_err(|error| match has_begun.get() {
        true => error,
        // Whatever befell the object before, the handler had no part in it.
        false => Error::internal(error.message),
    })
}

/// An alarm whose object lives on elsewhere by now fires there.
fn delivered(call: Delivered) -> Result<(), Error> {
    match call {
        Delivered::Ended(_) => Ok(()),
        Delivered::Moved(..) => Err(Error::object_moved()),
    }
}

fn arm(context: &Rc<ActorContext>, scheduled_ms: i64) -> Result<Armed, Error> {
    match context.storage() {
        Some(storage) => storage
            .alarm
            .arm(scheduled_ms, now_ms())
            .map_err(|error| super::store::broken_by(&error)),
        None => Ok(Armed::Cancel),
    }
}

/// Books something of an object's alarm as an event of the object's own: nothing else of it runs in between. Says which
/// alarm it has after that, which is safe by then.
async fn book(
    namespace: &Rc<Namespace>,
    address: &Address,
    change: impl FnOnce(&Alarm) -> storage::Result<Option<i64>>,
) -> Result<Option<i64>, Error> {
    let left_ms = Cell::new(None);
    let booked = namespace.call(address, None, |_, context, _, number| {
        let changed = context.storage().map(|storage| change(&storage.alarm));
        let outcome = match changed.transpose() {
            Ok(left) => {
                left_ms.set(left.flatten());
                Ok(())
            }
            Err(error) => Err(super::store::broken_by(&error)),
        };
        context.complete(number, outcome);
    });
    booked.await.and_then(delivered)?;
    Ok(left_ms.get())
}

/// Drops an alarm whose retries are used up, if its object can be told so.
async fn abandon(namespace: &Rc<Namespace>, schedule: &Schedule, address: &Address, due: &Due) {
    let told = book(namespace, address, |alarm| alarm.abandon(due.scheduled_ms));
    let Ok(left_ms) = told.await else {
        schedule.kept(&due.id, due.scheduled_ms, now_ms(), random());
        return;
    };
    let key = ObjectKey {
        id: due.id.clone(),
        name: due.name.clone(),
    };
    if let Err(error) = schedule.abandoned(&key, left_ms) {
        crate::log::error(format_args!("dropping an alarm: {}", error.message()));
    }
}
