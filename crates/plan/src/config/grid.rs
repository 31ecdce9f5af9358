//! `[grid]`: which cells are trained.

use crate::Convention;

use toml::de::DeValue;

use super::cells::CellSpec;
use super::error::ErrorKind;
use super::key::{
    Effect::{Grid, Nothing},
    Key, key,
};
use super::multiply::Multiply;
use super::table::Table;
use super::takes::{
    List, Range, above_to, cell, from_to, nested, number, whole, whole_from, words,
};
use super::value::Word;
use super::words::{as_number, words};

/// Training FLOPs a budget may ask for.
pub(crate) const FLOPS: Range = from_to(1e6, 1e27);
/// Parameter counts one may ask for.
pub(crate) const PARAMS: Range = from_to(100.0, 1e13);
/// Ratios of tokens to parameters one may ask for.
pub(crate) const RATIOS: Range = from_to(1e-3, 1e6);

/// Resolved `[grid]` section.
#[derive(Debug, Clone, PartialEq)]
pub struct GridConfig {
    pub design: Design,
    /// Every cell is trained once with each, ascending: one list for all budgets, or one list per budget.
    pub seeds: Vec<Vec<u64>>,
    pub lr_multipliers: Vec<f64>,
    pub batch_multipliers: Vec<f64>,
    pub multipliers: MultiplierDesign,
    /// Shapes beside the rule's.
    pub shapes: ShapeAxes,
    /// The cells that multipliers apply to; the others are trained plain.
    pub multiply: Vec<Multiply>,
    /// How N and C are counted in this section.
    pub convention: Convention,
    /// How far a cell's FLOPs may be from its budget, as a fraction of it.
    pub tolerance: f64,
    pub min_steps: u64,
    /// Larger grids are refused.
    pub max_cells: u64,
}

/// How the cells of a grid are laid out.
#[derive(Debug, Clone, PartialEq)]
pub enum Design {
    /// Every budget spent by models of several sizes: isoFLOP slices.
    Budgets {
        /// FLOPs, ascending.
        budgets: Vec<f64>,
        sizes: Sizes,
    },
    /// Every size trained for each ratio of tokens to parameters. Cannot identify the law where
    /// there is but one ratio.
    TokensPerParam {
        ratios: Vec<f64>,
        sizes: Sizes,
    },
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
        optimum: OptimumRule,
    },
}

/// The expected compute-optimal size: `N = coefficient * C^exponent`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptimumRule {
    /// Parameters at one FLOP.
    pub coefficient: f64,
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

/// Shapes that every size of every budget is trained with, beside the rule's; `None` where an axis is not searched.
#[derive(Debug, Clone, PartialEq)]
pub struct ShapeAxes {
    /// Blocks.
    pub depths: Option<Vec<usize>>,
    /// Attention heads. Numbers and not sizes, since 1, 2 and 4 fit almost every width and hardly a size does.
    pub head_counts: Option<Vec<usize>>,
    /// Hidden widths of the MLP over the width.
    pub mlp_ratios: Option<Vec<f64>>,
    pub combine: MultiplierDesign,
}

/// How learning-rate and batch multipliers combine, or the axes of [`ShapeAxes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MultiplierDesign {
    /// The plain cell, and one more for each multiplier other than 1, or for each other value of an axis.
    OneAtATime,
    /// Every value of one list with every value of the others.
    Product,
}

words!(MultiplierDesign: "one-at-a-time" = Self::OneAtATime, "product" = Self::Product);
words!(Convention:
    "exact" = Self::Exact,
    "6nd-total" = Self::SixNd,
    "6nd-non-embedding" = Self::SixNdNonEmbedding,
    "6nd-with-head" = Self::SixNdNonEmbeddingWithHead,
);

impl ShapeAxes {
    /// Whether any shape is asked for beside the rule's.
    pub fn any(&self) -> bool {
        self.depths.is_some() || self.head_counts.is_some() || self.mlp_ratios.is_some()
    }
}

impl Default for GridConfig {
    fn default() -> Self {
        Self {
            design: Design::Budgets { budgets: Vec::new(), sizes: Sizes::AROUND_OPTIMUM },
            seeds: vec![vec![0]],
            lr_multipliers: vec![1.0],
            batch_multipliers: vec![1.0],
            multipliers: MultiplierDesign::OneAtATime,
            shapes: ShapeAxes {
                depths: None,
                head_counts: None,
                mlp_ratios: None,
                combine: MultiplierDesign::OneAtATime,
            },
            multiply: vec![Multiply::All],
            convention: Convention::Exact,
            tolerance: 0.01,
            min_steps: 100,
            max_cells: MOST_CELLS,
        }
    }
}

/// A hundred times the runs of the largest published grids (some hundreds each), and still laid out in seconds and kept in memory
/// as one ledger; what is above is a slip in a list or a range far more often than a study.
const MOST_CELLS: u64 = 100_000;
const FACTORS: Range = above_to(0.0, 1e3);
/// Shapes are compared at equal compute; explicit cells have their own.
const NO_SHAPES: &[&str] = &["tokens_per_param", "cells"];
const NO_SPREAD: &[&str] = &["widths", "params", "tokens_per_param", "cells"];

#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    key("budgets", number(FLOPS, "FLOPs").listed(List::Set), "[1e12, 2.5e12, 6e12, 1.5e13, 4e13]",
        "training FLOPs of each slice", Grid,
        |c| match &mut c.grid.design { Design::Budgets { budgets, .. } => Some(budgets), _ => None })
        .without(&["tokens_per_param", "cells"]).required(),
    key("tokens_per_param", number(RATIOS, "tokens per parameter").listed(List::Set), "[5, 10, 20, 40, 80]",
        "instead of budgets: for each of `widths` or `params`", Grid,
        |c| match &mut c.grid.design { Design::TokensPerParam { ratios, .. } => Some(ratios), _ => None })
        .without(&["budgets", "cells"]).required(),
    key("cells", cell().listed(List::Ordered), "[{ width = 64, tokens = 1e6 }]",
        "instead of all that: the cells one by one, see below", Grid,
        |c| match &mut c.grid.design { Design::Cells(cells) => Some(cells), _ => None })
        .without(&["budgets", "tokens_per_param", "widths", "params", "sizes"]).required(),
    key("widths", whole(4, 65_536, "").multiple_of(4).listed(List::Sets), "[64, 96, 128, 192, 256]",
        "widths of the models", Grid,
        |c| match c.grid.sizes()? { Sizes::Widths(widths) => Some(widths), _ => None })
        .without(&["params", "cells"]).required(),
    key("params", number(PARAMS, "parameters").listed(List::Set), "[1e6, 2e6, 4e6, 8e6]",
        "sizes of the models, snapped to the nearest real shape", Grid,
        |c| match c.grid.sizes()? { Sizes::Params(params) => Some(params), _ => None })
        .without(&["widths", "cells"]).required(),
    key("sizes", whole(2, 64, "models"), "7",
        "models per budget, spread around the expected optimum", Grid,
        |c| match c.grid.sizes()? { Sizes::Auto { count, .. } => Some(count), _ => None })
        .without(NO_SPREAD),
    key("spread", number(above_to(1.0, 64.0), ""), "4",
        "how far sizes reach either side of the expected optimum, as a factor", Grid,
        |c| match c.grid.sizes()? { Sizes::Auto { spread, .. } => Some(spread), _ => None })
        .without(NO_SPREAD),
    key("optimum_coefficient", number(above_to(0.0, 1e6), ""), "0.09",
        "a of the expected optimum N = a C^b", Grid,
        |c| match c.grid.sizes()? { Sizes::Auto { optimum, .. } => Some(&mut optimum.coefficient), _ => None })
        .without(NO_SPREAD),
    key("optimum_exponent", number(from_to(0.2, 0.9), ""), "0.5",
        "b of the expected optimum N = a C^b", Grid,
        |c| match c.grid.sizes()? { Sizes::Auto { optimum, .. } => Some(&mut optimum.exponent), _ => None })
        .without(NO_SPREAD),
    key("seeds", whole_from(0, "").listed(List::Sets), "[0, 1, 2]",
        "every cell is trained once with each seed; a list for each budget, in brackets, gives small budgets more of them", Grid, |c| Some(&mut c.grid.seeds)),
    key("lr_multipliers", number(FACTORS, "").listed(List::Set), "[0.5, 1, 2]",
        "every cell is trained with its learning rate times each", Grid,
        |c| Some(&mut c.grid.lr_multipliers)),
    key("batch_multipliers", number(FACTORS, "").listed(List::Set), "[0.5, 1, 2]",
        "every cell is trained with its batch times each", Grid,
        |c| Some(&mut c.grid.batch_multipliers)),
    key("multipliers", words(MultiplierDesign::NAMES), "\"product\"",
        "how learning-rate and batch multipliers combine", Grid, |c| Some(&mut c.grid.multipliers)),
    key("depths", whole(1, 256, "blocks").listed(List::Set), "[1, 2, 3]",
        "every size of every budget is trained with each too, to be compared with the rule's", Grid,
        |c| Some(&mut c.grid.axes()?.depths)).without(NO_SHAPES),
    key("head_counts", whole(1, 1024, "attention heads").listed(List::Set), "[1, 2, 4]",
        "the same with each number of heads; widths that one does not divide into even parts go without it", Grid,
        |c| Some(&mut c.grid.axes()?.head_counts)).without(NO_SHAPES),
    key("mlp_ratios", number(from_to(1.0, 16.0), "").listed(List::Set), "[2, 2.667, 4]",
        "the same with each hidden width of the MLP over the width", Grid,
        |c| Some(&mut c.grid.axes()?.mlp_ratios)).without(NO_SHAPES),
    key("shapes", words(MultiplierDesign::NAMES), "\"product\"",
        "how `depths`, `head_counts` and `mlp_ratios` combine around the rule's shape", Grid,
        |c| c.grid.axes().filter(|axes| axes.any()).map(|axes| &mut axes.combine as _))
        .with(&["depths = [1, 2, 3]", "head_counts = [1, 2, 4]", "mlp_ratios = [2, 4]"]),
    key("multiply", words(Multiply::NAMES).listed(List::Words), "[\"smallest\", \"largest\"]",
        "the cells of each budget that multipliers apply to; the others are trained plain. `\"minima\"` is the size nearest to the expected optimum, without `sizes` to the geometric middle of the budget's sizes",
        Grid, |c| { c.grid.has_multipliers().then_some(())?; Some(&mut c.grid.multiply) })
        .with(&["lr_multipliers = [0.5, 1, 2]", "batch_multipliers = [0.5, 1, 2]"]),
    key("convention", words(Convention::NAMES), "\"6nd-total\"",
        "how N and C are counted in this section", Grid, |c| Some(&mut c.grid.convention)),
    key("tolerance", number(above_to(0.0, 0.2), ""), "0.01",
        "how far a cell's FLOPs may be from its budget, as a fraction", Nothing,
        |c| Some(&mut c.grid.tolerance)),
    key("min_steps", whole(1, 1_000_000, "optimizer steps"), "100",
        "fewest that a cell may have", Nothing, |c| Some(&mut c.grid.min_steps)),
    key("max_cells", whole(1, 10_000_000, "cells"), "200000",
        "most that the grid may have: more are refused before anything is laid out", Nothing,
        |c| Some(&mut c.grid.max_cells)),
];

impl GridConfig {
    /// Takes the design that the keys of the file speak of; they are read into it afterwards.
    pub(super) fn lay_out(&mut self, table: &Table<'_>) {
        let sizes = match (table.has("widths"), table.has("params")) {
            (true, _) => Sizes::Widths(Vec::new()),
            (false, true) => Sizes::Params(Vec::new()),
            // Sizes are spread around the optimum of a budget, which ratios do not have.
            _ if table.has("tokens_per_param") => Sizes::Widths(Vec::new()),
            _ => Sizes::AROUND_OPTIMUM,
        };
        self.design = match (table.has("cells"), table.has("tokens_per_param")) {
            (true, _) => Design::Cells(Vec::new()),
            (false, true) => Design::TokensPerParam { ratios: Vec::new(), sizes },
            (false, false) => Design::Budgets { budgets: Vec::new(), sizes },
        };
    }

    /// Logs lists of widths or seeds that are not one per budget.
    pub(super) fn check_lists(&self, table: &Table<'_>) {
        let budgets = match &self.design {
            Design::Budgets { budgets, .. } => Some(budgets.len()),
            _ => None,
        };
        let by_width = match &self.design {
            Design::Budgets { sizes, .. } | Design::TokensPerParam { sizes, .. } => {
                matches!(sizes, Sizes::Widths(_))
            }
            Design::Cells(_) => false,
        };
        let keys = [("widths", "[64, 96, 128]", by_width), ("seeds", "[0, 1, 2]", true)];
        let mut paired = Vec::new();
        for (key, example, _) in keys.into_iter().filter(|(_, _, read)| *read) {
            let Some(value @ DeValue::Array(lists)) = table.get(key) else { continue };
            // No budgets have been refused already.
            if !nested(value) || budgets == Some(0) {
                continue;
            }
            paired.push(key);
            if budgets != Some(lists.len()) {
                let expected = match budgets {
                    Some(n) => format!("one list of {key}, or one for each of the {n} budgets"),
                    None => format!("one list of {key}"),
                };
                let hint = format!("write `{key} = {example}` to use the same ones everywhere");
                table.fault(ErrorKind::Contradiction, key, expected, &hint);
            }
        }
        // Budgets are sorted: a list that was written for one would go with another.
        if let (Some(first), Some(DeValue::Array(written))) = (paired.first(), table.get("budgets"))
            && !written.is_sorted_by_key(|b| as_number(b.get_ref()))
        {
            let expected =
                format!("budgets from the lowest up, since `{first}` has a list for each");
            let hint = format!("sort `budgets`, and `{}` with them", paired.join("` and `"));
            table.fault(ErrorKind::Contradiction, "budgets", expected, &hint);
        }
    }

    /// The seeds of the cells of a budget, or of those that have none.
    pub(crate) fn seeds_of(&self, budget: Option<f64>) -> &[u64] {
        let index = match (&self.design, budget) {
            (Design::Budgets { budgets, .. }, Some(flops)) => {
                budgets.binary_search_by(|b| b.total_cmp(&flops)).unwrap_or(0)
            }
            _ => 0,
        };
        self.seeds.get(index.min(self.seeds.len().saturating_sub(1))).map_or(&[], |seeds| seeds)
    }

    fn axes(&mut self) -> Option<&mut ShapeAxes> {
        matches!(self.design, Design::Budgets { .. }).then_some(&mut self.shapes)
    }

    /// Puts the words of `multiply` in order; logs "all" beside others.
    pub(super) fn check_multiply(&mut self, table: &Table<'_>) {
        self.multiply.sort();
        if self.multiply.len() > 1 && self.multiply.contains(&Multiply::All) {
            let hint = "leave out the other words, or \"all\"";
            let expected = "\"all\" alone, or some of the others";
            table.fault(ErrorKind::Contradiction, "multiply", expected, hint);
        }
    }

    /// Whether any cell is trained off its plain learning rate or batch.
    pub(crate) fn has_multipliers(&self) -> bool {
        let factors = self.lr_multipliers.iter().chain(&self.batch_multipliers);
        factors.into_iter().any(|factor| *factor != 1.0)
    }

    fn sizes(&mut self) -> Option<&mut Sizes> {
        match &mut self.design {
            Design::Budgets { sizes, .. } | Design::TokensPerParam { sizes, .. } => Some(sizes),
            Design::Cells(_) => None,
        }
    }
}

impl Sizes {
    const AROUND_OPTIMUM: Self =
        Self::Auto { count: 7, spread: 4.0, optimum: OptimumRule::DEFAULT };
}
