//! Rows that no fit sees, by name.

use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LeftOutReason {
    /// A number is NaN or infinite.
    NotFinite {
        column: String,
    },
    /// What should be a number is none.
    Unreadable {
        column: String,
        /// What stands there; empty where nothing does.
        cell: String,
    },
    /// A number is zero or negative.
    NotPositive {
        column: String,
        value: f64,
    },
    /// The row repeats another of the same name, number by number.
    Duplicate,
    /// An earlier point of a run whose last row is in the table.
    NotLast,
    /// Another run of another name is equal to it to the last digit.
    Renamed,
    /// A setting (learning rate, batch) of an N and D that another did better with.
    WorseSetting,
    /// C has nothing to do with N and D, while it has in the other rows.
    OffRule,
    /// The chosen convention needs a count that this row lacks.
    NoCount {
        column: String,
    },
    Asked {
        why: String,
    },
}

impl std::fmt::Display for LeftOutReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LeftOutReason::NotFinite { column } => write!(f, "{column} is not a finite number"),
            LeftOutReason::Unreadable { column, cell } if cell.is_empty() => {
                write!(f, "{column} is missing")
            }
            LeftOutReason::Unreadable { column, cell } => {
                write!(f, "{column} is `{cell}`, and no number")
            }
            LeftOutReason::NotPositive { column, value } => {
                write!(f, "{column} is {value}, and must be above 0")
            }
            LeftOutReason::Duplicate => write!(f, "repeats an earlier row, number by number"),
            LeftOutReason::NotLast => write!(f, "an earlier point of its run, and no final loss"),
            LeftOutReason::WorseSetting => {
                write!(f, "a setting of its N and D that another did better with")
            }
            LeftOutReason::Renamed => {
                write!(f, "repeats a run of another name to the last digit, and counts once")
            }
            LeftOutReason::OffRule => {
                write!(
                    f,
                    "its C is far from what its N and D take, as of a crashed or mistyped run"
                )
            }
            LeftOutReason::NoCount { column } => write!(f, "has no {column}"),
            LeftOutReason::Asked { why } => write!(f, "{why}"),
        }
    }
}

impl LeftOutReason {
    /// Whether two reasons differ in the cell's contents at most.
    fn alike(&self, other: &LeftOutReason) -> bool {
        match (self, other) {
            (
                LeftOutReason::Unreadable { column, cell },
                LeftOutReason::Unreadable { column: of, cell: other },
            ) => column == of && cell.is_empty() == other.is_empty(),
            (
                LeftOutReason::NotPositive { column, .. },
                LeftOutReason::NotPositive { column: of, .. },
            ) => column == of,
            _ => self == other,
        }
    }

    /// In words, where cells differ.
    fn of_many(&self) -> String {
        match self {
            LeftOutReason::Unreadable { column, .. } => format!("{column} is no number"),
            LeftOutReason::NotPositive { column, .. } => {
                format!("{column} is not above 0")
            }
            _ => self.to_string(),
        }
    }

    /// What to do where nothing else is left.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            LeftOutReason::NoCount { .. } => {
                "give the column of that count, or choose another convention"
            }
            LeftOutReason::Asked { .. } => "leave out fewer rows",
            LeftOutReason::Unreadable { .. } => {
                "N, D, C and the loss must be numbers, such as 1234567, 1.2e9, 3.4M or 1.2B; check the column names"
            }
            _ => {
                "N, D, C and the loss must be positive and finite; check the column names and units"
            }
        }
    }
}

/// Rows by reason, as they come; rows that differ in what stands in a cell alone have one reason.
pub fn by_reason(rows: &[LeftOut]) -> Vec<(String, Vec<&LeftOut>)> {
    let mut out: Vec<(LeftOutReason, Vec<&LeftOut>)> = Vec::new();
    for row in rows {
        match out.iter_mut().find(|(first, _)| first.alike(&row.reason)) {
            Some((_, rows)) => rows.push(row),
            None => out.push((row.reason.clone(), vec![row])),
        }
    }
    out.into_iter()
        .map(|(first, rows)| {
            let one = rows.iter().all(|row| row.reason == first);
            (if one { first.to_string() } else { first.of_many() }, rows)
        })
        .collect()
}

/// One row that no fit sees.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeftOut {
    pub run: String,
    /// Its place among the rows of the input, from 1.
    pub row: usize,
    #[serde(flatten)]
    pub reason: LeftOutReason,
}
