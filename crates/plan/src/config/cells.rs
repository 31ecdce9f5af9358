//! `[[grid.cells]]`: cells one by one.

use super::error::ErrorKind;
use super::grid::{FLOPS, PARAMS, RATIOS};
use super::key::{Key, cell_key};
use super::table::Table;
use super::takes::{above_to, from_to, number, whole};

/// One explicit cell.
#[derive(Debug, Clone, PartialEq)]
pub struct CellSpec {
    pub size: CellSize,
    /// How long it trains.
    pub length: Length,
    /// Blocks, instead of the rule.
    pub depth: Option<usize>,
    /// Attention heads, instead of the rule.
    pub heads: Option<usize>,
    /// Hidden width of the MLP, instead of the rule.
    pub hidden: Option<usize>,
    /// Peak learning rate, instead of `[train]`'s.
    pub learning_rate: Option<f64>,
    /// Tokens per step, instead of `[train]`'s.
    pub batch_tokens: Option<f64>,
}

/// Size of an explicit cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CellSize {
    /// Width of the residual stream.
    Width(usize),
    /// Parameters, snapped to the nearest real shape.
    Params(f64),
}

/// How long an explicit cell trains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Length {
    /// Until it has spent these FLOPs; cells of equal FLOPs are a slice.
    Flops(f64),
    Tokens(f64),
    /// Optimizer steps.
    Steps(u64),
    TokensPerParam(f64),
}

#[rustfmt::skip]
pub(super) const KEYS: &[Key<CellSpec>] = &[
    cell_key("width", whole(4, 65_536, "").multiple_of(4), "64", "width of the model",
        |c| match &mut c.size { CellSize::Width(width) => Some(width), _ => None })
        .without(&["params"]).required(),
    cell_key("params", number(PARAMS, "parameters"), "1e6",
        "size of the model, snapped to the nearest real shape",
        |c| match &mut c.size { CellSize::Params(params) => Some(params), _ => None })
        .without(&["width"]).required(),
    cell_key("flops", number(FLOPS, "FLOPs"), "1e12",
        "length of the training; cells with equal `flops` form a slice",
        |c| match &mut c.length { Length::Flops(flops) => Some(flops), _ => None })
        .without(&["tokens", "steps", "tokens_per_param"]).required(),
    cell_key("tokens", number(from_to(1.0, 1e15), "tokens"), "1e6", "length of the training",
        |c| match &mut c.length { Length::Tokens(tokens) => Some(tokens), _ => None })
        .without(&["flops", "steps", "tokens_per_param"]).required(),
    cell_key("steps", whole(1, 1_000_000_000, "optimizer steps"), "1000", "length of the training",
        |c| match &mut c.length { Length::Steps(steps) => Some(steps), _ => None })
        .without(&["flops", "tokens", "tokens_per_param"]).required(),
    cell_key("tokens_per_param", number(RATIOS, "tokens per parameter"), "20",
        "length of the training",
        |c| match &mut c.length { Length::TokensPerParam(ratio) => Some(ratio), _ => None })
        .without(&["flops", "tokens", "steps"]).required(),
    cell_key("depth", whole(1, 65_536, "blocks"), "4", "instead of the rule of `[model]`",
        |c| match c.size { CellSize::Width(_) => Some(&mut c.depth), _ => None })
        .without(&["params"]),
    cell_key("heads", whole(1, 65_536, "attention heads"), "4", "instead of the rule of `[model]`",
        |c| match c.size { CellSize::Width(_) => Some(&mut c.heads), _ => None })
        .without(&["params"]),
    cell_key("hidden", whole(1, 65_536, ""), "256",
        "hidden width of the MLP, instead of the rule of `[model]`",
        |c| match c.size { CellSize::Width(_) => Some(&mut c.hidden), _ => None })
        .without(&["params"]),
    cell_key("learning_rate", number(above_to(0.0, 10.0), ""), "3e-3",
        "peak learning rate, instead of `[train]`'s", |c| Some(&mut c.learning_rate)),
    cell_key("batch_tokens", number(from_to(1.0, 1e9), "tokens"), "8192",
        "batch of a step, instead of `[train]`'s", |c| Some(&mut c.batch_tokens)),
];

impl CellSpec {
    /// Logs what is wrong with it.
    pub(super) fn read(table: &Table<'_>) -> Self {
        // What stands here until the key that is there, or missing, is read.
        let size = match table.has("params") && !table.has("width") {
            true => CellSize::Params(f64::NAN),
            false => CellSize::Width(0),
        };
        let lengths = [
            ("flops", Length::Flops(f64::NAN)),
            ("tokens", Length::Tokens(f64::NAN)),
            ("steps", Length::Steps(0)),
            ("tokens_per_param", Length::TokensPerParam(f64::NAN)),
        ];
        let length = lengths.iter().find(|(key, _)| table.has(key)).unwrap_or(&lengths[0]).1;
        let (depth, heads, hidden, learning_rate, batch_tokens) = (None, None, None, None, None);
        let mut cell = Self { size, length, depth, heads, hidden, learning_rate, batch_tokens };
        table.read(&mut cell, KEYS);
        if let (CellSize::Width(width), Some(heads)) = (cell.size, cell.heads)
            && !(width.is_multiple_of(heads) && (width / heads).is_multiple_of(2))
        {
            let expected =
                format!("a number of heads that divides the width {width} into even parts");
            let hint = "leave out `heads` to take the rule";
            table.fault(ErrorKind::OutOfRange, "heads", expected, hint);
        }
        cell
    }

    /// The cell as an inline table.
    pub(super) fn toml(&self) -> String {
        let mut cell = self.clone();
        let entry = |key: &Key<Self>| Some(format!("{} = {}", key.name, key.value(&mut cell)?));
        format!("{{ {} }}", KEYS.iter().filter_map(entry).collect::<Vec<_>>().join(", "))
    }
}
