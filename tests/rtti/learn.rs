//! Finds under which flags each part is told, by asking.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash, Hasher};

use tests::random::Random;

use crate::told::{MODULES, Told};
use crate::{EARLIEST, Teller, enable_flags};

type Flags = BTreeSet<&'static str>;

/// A structure's full name, or that of the modules, and a part of it.
type Spot = (String, String);

/// More flags than any part depends on.
const MAX_FLAGS: usize = 8;

/// The text of `description.json.gz`.
pub fn description(teller: &Teller) -> String {
    let known = enable_flags();
    let known = known.into_iter();
    let mut asker = Asker {
        teller,
        known: known
            .filter(|flag| teller.types(EARLIEST, &[*flag].into()).is_ok())
            .collect(),
        by_flags: BTreeMap::new(),
        distinct: Vec::new(),
        moves: Vec::new(),
    };
    asker.find_moves();
    let conditions = asker.conditions();
    write(&asker, &conditions)
}

/// Asks once for what it is told.
struct Asker<'a> {
    teller: &'a Teller,
    /// The flags that the program knows.
    known: Flags,
    by_flags: BTreeMap<Flags, usize>,
    /// With the hash of the message: most flags change nothing.
    distinct: Vec<(u64, Told)>,
    moves: Vec<Move>,
}

/// A part whose place in its list depends on flags.
struct Move {
    list: String,
    part: String,
    /// A part that is always there: before or after it.
    anchor: String,
}

impl Move {
    /// Where it comes after the anchor, it counts as another part: of the same JSON, with a space behind it.
    fn mark(&self, told: &mut Told) {
        let parts = told.parts.get_mut(&self.list).expect("the same lists");
        let place = |part: &String| parts.iter().position(|other| other == part);
        if let Some(at) = place(&self.part)
            && place(&self.anchor).is_some_and(|anchor| anchor < at)
        {
            parts[at].push(' ');
        }
    }
}

impl Asker<'_> {
    fn ask(&mut self, flags: &Flags) -> usize {
        if let Some(known) = self.by_flags.get(flags) {
            return *known;
        }
        let message = self.teller.types(EARLIEST, flags).expect("known flags");
        let mut hasher = DefaultHasher::new();
        message.hash(&mut hasher);
        let hash = hasher.finish();
        let same = self.distinct.iter().position(|(of, _)| *of == hash);
        let told = same.unwrap_or_else(|| {
            let mut told = Told::read(message);
            self.moves.iter().for_each(|moved| moved.mark(&mut told));
            self.distinct.push((hash, told));
            self.distinct.len() - 1
        });
        self.by_flags.insert(flags.clone(), told);
        told
    }

    fn tells(&mut self, (name, part): &Spot, flags: &Flags) -> bool {
        let told = self.ask(flags);
        self.distinct[told].1.parts[name].contains(part)
    }

    fn surroundings(&self) -> [Flags; 4] {
        let node = Flags::from(["nodejs_compat", "nodejs_compat_v2"]);
        [Flags::new(), &self.known - &node, self.known.clone(), node]
    }

    /// Finds the parts that move, after each flag is changed in the surroundings.
    fn find_moves(&mut self) {
        let known = self.known.clone();
        let surroundings = self.surroundings();
        for around in &surroundings {
            for flag in &known {
                self.ask(&(around ^ &Flags::from([*flag])));
            }
        }
        for around in surroundings {
            let around = self.ask(&around);
            let lists: Vec<String> = self.distinct[around].1.parts.keys().cloned().collect();
            for list in lists {
                while let Some(moved) = self.find_move(around, &list) {
                    let distinct = self.distinct.iter_mut();
                    distinct.for_each(|(_, told)| moved.mark(told));
                    self.moves.push(moved);
                }
            }
        }
    }

    /// A part that has another place in a list than it has around.
    fn find_move(&self, around: usize, list: &str) -> Option<Move> {
        let distinct = self.distinct.iter();
        let lists: Vec<_> = distinct.map(|(_, told)| &told.parts[list]).collect();
        let here = lists[around];
        let mut others = lists.iter().filter(|other| **other != here);
        others.find_map(|there| {
            let (mut before, mut after) = (here.clone(), Vec::clone(there));
            before.retain(|part| there.contains(part));
            after.retain(|part| here.contains(part));
            let differs = before.iter().zip(&after).position(|(a, b)| a != b)?;
            let (part, anchor) = (&before[differs], &after[differs]);
            let is_anchor = |part| lists.iter().all(|list| list.contains(part));
            let (part, anchor) = match is_anchor(anchor) {
                true => (part, anchor),
                false => (anchor, part),
            };
            assert!(
                is_anchor(anchor) && !is_anchor(part),
                "{part} or {anchor} moves"
            );
            Some(Move {
                list: list.to_owned(),
                part: part.clone(),
                anchor: anchor.clone(),
            })
        })
    }

    /// The conditions of parts that are not always there. What is asked for one part may show another.
    fn conditions(&mut self) -> HashMap<Spot, String> {
        let mut random = Random::new(1);
        for _ in 0..60 {
            let mut flags = self.known.clone();
            flags.retain(|_| random.one_in(2));
            self.ask(&flags);
        }
        let mut found: BTreeMap<Spot, Flags> = BTreeMap::new();
        loop {
            let asked = self.by_flags.len();
            let mut conditions = HashMap::new();
            for place in self.changing() {
                let flags = found.entry(place.clone()).or_default();
                let [there, absent] = self.choices(&place, flags);
                conditions.insert(place, condition(flags, &there, &absent));
            }
            if self.by_flags.len() == asked {
                return conditions;
            }
        }
    }

    /// The parts that are told sometimes, but not always.
    fn changing(&self) -> BTreeSet<Spot> {
        let mut counts: BTreeMap<Spot, usize> = BTreeMap::new();
        for (_, told) in &self.distinct {
            for (name, parts) in &told.parts {
                for part in parts {
                    *counts.entry((name.clone(), part.clone())).or_default() += 1;
                }
            }
        }
        let changing = counts
            .into_iter()
            .filter(|(_, count)| *count < self.distinct.len());
        changing.map(|(place, _)| place).collect()
    }

    /// The choices of flags with which a part is there, and those with which it is not. They become more until they agree with
    /// all that has been told.
    fn choices(&mut self, place: &Spot, flags: &mut Flags) -> [Vec<Flags>; 2] {
        loop {
            assert!(flags.len() <= MAX_FLAGS, "{place:?}: {flags:?}");
            if let Some((there, absent)) = self.contradiction(place, flags) {
                flags.insert(self.turning_point(place, &there, &absent));
                continue;
            }
            let choices = subsets(flags).into_iter();
            let (there, absent) = choices.partition(|on| self.tells(place, on));
            if self.contradiction(place, flags).is_none() {
                return [there, absent];
            }
        }
    }

    /// Two sets of flags that are the same choice, one of which has the part.
    fn contradiction(&self, (name, part): &Spot, flags: &Flags) -> Option<(Flags, Flags)> {
        let distinct = self.distinct.iter();
        let has: Vec<bool> = distinct
            .map(|(_, told)| told.parts[name].contains(part))
            .collect();
        let mut first: BTreeMap<Flags, (&Flags, bool)> = BTreeMap::new();
        self.by_flags.iter().find_map(|(asked, told)| {
            let (other, had) = *first.entry(asked & flags).or_insert((asked, has[*told]));
            (had != has[*told]).then(|| (other.clone(), asked.clone()))
        })
    }

    /// A flag that makes a part come or go, between two sets of which one has it.
    fn turning_point(&mut self, place: &Spot, from: &Flags, to: &Flags) -> &'static str {
        let changes: Vec<_> = from.symmetric_difference(to).copied().collect();
        let is_there = self.tells(place, from);
        let (mut same, mut differs) = (0, changes.len());
        while same + 1 < differs {
            let middle = same.midpoint(differs);
            let changed: Flags = changes[..middle].iter().copied().collect();
            if self.tells(place, &(from ^ &changed)) == is_there {
                same = middle;
            } else {
                differs = middle;
            }
        }
        changes[same]
    }
}

fn subsets(of: &Flags) -> Vec<Flags> {
    let mut all = vec![Flags::new()];
    for flag in of {
        let with = all.iter().map(|set| set | &Flags::from([*flag]));
        let with: Vec<Flags> = with.collect();
        all.extend(with);
    }
    all
}

/// The shortest terms that hold for all of `there` and none of `absent`, by the names of fields.
fn condition(flags: &Flags, there: &[Flags], absent: &[Flags]) -> String {
    let holds = |term: &BTreeMap<&str, bool>, on: &Flags| {
        term.iter().all(|(flag, is_on)| on.contains(flag) == *is_on)
    };
    let mut terms: Vec<BTreeMap<&str, bool>> = Vec::new();
    for on in there {
        if terms.iter().any(|term| holds(term, on)) {
            continue;
        }
        let mut term: BTreeMap<_, _> = flags
            .iter()
            .map(|flag| (*flag, on.contains(flag)))
            .collect();
        for flag in flags {
            let mut shorter = term.clone();
            shorter.remove(flag);
            if !absent.iter().any(|on| holds(&shorter, on)) {
                term = shorter;
            }
        }
        terms.push(term);
    }
    let literal = |(flag, is_on): (&&str, &bool)| {
        let mark = if *is_on { "" } else { "!" };
        format!("{mark}{}", field_of(flag))
    };
    let terms = terms
        .iter()
        .map(|term| term.iter().map(literal).collect::<Vec<_>>().join(" & "));
    terms.collect::<Vec<_>>().join(" | ")
}

/// The field that a flag sets.
fn field_of(flag: &str) -> &'static str {
    let fields = schema::compat::Flags::default();
    let mut fields = fields.iter().map(|(field, _)| field);
    let field = fields.find(|field| field.enable_flag() == Some(flag));
    field.expect("a flag of the table").name()
}

/// Parts of all lists in an order that each list has.
fn merged(lists: &[&Vec<String>]) -> Vec<String> {
    let mut before: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut order: Vec<&str> = Vec::new();
    for list in lists {
        let distinct: BTreeSet<_> = list.iter().collect();
        assert_eq!(
            distinct.len(),
            list.len(),
            "a part is there twice: {list:?}"
        );
        for part in *list {
            if !order.contains(&part.as_str()) {
                order.push(part);
            }
        }
        for pair in list.windows(2) {
            before.entry(&pair[1]).or_default().insert(&pair[0]);
        }
    }
    let mut merged: Vec<String> = Vec::new();
    while !order.is_empty() {
        let is_next = |part: &&str| {
            let earlier = before.get(part);
            !earlier.is_some_and(|earlier| order.iter().any(|part| earlier.contains(part)))
        };
        let next = order.iter().position(is_next).expect("an order of all");
        merged.push(order.remove(next).to_owned());
    }
    merged
}

fn write(asker: &Asker<'_>, conditions: &HashMap<Spot, String>) -> String {
    let told: Vec<_> = asker.distinct.iter().map(|(_, told)| told).collect();
    let groups = &told[0].groups;
    assert!(told.iter().all(|told| told.groups == *groups));
    let line = |name: &str, part: String| match conditions.get(&(name.to_owned(), part.clone())) {
        None => part,
        Some(condition) => part
            .trim_end()
            .replacen('{', &format!("{{\"if\":\"{condition}\","), 1),
    };
    let list = |name: &str| {
        let lists: Vec<_> = told.iter().map(|told| &told.parts[name]).collect();
        let parts = merged(&lists).into_iter().map(|part| line(name, part));
        format!("[\n{}\n]", parts.collect::<Vec<_>>().join(",\n"))
    };
    let groups = groups
        .iter()
        .map(|group| serde_json::to_string(group).expect("texts"));
    let names = told[0].parts.keys().filter(|name| *name != MODULES);
    let structures = names.map(|name| format!("{name:?}: {}", list(name)));
    format!(
        "{{\"groups\": [\n{}\n],\n\"structures\": {{\n{}\n}},\n\"modules\": {}}}\n",
        groups.collect::<Vec<_>>().join(",\n"),
        structures.collect::<Vec<_>>().join(",\n"),
        list(MODULES)
    )
}
