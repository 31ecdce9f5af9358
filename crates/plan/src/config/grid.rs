//! `[grid]`: which cells are trained.

use crate::Convention;

use super::cells::CellSpec;
use super::entries::{Entries, list, number, quoted};
use super::error::ErrorKind;
use super::range::{Span, above_to, from_to};
use super::section::Section;

/// Words of the `convention` keys.
pub(crate) const CONVENTIONS: &[(&str, Convention)] = &[
    ("exact", Convention::Exact),
    ("6nd-total", Convention::SixNd),
    ("6nd-non-embedding", Convention::SixNdNonEmbedding),
    ("6nd-with-head", Convention::SixNdNonEmbeddingWithHead),
];

/// Training FLOPs a budget may ask for.
pub(crate) const FLOPS: Span = from_to(1e6, 1e27);
/// Parameter counts one may ask for.
pub(crate) const PARAMS: Span = from_to(100.0, 1e13);
/// Ratios of tokens to parameters one may ask for.
pub(crate) const RATIOS: Span = from_to(1e-3, 1e6);

/// Resolved `[grid]` section.
#[derive(Debug, Clone, PartialEq)]
pub struct GridConfig {
    /// How the cells are laid out.
    pub design: Design,
    /// Every cell is trained once with each.
    pub seeds: Vec<u64>,
    /// Factors on the learning rate.
    pub lr_multipliers: Vec<f64>,
    /// Factors on the batch.
    pub batch_multipliers: Vec<f64>,
    /// How the two combine.
    pub multipliers: MultiplierDesign,
    /// How N and C are counted in this section.
    pub convention: Convention,
    /// How far a cell's FLOPs may be from its budget, as a fraction of it.
    pub tolerance: f64,
    /// Fewest optimizer steps of a cell.
    pub min_steps: u64,
}

/// How the cells of a grid are laid out.
#[derive(Debug, Clone, PartialEq)]
pub enum Design {
    /// Every budget spent by models of several sizes: isoFLOP slices.
    Budgets {
        /// FLOPs, ascending.
        budgets: Vec<f64>,
        /// The models of each budget.
        sizes: Sizes,
    },
    /// Every size trained for each ratio of tokens to parameters. Cannot identify the law where
    /// there is but one ratio.
    TokensPerParam {
        /// Ratios, ascending.
        ratios: Vec<f64>,
        /// The models.
        sizes: Sizes,
    },
    /// One by one.
    Cells(Vec<CellSpec>),
}

/// Which models there are.
#[derive(Debug, Clone, PartialEq)]
pub enum Sizes {
    /// By width, ascending: one list for all budgets, or one list per budget.
    Widths(Vec<Vec<usize>>),
    /// By parameter count, ascending, snapped to the nearest real shapes.
    Params(Vec<f64>),
    /// Spread geometrically around the optimum that is expected for each budget.
    Auto {
        /// Models per budget.
        count: usize,
        /// Largest over expected size, and expected over smallest.
        spread: f64,
        /// The expected optimum.
        optimum: OptimumRule,
    },
}

/// The expected compute-optimal size: `N = coefficient * C^exponent`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptimumRule {
    /// Parameters at one FLOP.
    pub coefficient: f64,
    /// Exponent of compute.
    pub exponent: f64,
}

impl OptimumRule {
    /// The default. Assumed until it is calibrated: C = 6 N D with 20 tokens per parameter
    /// (Hoffmann et al. 2022, table 3) is N = (C / 120)^.5 = .091 C^.5.
    pub const DEFAULT: Self = Self { coefficient: 0.09, exponent: 0.5 };

    /// Expected optimal parameters at `flops`.
    pub fn params(&self, flops: f64) -> f64 {
        self.coefficient * flops.powf(self.exponent)
    }
}

/// How learning-rate and batch multipliers combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MultiplierDesign {
    /// The plain cell, and one more for each multiplier other than 1.
    OneAtATime,
    /// Every learning rate with every batch.
    Product,
}

const MULTIPLIERS: &[(&str, MultiplierDesign)] =
    &[("one-at-a-time", MultiplierDesign::OneAtATime), ("product", MultiplierDesign::Product)];

impl GridConfig {
    pub(crate) fn read(s: Section<'_>) -> Self {
        let factors = above_to(0.0, 1e3);
        let config = Self {
            design: read_design(&s),
            seeds: s.wholes("seeds", 0..=i64::MAX as u64).unwrap_or_else(|| vec![0]),
            lr_multipliers: sorted(s.numbers("lr_multipliers", factors)).unwrap_or(vec![1.0]),
            batch_multipliers: sorted(s.numbers("batch_multipliers", factors)).unwrap_or(vec![1.0]),
            multipliers: s
                .choice("multipliers", MULTIPLIERS)
                .unwrap_or(MultiplierDesign::OneAtATime),
            convention: s.choice("convention", CONVENTIONS).unwrap_or(Convention::Exact),
            tolerance: s.number("tolerance", above_to(0.0, 0.2)).unwrap_or(0.01),
            min_steps: s.whole("min_steps", 1..=1_000_000).unwrap_or(100),
        };
        s.finish();
        config
    }

    pub(crate) fn entries(&self) -> Entries {
        let mut e = Entries::new("grid");
        match &self.design {
            Design::Budgets { budgets, sizes } => {
                e.put("budgets", list(budgets, |x| number(*x)));
                sizes.entries(&mut e);
            }
            Design::TokensPerParam { ratios, sizes } => {
                e.put("tokens_per_param", list(ratios, |x| number(*x)));
                sizes.entries(&mut e);
            }
            Design::Cells(cells) => e.put("cells", list(cells, CellSpec::entry)),
        }
        e.put("seeds", list(&self.seeds, u64::to_string));
        e.put("lr_multipliers", list(&self.lr_multipliers, |x| number(*x)));
        e.put("batch_multipliers", list(&self.batch_multipliers, |x| number(*x)));
        let multipliers = MULTIPLIERS.iter().find(|(_, m)| *m == self.multipliers);
        e.text("multipliers", multipliers.map_or("", |(name, _)| name));
        e.put("convention", quoted(self.convention.name()));
        e.number("tolerance", self.tolerance);
        e.put("min_steps", self.min_steps.to_string());
        e
    }
}

impl Sizes {
    fn entries(&self, e: &mut Entries) {
        let widths = |w: &Vec<usize>| list(w, usize::to_string);
        match self {
            Sizes::Widths(lists) => match lists.as_slice() {
                [one] => e.put("widths", widths(one)),
                many => e.put("widths", list(many, widths)),
            },
            Sizes::Params(params) => e.put("params", list(params, |x| number(*x))),
            Sizes::Auto { count, spread, optimum } => {
                e.put("sizes", count.to_string());
                e.number("spread", *spread);
                e.number("optimum_coefficient", optimum.coefficient);
                e.number("optimum_exponent", optimum.exponent);
            }
        }
    }
}

fn read_design(s: &Section<'_>) -> Design {
    if s.has("cells") {
        let hint = "list the cells, or describe a grid of budgets and sizes, not both";
        for key in ["budgets", "tokens_per_param", "widths", "params", "sizes"] {
            s.forbid(key, "`cells`", hint);
        }
        forbid_auto(s, "`cells`");
        let cells = s.tables("cells", "grid.cells").unwrap_or_default();
        return Design::Cells(cells.into_iter().filter_map(CellSpec::read).collect());
    }
    if s.has("tokens_per_param") {
        s.forbid("budgets", "`tokens_per_param`", "leave out one of the two");
        s.forbid("sizes", "`tokens_per_param`", "give `widths` or `params`");
        let ratios = sorted(s.numbers("tokens_per_param", RATIOS)).unwrap_or_default();
        if !s.has("widths") && !s.has("params") && !s.has("sizes") {
            s.fault(
                ErrorKind::MissingKey,
                "",
                "the sizes that `tokens_per_param` is for",
                "nothing",
                "add `widths = [64, 128, 256]` or `params = [1e6, 4e6, 16e6]` to [grid]",
            );
        }
        return Design::TokensPerParam { ratios, sizes: read_sizes(s, None) };
    }
    if !s.has("budgets") {
        s.fault(
            ErrorKind::MissingKey,
            "",
            "`budgets`, `tokens_per_param` or `cells`",
            "none of them",
            "add `budgets = [1e12, 2.5e12, 6e12, 1.5e13, 4e13]` to [grid]",
        );
    }
    let budgets = sorted(s.numbers("budgets", FLOPS)).unwrap_or_default();
    let sizes = read_sizes(s, Some(budgets.len()));
    Design::Budgets { budgets, sizes }
}

/// `budgets` is how many there are, and `None` where sizes cannot depend on one.
fn read_sizes(s: &Section<'_>, budgets: Option<usize>) -> Sizes {
    let given: Vec<&'static str> =
        ["widths", "params", "sizes"].into_iter().filter(|k| s.has(k)).collect();
    if let [first, rest @ ..] = given.as_slice() {
        for key in rest {
            s.forbid(
                key,
                &format!("`{first}`"),
                "sizes are given in one way: leave out the others",
            );
        }
    }
    match given.first() {
        Some(&"widths") => {
            forbid_auto(s, "`widths`");
            read_widths(s, budgets)
        }
        Some(&"params") => {
            forbid_auto(s, "`params`");
            Sizes::Params(sorted(s.numbers("params", PARAMS)).unwrap_or_default())
        }
        _ => Sizes::Auto {
            count: s.whole("sizes", 2..=64).unwrap_or(7) as usize,
            spread: s.number("spread", above_to(1.0, 64.0)).unwrap_or(4.0),
            optimum: OptimumRule {
                coefficient: s
                    .number("optimum_coefficient", above_to(0.0, 1e6))
                    .unwrap_or(OptimumRule::DEFAULT.coefficient),
                exponent: s
                    .number("optimum_exponent", from_to(0.2, 0.9))
                    .unwrap_or(OptimumRule::DEFAULT.exponent),
            },
        },
    }
}

fn read_widths(s: &Section<'_>, budgets: Option<usize>) -> Sizes {
    let Some(mut lists) = s.wholes_nested("widths", 4..=65_536) else {
        return Sizes::Widths(Vec::new());
    };
    for (i, widths) in lists.iter_mut().enumerate() {
        for (j, width) in widths.iter().enumerate().filter(|(_, w)| !w.is_multiple_of(4)) {
            let nested = s.is_nested("widths");
            let key = if nested { format!("widths[{i}][{j}]") } else { format!("widths[{j}]") };
            s.fault(
                ErrorKind::OutOfRange,
                &key,
                "a multiple of 4",
                width.to_string(),
                format!("write {}", width.next_multiple_of(4)),
            );
        }
        widths.sort_unstable();
    }
    if s.is_nested("widths") && budgets.is_none_or(|n| n != lists.len()) {
        let expected = match budgets {
            Some(n) => format!("one list of widths, or one for each of the {n} budgets"),
            None => "one list of widths".into(),
        };
        let hint = "write `widths = [64, 96, 128]` to use the same ones everywhere";
        s.fault(
            ErrorKind::Contradiction,
            "widths",
            expected,
            format!("{} lists", lists.len()),
            hint,
        );
    }
    Sizes::Widths(lists.into_iter().map(|l| l.into_iter().map(|w| w as usize).collect()).collect())
}

fn forbid_auto(s: &Section<'_>, with: &str) {
    for key in ["spread", "optimum_coefficient", "optimum_exponent"] {
        s.forbid(key, with, "only sizes spread around an expected optimum (`sizes = 7`) have one");
    }
}

/// Order has no meaning in these lists, so that equal sets are equal configurations.
fn sorted(list: Option<Vec<f64>>) -> Option<Vec<f64>> {
    list.map(|mut list| {
        list.sort_by(f64::total_cmp);
        list
    })
}
