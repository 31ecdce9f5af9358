//! Shapes of the plan: where they come from, and their names.

use isoflop_text::{Align, Width, counted, wrapped};

use super::layout::{indented, sourced};
use crate::{Grid, PlannedCell, Provenance, Shape, ShapeRole};

/// One line each for depth, heads and MLP, then where the rules were measured.
pub(super) fn shapes(grid: &Grid, width: Width) -> String {
    let cells = &grid.cells;
    let row = |name: &str, of: fn(&Shape) -> f64, from: fn(&PlannedCell) -> Provenance| {
        let values = cells.iter().map(|c| of(&c.cell.shape)).collect();
        sourced(name, values, |x| x.to_string(), cells.iter().map(from).collect())
    };
    let rows = [
        row("depth", |s| s.depth as f64, |c| c.shape_sources.depth.clone()),
        row("heads", |s| s.heads as f64, |c| c.shape_sources.heads.clone()),
        row("MLP, hidden", |s| s.hidden as f64, |c| c.shape_sources.mlp.clone()),
    ];
    let mut out = format!("Shapes\n{}", indented(&[Align::Left; 3], &rows, 1, width));
    if cells.iter().any(|c| c.shape_sources.any_rule()) {
        out += &wrapped(&measured(grid), "  ", "    ", width);
    }
    let beside = cells.iter().filter(|c| c.role == ShapeRole::Beside).count();
    if beside > 0 {
        let cells = counted(beside, "cell");
        let text =
            format!("{cells} of other shapes stand beside the slices, to be compared with them");
        out += &wrapped(&text, "  ", "    ", width);
    }
    out
}

/// The range that the rules were measured on, and where the grid goes beyond it.
fn measured(grid: &Grid) -> String {
    let range = &grid.shape_rules;
    let Some(measured) = range.measured else {
        return "the rules were measured at no width: whether other shapes are better is not known"
            .into();
    };
    let ((narrow, wide), (short, long)) = (measured.widths, measured.contexts);
    let mut beyond = Vec::new();
    if !range.beyond_widths.is_empty() {
        let widths: Vec<String> = range.beyond_widths.iter().map(usize::to_string).collect();
        beyond.push(format!("widths {}", widths.join(", ")));
    }
    if range.beyond_context {
        let context = grid.cells.first().map_or(0, |c| c.cell.shape.context);
        beyond.push(format!("a context of {context}"));
    }
    let carried = match beyond.as_slice() {
        [] => "which holds all of these".into(),
        beyond => format!("and carried on to {}", beyond.join(" and ")),
    };
    format!("measured at widths {narrow} to {wide} and contexts {short} to {long}, {carried}")
}

/// `L2 d48`, with heads and hidden width where the grid has other models of that depth and width.
pub(super) fn names(grid: &Grid) -> impl Fn(&Shape) -> String {
    let models: Vec<Shape> = grid.models().iter().map(|row| row.shape).collect();
    move |shape| {
        let Shape { depth, width, heads, hidden, .. } = *shape;
        let alike = models.iter().filter(|m| (m.depth, m.width) == (depth, width)).count();
        match alike {
            0 | 1 => format!("L{depth} d{width}"),
            _ => format!("L{depth} d{width} h{heads} m{hidden}"),
        }
    }
}
