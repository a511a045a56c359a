//! Which process an object lives in.
//!
//! `boot` asks it for every call that leaves its caller's process. All processes of a server must agree on the answer, and a
//! program on disk with the one that it replaces: the function never changes.

use crate::service::{ActorId, Slot};

/// The owner of each object.
pub trait Placement {
    fn owner_of(&self, id: &ActorId) -> Slot;
}

/// Rendezvous hashing (highest random weight): each slot scores each id, the highest score owns it. Ids spread evenly
/// whatever they are made of, and when a slot is added or taken away only the ids that it gains or loses move.
///
/// The score of a slot is the finaliser of SplitMix64 over the folded id and the slot's own number; about a nanosecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rendezvous {
    slots: u32,
}

impl Rendezvous {
    /// Over the slots `0..slots`.
    pub fn new(slots: u32) -> Self {
        Self { slots }
    }
}

impl Placement for Rendezvous {
    fn owner_of(&self, id: &ActorId) -> Slot {
        let key = fold(id);
        // Of equal scores the lowest slot's counts.
        let scores = (0..self.slots).map(|slot| (mix(key ^ seed(slot)), slot));
        let best = scores.reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.map_or(0, |(_, slot)| slot)
    }
}

/// The odd constant of SplitMix64: 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn seed(slot: Slot) -> u64 {
    mix(GOLDEN.wrapping_mul(u64::from(slot) + 1))
}

/// All 32 bytes count: only half of them are random in ids that a namespace makes.
fn fold(id: &ActorId) -> u64 {
    let words = id.as_chunks::<8>().0.iter();
    words.fold(0, |key, word| mix(key ^ u64::from_le_bytes(*word)))
}

fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(GOLDEN);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids that differ little.
    fn id(n: u32) -> ActorId {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&n.to_be_bytes());
        id
    }

    fn owners(slots: u32, ids: u32) -> Vec<Slot> {
        let placement = Rendezvous::new(slots);
        (0..ids).map(|n| placement.owner_of(&id(n))).collect()
    }

    #[test]
    fn owners_never_change() {
        let mut bytes = [0; 32];
        for (n, byte) in bytes.iter_mut().enumerate() {
            *byte = n as u8;
        }
        let ids = [[0; 32], [0xff; 32], bytes, id(1), id(2)];
        let owners = [2, 3, 8, 64, 1000].map(|slots| {
            let placement = Rendezvous::new(slots);
            ids.map(|id| placement.owner_of(&id))
        });
        assert_eq!(owners, GOLDEN_OWNERS);
    }

    const GOLDEN_OWNERS: [[Slot; 5]; 5] = [
        [1, 0, 1, 1, 0],
        [2, 0, 2, 1, 2],
        [6, 7, 2, 5, 3],
        [32, 37, 31, 25, 43],
        [835, 629, 167, 347, 43],
    ];

    #[test]
    fn one_slot_owns_everything() {
        assert!(owners(1, 100).iter().all(|owner| *owner == 0));
        assert_eq!(Rendezvous::new(0).owner_of(&id(1)), 0);
    }

    #[test]
    fn slots_own_equal_shares() {
        const PER_SLOT: u32 = 1000;
        for slots in [2, 3, 7, 64] {
            let mut shares = vec![0u32; slots as usize];
            for owner in owners(slots, slots * PER_SLOT) {
                shares[owner as usize] += 1;
            }
            // Six standard deviations of a fair share.
            let fair = |share: &u32| share.abs_diff(PER_SLOT) < 190;
            assert!(shares.iter().all(fair), "{shares:?}");
        }
    }

    #[test]
    fn only_what_a_new_slot_gains_moves() {
        for slots in [1, 2, 5, 16] {
            let (before, after) = (owners(slots, 10_000), owners(slots + 1, 10_000));
            let moved: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).collect();
            assert!(moved.iter().all(|(_, now)| **now == slots));
            let fair = 10_000 / (slots as usize + 1);
            assert!(moved.len().abs_diff(fair) < 300, "{} moved", moved.len());
        }
    }
}
