//! How N and C are counted. Chosen when fitting, never when training.

use isoflop_plan::Convention;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What is known of a run under each way of counting.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Counts {
    pub params_total: Option<f64>,
    /// Parameters without embedding and head.
    pub params_non_embedding: Option<f64>,
    /// Parameters without the input embedding, with the head.
    pub params_with_head: Option<f64>,
    /// Exact matrix-product FLOPs of the training, head and attention included.
    pub flops_exact: Option<f64>,
}

/// What N and C of a table stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counting {
    /// N and C as the table gives them.
    AsGiven,
    /// N and C by a convention, from the counts of each run.
    By(Convention),
}

/// In JSON, in the order of [`Counting::ALL`].
const KEYS: [&str; 5] =
    ["as_given", "exact", "total_six_nd", "non_embedding_six_nd", "with_head_six_nd"];

impl Counting {
    /// In the order of the tables.
    pub const ALL: [Counting; 5] = [
        Counting::AsGiven,
        Counting::By(Convention::Exact),
        Counting::By(Convention::SixNd),
        Counting::By(Convention::SixNdNonEmbedding),
        Counting::By(Convention::SixNdNonEmbeddingWithHead),
    ];

    /// Name on the command line and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Counting::AsGiven => "as-given",
            Counting::By(convention) => convention.name(),
        }
    }

    /// What it counts, in words.
    pub fn describe(self) -> &'static str {
        match self {
            Counting::AsGiven => "N and C as given",
            Counting::By(Convention::Exact) => "N with embeddings; exact matmul FLOPs",
            Counting::By(Convention::SixNd) => "N with embeddings; C = 6ND",
            Counting::By(Convention::SixNdNonEmbedding) => {
                "N without embeddings and head; C = 6ND (Kaplan)"
            }
            Counting::By(Convention::SixNdNonEmbeddingWithHead) => {
                "N without embeddings, with head; C = 6ND (Porian)"
            }
        }
    }

    /// (N, C) of a run of so many tokens with these counts, `given` in its table; or the column it lacks.
    pub(crate) fn count(
        self,
        counts: &Counts,
        given: (f64, f64),
        tokens: f64,
    ) -> Result<(f64, f64), &'static str> {
        let usable =
            |value: Option<f64>, column| value.filter(|v| v.is_finite() && *v > 0.0).ok_or(column);
        let six = |n: f64| (n, 6.0 * n * tokens);
        let total = || usable(counts.params_total, "total parameter count");
        match self {
            Counting::AsGiven => Ok(given),
            Counting::By(Convention::Exact) => {
                Ok((total()?, usable(counts.flops_exact, "exact FLOP count")?))
            }
            Counting::By(Convention::SixNd) => total().map(six),
            Counting::By(Convention::SixNdNonEmbedding) => {
                usable(counts.params_non_embedding, "non-embedding parameter count").map(six)
            }
            Counting::By(Convention::SixNdNonEmbeddingWithHead) => {
                usable(counts.params_with_head, "parameter count with head").map(six)
            }
        }
    }
}

impl std::fmt::Display for Counting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Counting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let at = Self::ALL.iter().position(|c| c == self).expect("all are listed");
        serializer.serialize_str(KEYS[at])
    }
}

impl<'de> Deserialize<'de> for Counting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = String::deserialize(deserializer)?;
        let at = KEYS.iter().position(|k| *k == key);
        at.map(|at| Self::ALL[at]).ok_or_else(|| de::Error::unknown_variant(&key, &KEYS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_counting_has_a_key_that_reads_back() {
        for (counting, key) in Counting::ALL.into_iter().zip(KEYS) {
            let json = serde_json::to_string(&counting).unwrap();
            assert_eq!(json, format!("\"{key}\""));
            assert_eq!(serde_json::from_str::<Counting>(&json).unwrap(), counting);
        }
        assert!(serde_json::from_str::<Counting>("\"6nd\"").is_err());
    }
}
