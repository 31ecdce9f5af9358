//! Hyper-parameters of a plan, with where they come from.

use isoflop_text::{Align, Width, wrapped};

use super::figures::{self, rate};
use super::layout::{indented, sourced};
use crate::{Grid, PlannedCell, Provenance};

/// One line per hyper-parameter: its range over the grid and where it comes from.
pub(super) fn hyper(grid: &Grid, width: Width) -> String {
    let mut rows = Vec::new();
    let mut line =
        |name: &str, values: Vec<f64>, show: fn(f64) -> String, sources: Vec<Provenance>| {
            rows.push(sourced(name, values, show, sources));
        };
    let cells = &grid.cells;
    let all = |f: &dyn Fn(&PlannedCell) -> f64| cells.iter().map(f).collect::<Vec<f64>>();
    let from = |f: &dyn Fn(&PlannedCell) -> Provenance| cells.iter().map(f).collect::<Vec<_>>();
    line(
        "learning rate",
        all(&|c| c.cell.hyper.learning_rate),
        rate,
        from(&|c| c.sources.learning_rate.clone()),
    );
    line(
        "batch, tokens",
        all(&|c| c.cell.batch_tokens() as f64),
        |x| x.to_string(),
        from(&|c| c.sources.batch.clone()),
    );
    line(
        "beta2",
        all(&|c| c.cell.hyper.beta2),
        |x| format!("{x:.3}"),
        from(&|c| c.sources.beta2.clone()),
    );
    line(
        "warm-up, steps",
        all(&|c| c.cell.hyper.warmup_steps as f64),
        |x| x.to_string(),
        from(&|c| c.sources.warmup.clone()),
    );
    line(
        "weight decay",
        all(&|c| c.cell.hyper.weight_decay),
        |x| x.to_string(),
        from(&|c| c.sources.weight_decay.clone()),
    );
    let mut out = format!("Hyper-parameters\n{}", indented(&[Align::Left; 3], &rows, 1, width));
    if let Some(first) = cells.first() {
        let h = &first.cell.hyper;
        let clip = h.clip_norm.map_or("off".into(), |c| c.to_string());
        let by = match &first.sources.precision {
            Provenance::User => String::new(),
            source => format!(" ({source})"),
        };
        let z_loss = if h.z_loss > 0.0 { h.z_loss.to_string() } else { "off".into() };
        let rest = format!(
            "{:?}, beta1 {}, epsilon {:e}, clip {clip}, z-loss {z_loss}, {:?}{by}, schedule {}",
            h.optimizer,
            h.beta1,
            h.epsilon,
            h.precision,
            figures::schedule(h.schedule)
        );
        out += &wrapped(&rest, "  ", "    ", width);
    }
    out
}
