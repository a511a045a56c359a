//! What the supervisor asks of a runtime process about its live Durable Objects, and the answer: for the admin page.
//!
//! Made by `supervisor::admin` and by the runtime's actors, carried by `messages`. An answer is a page of a list in an order
//! that both ends compute alike, so that the pages of several processes merge; it fits one packet, whatever the objects
//! are called.

use std::cmp::Ordering;

use crate::frame::{FrameError, MAX_PACKET_BYTES, Reader, Writer};

/// Objects of one answer.
pub const MAX_OBJECTS: u32 = 500;
/// Namespaces whose totals are in an answer; those with the most objects.
pub const MAX_NAMESPACES: usize = 64;
/// A name or a key is cut to this many bytes.
pub const MAX_TEXT_BYTES: usize = 512;
/// What an object takes in a packet, beside its texts.
const OBJECT_BYTES: usize = 128;

/// In what order objects come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By namespace, then by id.
    #[default]
    Id,
    /// Most calls under way first.
    Calls,
    /// Most calls ever first.
    Total,
    /// Largest database memory first.
    Memory,
    /// Most WebSockets first.
    Sockets,
    /// Soonest first, those without last.
    Alarm,
}

impl Order {
    /// Every order with its name, as the admin page has it.
    pub const ALL: [(Self, &str); 6] = [
        (Self::Id, "id"),
        (Self::Calls, "calls"),
        (Self::Total, "total"),
        (Self::Memory, "memory"),
        (Self::Sockets, "sockets"),
        (Self::Alarm, "alarm"),
    ];

    /// Its name in [`Self::ALL`].
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(order, _)| *order == self);
        found.map_or("id", |(_, name)| name)
    }

    /// The order of that name.
    pub fn parse(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(order, _)| *order)
    }

    /// What comes first, smallest first.
    pub fn rank(self, numbers: &Numbers) -> u64 {
        let most = |number: u64| u64::MAX - number;
        match self {
            Self::Id => 0,
            Self::Calls => most(numbers.calls.into()),
            Self::Total => most(numbers.total_calls),
            Self::Memory => most(numbers.storage_bytes),
            Self::Sockets => most(numbers.sockets.into()),
            Self::Alarm => numbers
                .next_alarm_ms
                .map_or(u64::MAX, |at| u64::try_from(at).unwrap_or(0)),
        }
    }
}

/// What is counted of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Calls under way or waiting.
    pub calls: u32,
    /// Calls since the object was last started.
    pub total_calls: u64,
    /// Memory of its database: the page cache, the schema, prepared statements.
    pub storage_bytes: u64,
    /// WebSockets.
    pub sockets: u32,
    /// Milliseconds since the epoch.
    pub next_alarm_ms: Option<i64>,
}

/// A live object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveObject {
    /// The key of its namespace.
    pub namespace: String,
    /// 64 hexadecimal digits.
    pub id: String,
    /// The name that it was got by, if it was got by one.
    pub name: Option<String>,
    /// What is counted of it.
    pub numbers: Numbers,
}

/// A place in the list, to go on after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// By [`Order::rank`].
    pub rank: u64,
    /// The key of the namespace.
    pub namespace: String,
    /// 64 hexadecimal digits.
    pub id: String,
}

impl LiveObject {
    /// Where it is in a list of this order.
    pub fn position(&self, order: Order) -> Position {
        Position {
            rank: order.rank(&self.numbers),
            namespace: self.namespace.clone(),
            id: self.id.clone(),
        }
    }
}

impl Position {
    /// Whether it comes before or after an object that is so placed.
    pub fn compare(&self, rank: u64, namespace: &str, id: &str) -> Ordering {
        (self.rank, self.namespace.as_str(), self.id.as_str()).cmp(&(rank, namespace, id))
    }
}

/// Which objects to tell of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Comes back with the answer.
    pub number: u64,
    /// Of this namespace alone.
    pub namespace: Option<String>,
    /// Whose id begins with this, or whose name contains it; all if it is empty.
    pub filter: String,
    /// In which order they come.
    pub order: Order,
    /// Only those after this place.
    pub after: Option<Position>,
    /// At most [`MAX_OBJECTS`].
    pub limit: u32,
}

/// The live objects of a namespace in one process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceTotal {
    /// Its key.
    pub namespace: String,
    /// Live ones.
    pub objects: u64,
    /// Calls under way or waiting, of all of them.
    pub calls: u64,
    /// WebSockets of all of them.
    pub sockets: u64,
}

/// What a runtime process says of its live objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The query's.
    pub number: u64,
    /// Used heap of the isolates that have objects.
    pub heap_bytes: u64,
    /// All of its live objects, whatever the query.
    pub objects: u64,
    /// Those with the most objects, at most [`MAX_NAMESPACES`].
    pub namespaces: Vec<NamespaceTotal>,
    /// Those that the query is about.
    pub matching: u64,
    /// There are more after the last of `page`.
    pub more: bool,
    /// The first of those that match, at most as many as were asked for.
    pub page: Vec<LiveObject>,
}

impl Query {
    pub(crate) fn write(&self, w: &mut Writer) {
        w.u64(self.number)
            .optional_str(self.namespace.as_deref().map(cut))
            .str(cut(&self.filter))
            .str(self.order.name())
            .u32(self.limit)
            .bool(self.after.is_some());
        if let Some(after) = &self.after {
            w.u64(after.rank)
                .str(cut(&after.namespace))
                .str(cut(&after.id));
        }
    }

    pub(crate) fn read(r: &mut Reader) -> Result<Self, FrameError> {
        Ok(Self {
            number: r.u64()?,
            namespace: r.optional_str()?,
            filter: r.str()?,
            order: Order::parse(&r.str()?).ok_or(FrameError::BadField("order"))?,
            limit: r.u32()?.min(MAX_OBJECTS),
            after: if r.bool()? {
                Some(Position {
                    rank: r.u64()?,
                    namespace: r.str()?,
                    id: r.str()?,
                })
            } else {
                None
            },
        })
    }
}

impl Answer {
    /// Writes as much of the page as fits the packet; what does not makes `more`.
    pub(crate) fn write(&self, w: &mut Writer) {
        w.u64(self.number)
            .u64(self.heap_bytes)
            .u64(self.objects)
            .u64(self.matching);
        let namespaces = self
            .namespaces
            .get(..MAX_NAMESPACES)
            .unwrap_or(&self.namespaces);
        w.u32(namespaces.len() as u32);
        for total in namespaces {
            w.str(cut(&total.namespace))
                .u64(total.objects)
                .u64(total.calls)
                .u64(total.sockets);
        }
        let mut left = MAX_PACKET_BYTES.saturating_sub(w.len() + OBJECT_BYTES);
        let fitting = self.page.iter().take_while(|object| {
            let name = object.name.as_deref().map_or(0, |name| cut(name).len());
            let bytes = OBJECT_BYTES + cut(&object.namespace).len() + object.id.len() + name;
            let fits = left.checked_sub(bytes);
            left = fits.unwrap_or(0);
            fits.is_some()
        });
        let fitting = fitting.take(MAX_OBJECTS as usize).count();
        w.bool(self.more || fitting < self.page.len());
        w.u32(fitting as u32);
        for object in &self.page[..fitting] {
            let Numbers {
                calls,
                total_calls,
                storage_bytes,
                sockets,
                next_alarm_ms,
            } = object.numbers;
            w.str(cut(&object.namespace))
                .str(cut(&object.id))
                .optional_str(object.name.as_deref().map(cut))
                .u32(calls)
                .u64(total_calls)
                .u64(storage_bytes)
                .u32(sockets)
                .bool(next_alarm_ms.is_some())
                .u64(next_alarm_ms.unwrap_or(0).cast_unsigned());
        }
    }

    pub(crate) fn read(r: &mut Reader) -> Result<Self, FrameError> {
        let mut answer = Self {
            number: r.u64()?,
            heap_bytes: r.u64()?,
            objects: r.u64()?,
            matching: r.u64()?,
            ..Self::default()
        };
        for _ in 0..r.u32()? {
            answer.namespaces.push(NamespaceTotal {
                namespace: r.str()?,
                objects: r.u64()?,
                calls: r.u64()?,
                sockets: r.u64()?,
            });
        }
        answer.more = r.bool()?;
        for _ in 0..r.u32()? {
            answer.page.push(LiveObject {
                namespace: r.str()?,
                id: r.str()?,
                name: r.optional_str()?,
                numbers: Numbers {
                    calls: r.u32()?,
                    total_calls: r.u64()?,
                    storage_bytes: r.u64()?,
                    sockets: r.u32()?,
                    next_alarm_ms: match (r.bool()?, r.u64()?) {
                        (true, at) => Some(at.cast_signed()),
                        (false, _) => None,
                    },
                },
            });
        }
        Ok(answer)
    }
}

/// A text as far as a packet takes it.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Message;
    use crate::messages::{ToRuntime, ToSupervisor};

    fn object(index: u64, name: &str) -> LiveObject {
        LiveObject {
            namespace: "key".into(),
            id: format!("{index:064x}"),
            name: Some(name.into()),
            numbers: Numbers {
                calls: 1,
                total_calls: index,
                next_alarm_ms: index.is_multiple_of(2).then_some(index as i64),
                ..Numbers::default()
            },
        }
    }

    fn carried(answer: &Answer) -> Answer {
        let packet = ToSupervisor::Objects(Box::new(answer.clone())).encode();
        assert!(packet.len() <= MAX_PACKET_BYTES, "{}", packet.len());
        match ToSupervisor::decode(&packet, Vec::new()).unwrap() {
            ToSupervisor::Objects(answer) => *answer,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn queries_and_answers_come_back() {
        let query = Query {
            number: 7,
            namespace: Some("key".into()),
            filter: "ab".into(),
            order: Order::Alarm,
            after: Some(object(1, "a").position(Order::Alarm)),
            limit: 10,
        };
        let packet = ToRuntime::Objects(Box::new(query.clone())).encode();
        match ToRuntime::decode(&packet, Vec::new()).unwrap() {
            ToRuntime::Objects(carried) => assert_eq!(*carried, query),
            other => panic!("{other:?}"),
        }
        let answer = Answer {
            number: 7,
            heap_bytes: 1,
            objects: 3,
            matching: 2,
            namespaces: vec![NamespaceTotal {
                namespace: "key".into(),
                objects: 3,
                calls: 2,
                sockets: 1,
            }],
            more: true,
            page: vec![object(1, "a"), object(2, "b")],
        };
        assert_eq!(carried(&answer), answer);
    }

    #[test]
    fn an_answer_always_fits_its_packet() {
        let long = "ä".repeat(5000);
        let total = |_| NamespaceTotal {
            namespace: long.clone(),
            ..NamespaceTotal::default()
        };
        let answer = Answer {
            namespaces: (0..200).map(total).collect(),
            page: (0..1000).map(|index| object(index, &long)).collect(),
            ..Answer::default()
        };
        let carried = carried(&answer);
        assert!(carried.more && carried.page.len() > 100);
        assert_eq!(carried.namespaces.len(), MAX_NAMESPACES);
        assert_eq!(carried.page[0].name.as_ref().unwrap().len(), MAX_TEXT_BYTES);
    }

    #[test]
    fn most_comes_first_and_no_alarm_last() {
        let mut objects: Vec<_> = (0..4).map(|index| object(index, "a")).collect();
        let mut ids = |order: Order| {
            objects.sort_by_key(|object| (order.rank(&object.numbers), object.id.clone()));
            objects
                .iter()
                .map(|object| object.numbers.total_calls)
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(Order::Id), [0, 1, 2, 3]);
        assert_eq!(ids(Order::Total), [3, 2, 1, 0]);
        assert_eq!(ids(Order::Alarm), [0, 2, 1, 3]);
    }
}
