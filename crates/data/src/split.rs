//! Which documents are duplicates, which are held out, which are trained on.
//!
//! Everything is decided by the hash of a document's content, so that adding files to a source
//! moves no document from one side to the other until the held-out set is full of lower hashes.

use crate::hash::{Hash, sha256};

/// What the first pass keeps of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub hash: Hash,
    pub bytes: u64,
}

/// What becomes of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Assignment {
    /// The same content came before.
    Duplicate,
    Train,
    /// The `n`-th candidate for the held-out set, by hash.
    Reserve(u32),
    /// Beyond `max_bytes`.
    Beyond,
}

/// The split, and what it amounts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Split {
    /// One per entry.
    pub assignments: Vec<Assignment>,
    pub duplicates: u64,
    pub duplicate_bytes: u64,
    pub beyond: u64,
    pub beyond_bytes: u64,
    pub reserve: u32,
    pub reserve_bytes: u64,
    /// Whether the reserve is as large as was asked for.
    pub reserve_full: bool,
}

/// Splits documents. The lowest hashes are reserved until they hold `reserve_bytes` or the next
/// would take more than `valid_fraction` of the text (one is always reserved); the next-lowest
/// are trained on until they hold `max_bytes`. A `seed` other than 0 hashes the hashes again,
/// which gives another split.
pub(crate) fn split(
    entries: &[Entry],
    reserve_bytes: u64,
    valid_fraction: f64,
    max_bytes: Option<u64>,
    seed: u64,
) -> Split {
    let salted = |hash: Hash| match seed {
        0 => hash,
        seed => sha256(&[&hash[..], &seed.to_le_bytes()].concat()),
    };
    let mut by_hash: Vec<usize> = (0..entries.len()).collect();
    // Equal hashes: the first occurrence comes first and is kept.
    by_hash.sort_by_cached_key(|&i| (salted(entries[i].hash), i));
    let mut out = Split {
        assignments: vec![Assignment::Duplicate; entries.len()],
        duplicates: 0,
        duplicate_bytes: 0,
        beyond: 0,
        beyond_bytes: 0,
        reserve: 0,
        reserve_bytes: 0,
        reserve_full: false,
    };
    let mut previous = None;
    by_hash.retain(|&i| {
        let new = previous.replace(entries[i].hash) != Some(entries[i].hash);
        if !new {
            out.duplicates += 1;
            out.duplicate_bytes += entries[i].bytes;
        }
        new
    });
    let unique_bytes: u64 = by_hash.iter().map(|&i| entries[i].bytes).sum();
    let cap = (unique_bytes as f64 * valid_fraction) as u64;
    let mut reserving = true;
    let mut train_bytes = 0;
    for i in by_hash {
        let bytes = entries[i].bytes;
        out.reserve_full |= out.reserve_bytes >= reserve_bytes;
        reserving &= !out.reserve_full && (out.reserve == 0 || out.reserve_bytes + bytes <= cap);
        out.assignments[i] = if reserving {
            out.reserve_bytes += bytes;
            out.reserve += 1;
            Assignment::Reserve(out.reserve - 1)
        } else if max_bytes.is_some_and(|max| train_bytes + bytes > max) {
            out.beyond += 1;
            out.beyond_bytes += bytes;
            Assignment::Beyond
        } else {
            train_bytes += bytes;
            Assignment::Train
        };
    }
    out.reserve_full |= out.reserve_bytes >= reserve_bytes;
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries(texts: &[String]) -> Vec<Entry> {
        texts.iter().map(|t| Entry { hash: sha256(t.as_bytes()), bytes: t.len() as u64 }).collect()
    }

    proptest! {
        #[test]
        fn no_document_is_on_both_sides(
            texts in prop::collection::vec("[ab]{1,4}", 1..60), reserve in 1_u64..50,
        ) {
            let entries = entries(&texts);
            let split = split(&entries, reserve, 0.3, None, 7);
            let mut assignment_of = std::collections::BTreeMap::new();
            for (entry, assignment) in entries.iter().zip(&split.assignments) {
                if *assignment != Assignment::Duplicate {
                    prop_assert!(assignment_of.insert(entry.hash, *assignment).is_none());
                }
            }
            let unique: std::collections::BTreeSet<_> = texts.iter().collect();
            prop_assert_eq!(assignment_of.len(), unique.len());
            prop_assert_eq!(split.duplicates as usize, texts.len() - unique.len());
            let held_out = assignment_of.values().filter(|f| matches!(f, Assignment::Reserve(_))).count();
            prop_assert_eq!(held_out, split.reserve as usize);
        }

        /// More files: what was trained on stays trained on or is not there; what is held out is
        /// new or was held out before.
        #[test]
        fn adding_files_moves_nothing_into_the_held_out_set(
            texts in prop::collection::vec("[a-z]{5,20}", 20..60),
            more in prop::collection::vec("[A-Z]{5,20}", 0..60),
            seed in 0_u64..3,
        ) {
            let before = entries(&texts);
            let all: Vec<String> = more.iter().chain(&texts).cloned().collect();
            let after = entries(&all);
            let a = split(&before, 60, 0.5, None, seed);
            let b = split(&after, 60, 0.5, None, seed);
            prop_assume!(a.reserve_full);
            for (i, assignment) in a.assignments.iter().enumerate() {
                if *assignment == Assignment::Train {
                    prop_assert_eq!(b.assignments[more.len() + i], Assignment::Train);
                }
            }
        }
    }
}
