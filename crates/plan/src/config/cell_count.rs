//! How many cells a grid asks for, told before any is laid out.

use isoflop_text::{counted, thousands};

use super::error::ErrorKind;
use super::grid::{Design, GridConfig, MultiplierDesign, ShapeAxes, Sizes};
use super::multiply::Multiply;
use super::table::Table;

impl GridConfig {
    /// Logs a grid of more than `max_cells`.
    pub(super) fn check_count(&self, table: &Table<'_>) {
        let cells = self.most_cells();
        if cells <= self.max_cells {
            return;
        }
        let key = match &self.design {
            Design::Budgets { .. } => "budgets",
            Design::TokensPerParam { .. } => "tokens_per_param",
            Design::Cells(_) => "cells",
        };
        let expected =
            format!("at most {} in all (`grid.max_cells`)", counted(self.max_cells, "cell"));
        let hint = format!(
            "shorten the lists of [grid], or write `max_cells = {cells}` there if so many are meant"
        );
        table.refuse(
            ErrorKind::ImpossibleGrid,
            key,
            expected,
            format!("up to {}: {}", thousands(cells), self.factors().join(" x ")),
            hint,
        );
    }

    /// No grid of this configuration has more. It has fewer where sizes or shapes come to the same model.
    fn most_cells(&self) -> u64 {
        let pairs = self.pairs();
        let shapes = self.shapes_of_a_size();
        let of_slice = |slice: usize, sizes: u64| {
            let requests = sizes.saturating_mul(shapes);
            let all = self.multiply.contains(&Multiply::All);
            // Each word chooses one size, in each of its shapes.
            let words = (self.multiply.len() as u64).saturating_mul(shapes);
            let multiplied = if all { requests } else { requests.min(words) };
            let runs = requests.saturating_add(multiplied.saturating_mul(pairs - 1));
            runs.saturating_mul(self.seeds_at(slice))
        };
        let sum = |count: usize, sizes: &dyn Fn(usize) -> u64| {
            let slices = (0..count).map(|slice| of_slice(slice, sizes(slice)));
            slices.fold(0, u64::saturating_add)
        };
        match &self.design {
            Design::Budgets { budgets, sizes } => sum(budgets.len(), &|slice| sizes.at(slice)),
            Design::TokensPerParam { ratios, sizes } => sum(ratios.len(), &|_| sizes.at(0)),
            // Explicit cells are groups of any size.
            Design::Cells(cells) => {
                (cells.len() as u64).saturating_mul(self.seeds_at(0)).saturating_mul(pairs)
            }
        }
    }

    /// What is multiplied, in words; lists of one are left out.
    fn factors(&self) -> Vec<String> {
        let (slices, sizes) = match &self.design {
            Design::Budgets { budgets, sizes } => {
                (counted_of(budgets.len(), "budget"), Some(sizes))
            }
            Design::TokensPerParam { ratios, sizes } => {
                (counted_of(ratios.len(), "ratio"), Some(sizes))
            }
            Design::Cells(cells) => (counted_of(cells.len(), "cell"), None),
        };
        let sizes = sizes.map_or(1, |sizes| sizes.most());
        let seeds = self.seeds.iter().map(Vec::len).max().unwrap_or(1) as u64;
        let more = [
            (sizes, "size"),
            (self.shapes_of_a_size(), "shape"),
            (self.pairs(), "multiplier"),
            (seeds, "seed"),
        ];
        let more = more.into_iter().filter(|(count, _)| *count > 1);
        std::iter::once(slices).chain(more.map(|(count, what)| counted(count, what))).collect()
    }

    /// Pairs of a learning rate and a batch that a cell is trained with, the plain one too.
    fn pairs(&self) -> u64 {
        let lists = [&self.lr_multipliers, &self.batch_multipliers];
        match self.multipliers {
            MultiplierDesign::Product => product(lists.map(|list| list.len() as u64)),
            MultiplierDesign::OneAtATime => {
                let off = lists.into_iter().flatten().filter(|factor| **factor != 1.0);
                1 + off.count() as u64
            }
        }
        .max(1)
    }

    fn shapes_of_a_size(&self) -> u64 {
        let ShapeAxes { depths, head_counts, mlp_ratios, combine } = &self.shapes;
        let counts = [
            depths.as_ref().map_or(0, Vec::len) as u64,
            head_counts.as_ref().map_or(0, Vec::len) as u64,
            mlp_ratios.as_ref().map_or(0, Vec::len) as u64,
        ];
        // The rule's own shape may be none of them.
        1 + match combine {
            _ if counts.iter().all(|count| *count == 0) => 0,
            MultiplierDesign::Product => product(counts.map(|count| count.max(1))),
            MultiplierDesign::OneAtATime => counts.iter().sum(),
        }
    }

    fn seeds_at(&self, slice: usize) -> u64 {
        at(&self.seeds, slice)
    }
}

impl Sizes {
    /// Models of one slice.
    fn at(&self, slice: usize) -> u64 {
        match self {
            Sizes::Widths(lists) => at(lists, slice),
            Sizes::Params(params) => params.len() as u64,
            Sizes::Auto { count, .. } => *count as u64,
        }
    }

    fn most(&self) -> u64 {
        match self {
            Sizes::Widths(lists) => lists.iter().map(Vec::len).max().unwrap_or(0) as u64,
            other => other.at(0),
        }
    }
}

/// The length of the list of a slice, or of the one for all.
fn at<T>(lists: &[Vec<T>], slice: usize) -> u64 {
    lists.get(slice.min(lists.len().saturating_sub(1))).map_or(0, Vec::len) as u64
}

fn product<const N: usize>(counts: [u64; N]) -> u64 {
    counts.into_iter().fold(1, u64::saturating_mul)
}

fn counted_of(count: usize, what: &str) -> String {
    counted(count as u64, what)
}
