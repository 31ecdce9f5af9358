//! `[[grid.cells]]`: cells one by one.

use super::entries::number;
use super::error::ErrorKind;
use super::grid::{FLOPS, PARAMS, RATIOS};
use super::range::{above_to, from_to};
use super::section::Section;

/// One explicit cell.
#[derive(Debug, Clone, PartialEq)]
pub struct CellSpec {
    /// Its size.
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
    /// Tokens.
    Tokens(f64),
    /// Optimizer steps.
    Steps(u64),
    /// Tokens per parameter.
    TokensPerParam(f64),
}

impl CellSpec {
    /// `None` where the cell is refused; the reasons are logged.
    pub(crate) fn read(s: Section<'_>) -> Option<Self> {
        let size = read_size(&s);
        let length = read_length(&s);
        let by_shape = |key| s.whole(key, 1..=65_536).map(|n| n as usize);
        let (depth, heads, hidden) = (by_shape("depth"), by_shape("heads"), by_shape("hidden"));
        if matches!(size, Some(CellSize::Params(_))) {
            for key in ["depth", "heads", "hidden"] {
                s.forbid(key, "`params`", "give the `width` of a model whose shape you choose");
            }
        }
        if let (Some(CellSize::Width(width)), Some(heads)) = (size, heads)
            && !(width.is_multiple_of(heads) && (width / heads).is_multiple_of(2))
        {
            s.fault(
                ErrorKind::OutOfRange,
                "heads",
                format!("a number of heads that divides the width {width} into even parts"),
                heads.to_string(),
                "leave out `heads` to take the rule",
            );
        }
        let learning_rate = s.number("learning_rate", above_to(0.0, 10.0));
        let batch_tokens = s.number("batch_tokens", from_to(1.0, 1e9));
        s.finish();
        Some(Self {
            size: size?,
            length: length?,
            depth,
            heads,
            hidden,
            learning_rate,
            batch_tokens,
        })
    }

    /// The cell as an inline table.
    pub(crate) fn entry(&self) -> String {
        let mut parts = vec![match self.size {
            CellSize::Width(width) => format!("width = {width}"),
            CellSize::Params(params) => format!("params = {}", number(params)),
        }];
        parts.push(match self.length {
            Length::Flops(x) => format!("flops = {}", number(x)),
            Length::Tokens(x) => format!("tokens = {}", number(x)),
            Length::Steps(steps) => format!("steps = {steps}"),
            Length::TokensPerParam(x) => format!("tokens_per_param = {}", number(x)),
        });
        let shape = [("depth", self.depth), ("heads", self.heads), ("hidden", self.hidden)];
        parts.extend(shape.iter().filter_map(|(key, x)| x.map(|x| format!("{key} = {x}"))));
        let numbers = [("learning_rate", self.learning_rate), ("batch_tokens", self.batch_tokens)];
        parts.extend(numbers.iter().filter_map(|(k, x)| x.map(|x| format!("{k} = {}", number(x)))));
        format!("{{ {} }}", parts.join(", "))
    }
}

fn read_size(s: &Section<'_>) -> Option<CellSize> {
    match (s.has("width"), s.has("params")) {
        (true, both) => {
            if both {
                s.forbid("params", "`width`", "a cell has one size: leave out one of the two");
            }
            let width = s.whole("width", 4..=65_536)?;
            if !width.is_multiple_of(4) {
                let hint = format!("write `width = {}`", width.next_multiple_of(4));
                s.fault(ErrorKind::OutOfRange, "width", "a multiple of 4", width.to_string(), hint);
                return None;
            }
            Some(CellSize::Width(width as usize))
        }
        (false, true) => s.number("params", PARAMS).map(CellSize::Params),
        (false, false) => {
            let hint = "add `width = 64` or `params = 1e6`";
            s.fault(ErrorKind::MissingKey, "", "a size", "a cell without one", hint);
            None
        }
    }
}

fn read_length(s: &Section<'_>) -> Option<Length> {
    let keys = ["flops", "tokens", "steps", "tokens_per_param"];
    let given: Vec<&'static str> = keys.into_iter().filter(|k| s.has(k)).collect();
    if let [first, rest @ ..] = given.as_slice() {
        for key in rest {
            s.forbid(key, &format!("`{first}`"), "a cell has one length: leave out the others");
        }
    }
    match given.first().copied() {
        Some("flops") => s.number("flops", FLOPS).map(Length::Flops),
        Some("tokens") => s.number("tokens", from_to(1.0, 1e15)).map(Length::Tokens),
        Some("steps") => s.whole("steps", 1..=1_000_000_000).map(Length::Steps),
        Some(_) => s.number("tokens_per_param", RATIOS).map(Length::TokensPerParam),
        None => {
            let hint =
                "add `flops = 1e12`, `tokens = 1e6`, `steps = 1000` or `tokens_per_param = 20`";
            s.fault(ErrorKind::MissingKey, "", "a length", "a cell without one", hint);
            None
        }
    }
}
