//! The live objects of this process, as the supervisor's admin page shows them.
//!
//! `boot` asks when the supervisor does. One pass over all objects, and no more memory than the page that is asked for.

use std::collections::{BinaryHeap, HashSet};
use std::rc::Rc;

use ipc::live::{Answer, LiveObject, MAX_NAMESPACES, MAX_OBJECTS, NamespaceTotal, Query};

use super::host::Host;
use super::namespace::{Namespace, Seen};
use crate::service::{ActorId, from_hex, to_hex};

/// What an object is ordered by in the list: how the order ranks it, the namespace's place, the id.
type Rank = (u64, usize, ActorId);

impl Host {
    /// Answers the supervisor.
    pub fn live(&self, query: &Query) -> Answer {
        let mut namespaces = self.all();
        namespaces.sort_by(|one, other| one.key().cmp(other.key()));
        let mut answer = Answer {
            number: query.number,
            heap_bytes: heap_bytes(&namespaces),
            ..Answer::default()
        };
        let most = query.limit.min(MAX_OBJECTS) as usize;
        let after = query.after.as_ref();
        let after_id = after
            .and_then(|after| from_hex(&after.id))
            .unwrap_or_default();
        let filter = query.filter.to_lowercase();
        // The places found, the last of them on top.
        let mut page = BinaryHeap::<Rank>::new();
        for (index, namespace) in namespaces.iter().enumerate() {
            let mut total = NamespaceTotal {
                namespace: namespace.key().to_owned(),
                ..NamespaceTotal::default()
            };
            let asked = query
                .namespace
                .as_ref()
                .is_none_or(|asked| asked == namespace.key());
            namespace.each_live(query.order, |seen| {
                total.objects += 1;
                total.calls += u64::from(seen.numbers.calls);
                total.sockets += u64::from(seen.numbers.sockets);
                if !asked || !matches(&seen, &filter) {
                    return;
                }
                answer.matching += 1;
                let place = (query.order.rank(&seen.numbers), index, seen.id);
                let passed = after.is_some_and(|after| {
                    (after.rank, after.namespace.as_str(), &after_id)
                        >= (place.0, namespace.key(), &place.2)
                });
                if passed {
                    return;
                }
                page.push(place);
                if page.len() > most {
                    page.pop();
                    answer.more = true;
                }
            });
            answer.objects += total.objects;
            answer.namespaces.push(total);
        }
        answer.page = page
            .into_sorted_vec()
            .into_iter()
            .filter_map(|(_, index, id)| {
                let namespace = &namespaces[index];
                namespace.live_object(&id, |seen| LiveObject {
                    namespace: namespace.key().to_owned(),
                    id: to_hex(&id),
                    name: seen.name.map(str::to_owned),
                    numbers: seen.numbers,
                })
            })
            .collect();
        answer.namespaces.retain(|total| total.objects > 0);
        answer
            .namespaces
            .sort_by_key(|total| std::cmp::Reverse(total.objects));
        answer.namespaces.truncate(MAX_NAMESPACES);
        answer
    }
}

fn matches(seen: &Seen, filter: &str) -> bool {
    filter.is_empty()
        || seen
            .name
            .is_some_and(|name| name.to_lowercase().contains(filter))
        || to_hex(&seen.id).starts_with(filter)
}

/// Used heap of the isolates that have objects, each counted once.
fn heap_bytes(namespaces: &[Rc<Namespace>]) -> u64 {
    let mut counted = HashSet::new();
    let isolates = namespaces.iter().map(|namespace| namespace.isolate());
    let isolates = isolates.filter(|isolate| counted.insert(Rc::as_ptr(isolate)));
    isolates.map(|isolate| isolate.heap_bytes()).sum()
}
