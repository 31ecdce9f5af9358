//! Shapes of equal width and compute beside each other: is the rule's the best, and what would the best ones change?

use isoflop_fit::Estimate;
use isoflop_plan::Shape;
use serde::Serialize;

use super::{Page, filled};
use crate::chart::Rich;
use crate::document::{Block, Section};
use crate::number;
use crate::plots::Sensitivity;
use crate::table::{Align, Table, Tone};

/// Every size that was trained with several shapes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShapeComparison {
    /// By budget, then by width.
    pub sizes: Vec<SizeShapes>,
    /// The slices with the shapes that fits take, and with the best shape of each size.
    pub optima: ShapeOptima,
    /// Losses against one number of the shape, the others as the rule's.
    #[serde(skip)]
    pub figures: Vec<Sensitivity>,
}

/// The shapes of one budget and width.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SizeShapes {
    pub budget_flops: f64,
    pub width: usize,
    /// Whether the first shape is the rule's; else it is the one of least loss.
    pub by_rule: bool,
    /// The one that fits take stands first.
    pub shapes: Vec<ShapeLoss>,
    /// Number of the shape that is best over the seeds that it shares with the first.
    pub best: usize,
}

/// One shape of a size.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShapeLoss {
    pub shape: Shape,
    /// N, as the slices count it.
    pub params: f64,
    pub seeds: usize,
    /// Mean over its seeds.
    pub loss_nats: f64,
    /// Loss over the first shape's, less 1: mean over the seeds that both have, with Student's t. `None` for the first, and
    /// without a seed in common.
    pub change: Option<Estimate>,
    /// Rates and batches that it was trained with, of which this is the best.
    pub settings: usize,
}

/// What the best shapes would change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShapeOptima {
    pub slices: Vec<ShapeOptimum>,
    /// The exponent a of N*(C) by approach 2.
    pub exponent: Ways,
    /// Why there is no exponent, one way or the other.
    pub refused: Vec<String>,
}

/// N* of one slice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShapeOptimum {
    pub budget_flops: f64,
    pub params: Ways,
}

/// A figure fitted both ways.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ways {
    /// With the shapes that fits take.
    pub rule: Option<Estimate>,
    /// With the best shape of each size.
    pub best: Option<Estimate>,
}

pub(super) fn section(page: &Page) -> Option<Section> {
    let shapes = page.shapes.as_ref()?;
    let section = Section::new("shapes", "Is the shape right?");
    let mut blocks = Vec::new();
    if !shapes.figures.is_empty() {
        blocks.push(Block::Figures(shapes.figures.iter().map(Sensitivity::figure).collect()));
    }
    blocks.push(Block::Table(losses(page, shapes)));
    blocks.push(Block::Table(optima(&shapes.optima)));
    filled(section, blocks)
}

/// How often another shape is better, and by how much.
fn outcome(shapes: &ShapeComparison) -> String {
    let of = shapes.sizes.len();
    let gains = shapes.sizes.iter().filter_map(|size| {
        let gain = -size.shapes[size.best].change?.point;
        Some((gain, size))
    });
    let better: Vec<(f64, &SizeShapes)> = gains.collect();
    let Some((gain, size)) = better.iter().max_by(|a, b| a.0.total_cmp(&b.0)) else {
        return format!(
            "At each of {of} budgets and widths the shape of the slice is the best that was trained."
        );
    };
    format!(
        "At {} of {of} budgets and widths another shape has less loss, by up to {} (width {} at {} FLOPs: {}).",
        better.len(),
        number::percent(*gain, 2, false),
        size.width,
        number::scientific(size.budget_flops, 2),
        named(&size.shapes[size.best].shape),
    )
}

fn named(shape: &Shape) -> String {
    let (depth, heads, hidden) = (shape.depth, shape.heads, shape.hidden);
    format!("depth {depth}, {heads} heads, hidden {hidden}")
}

fn losses(page: &Page, shapes: &ShapeComparison) -> Table {
    let bits = page.bits_per_nat().is_some();
    let columns = [
        ("Budget", Align::Right),
        ("Width", Align::Right),
        ("Depth", Align::Right),
        ("Heads", Align::Right),
        ("MLP, hidden", Align::Right),
        ("N", Align::Right),
        ("Seeds", Align::Right),
        ("Loss, nats", Align::Right),
    ];
    let in_bits = bits.then_some(("Bits/byte", Align::Right));
    let columns = columns.into_iter().chain(in_bits).chain([("Change", Align::Right)]);
    let mut table = Table::new("Is the shape right?", columns);
    for size in &shapes.sizes {
        for (k, one) in size.shapes.iter().enumerate() {
            let shape = &one.shape;
            let change = match (k, &one.change) {
                (0, _) if size.by_rule => "the rule's".into(),
                (0, _) => "the best of these".into(),
                (_, Some(change)) => percent(change),
                (_, None) => "no common seed".into(),
            };
            let (budget, width) = match k {
                0 => (number::power(size.budget_flops, 3), size.width.to_string()),
                _ => (Rich::plain(""), String::new()),
            };
            let tone = if k == size.best { Tone::Strong } else { Tone::Plain };
            let cells: [Rich; 8] = [
                budget,
                width.into(),
                shape.depth.to_string().into(),
                shape.heads.to_string().into(),
                shape.hidden.to_string().into(),
                number::count(one.params, 3).into(),
                one.seeds.to_string().into(),
                number::fixed(one.loss_nats, 4).into(),
            ];
            let in_bits = bits.then(|| page.bits(one.loss_nats).into());
            table.toned(tone, cells.into_iter().chain(in_bits).chain([change.into()]));
        }
    }
    table.notes.push(outcome(shapes).into());
    table.notes.extend(page.bits_note());
    notes(shapes, &mut table);
    table
}

fn notes(shapes: &ShapeComparison, table: &mut Table) {
    let changes = || shapes.sizes.iter().flat_map(|s| &s.shapes).filter_map(|s| s.change);
    let what = "Change: loss against the first shape of the same budget and width, over the seeds that both have";
    table.notes.push(match super::intervals(changes()) {
        Some(intervals) => format!("{what}; {intervals} (Student's t).").into(),
        None => format!(
            "{what}. With one seed a change has no interval: `seeds = [0, 1, 2]` would give it one."
        )
        .into(),
    });
    table.notes.push(
        "Marked: the best shape of each size. Of several, the best is partly chance where they lie within each other's intervals."
            .into(),
    );
    if shapes.sizes.iter().any(|size| !size.by_rule) {
        table.notes.push(
            "Where the rule's shape was not trained, the others are compared with the best, which stands in the slice.".into(),
        );
    }
    if shapes.sizes.iter().flat_map(|s| &s.shapes).any(|s| s.settings > 1) {
        table.notes.push("Of a shape with several rates or batches the best is shown.".into());
    }
}

/// `-1.20% [-1.90%, -0.50%]`
fn percent(change: &Estimate) -> String {
    let point = number::percent(change.point, 2, true);
    match change.interval {
        Some(i) => {
            let [lo, hi] = [i.lo, i.hi].map(|end| number::percent(end, 2, true));
            format!("{point} [{lo}, {hi}]")
        }
        None => point,
    }
}

fn optima(optima: &ShapeOptima) -> Table {
    let columns = [
        ("Budget", Align::Right),
        ("As fitted", Align::Right),
        ("Best shapes", Align::Right),
        ("Change", Align::Right),
    ];
    let mut table = Table::new("N* and the exponent with the best shape of each size", columns);
    let shown = |e: Option<Estimate>, text: fn(&Estimate) -> String| {
        e.as_ref().map_or_else(|| "—".to_owned(), text)
    };
    for slice in &optima.slices {
        let Ways { rule, best } = slice.params;
        let change = rule.zip(best).map(|(rule, best)| best.point / rule.point - 1.0);
        let change = change.map_or_else(|| "—".into(), |share| number::percent(share, 1, true));
        table.row([
            number::power(slice.budget_flops, 3),
            shown(rule, number::estimate_count).into(),
            shown(best, number::estimate_count).into(),
            change.into(),
        ]);
    }
    let Ways { rule, best } = optima.exponent;
    let change = rule.zip(best).map(|(rule, best)| best.point - rule.point);
    let sign = |d: f64| format!("{}{}", if d < 0.0 { "−" } else { "+" }, number::fixed(d.abs(), 3));
    table.toned(
        Tone::Strong,
        [
            "exponent a".to_owned(),
            shown(rule, number::estimate),
            shown(best, number::estimate),
            change.map_or_else(|| "—".into(), sign),
        ],
    );
    table.notes.extend(optima.refused.iter().map(|why| super::one_line(why).into()));
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Fitted;
    use isoflop_fit::Interval;

    fn shape(depth: usize) -> Shape {
        let family = isoflop_plan::Family::Llama;
        Shape { family, depth, width: 48, heads: 2, hidden: 128, vocab: 256, context: 64 }
    }

    fn comparison(change: Option<Estimate>, by_rule: bool) -> ShapeComparison {
        let one = |depth, loss_nats, change| ShapeLoss {
            shape: shape(depth),
            params: 1e5 * depth as f64,
            seeds: 2,
            loss_nats,
            change,
            settings: 1,
        };
        let shapes = vec![one(2, 1.6, None), one(3, 1.568, change)];
        let best = usize::from(change.is_some_and(|c| c.point < 0.0));
        let ways = |rule: f64, best: f64| Ways {
            rule: Some(Estimate::bare(rule)),
            best: Some(Estimate::bare(best)),
        };
        ShapeComparison {
            sizes: vec![SizeShapes { budget_flops: 8e11, width: 48, by_rule, shapes, best }],
            optima: ShapeOptima {
                slices: vec![ShapeOptimum { budget_flops: 8e11, params: ways(1e5, 9e4) }],
                exponent: ways(0.5, 0.47),
                refused: Vec::new(),
            },
            figures: Vec::new(),
        }
    }

    fn text(shapes: ShapeComparison) -> String {
        let page = Page { shapes: Some(shapes), ..Page::new("a", Fitted::Refused("none")) };
        let text = page.document().to_text(isoflop_text::Width::ANY);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn changes_are_told_with_their_interval_and_the_best_shape_is_marked() {
        let interval = Interval { lo: -0.03, hi: -0.01, level: 0.95 };
        let change = Estimate { interval: Some(interval), ..Estimate::bare(-0.02) };
        let told = text(comparison(Some(change), true));
        assert!(told.contains("Is the shape right?"), "{told}");
        assert!(told.contains(
            "At 1 of 1 budgets and widths another shape has less loss, by up to 2.00% (width 48"
        ));
        assert!(told.contains("→ 3 2 128 300k 2 1.5680 −2.00% [−3.00%, −1.00%]"), "{told}");
        assert!(told.contains("100k 90.0k −10.0% → exponent a 0.500 0.470 −0.030"), "{told}");
        assert!(told.contains("95% intervals (Student's t)"), "{told}");
    }

    #[test]
    fn what_is_not_known_is_said() {
        let told = text(comparison(Some(Estimate::bare(0.01)), false));
        assert!(told.contains("the shape of the slice is the best that was trained"), "{told}");
        assert!(told.contains("the best of these") && told.contains("+1.00%"), "{told}");
        assert!(told.contains("With one seed a change has no interval"), "{told}");
        assert!(told.contains("Where the rule's shape was not trained"), "{told}");
        assert!(text(comparison(None, true)).contains("no common seed"));
    }
}
