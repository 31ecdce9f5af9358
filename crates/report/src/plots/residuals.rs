//! Residuals of the parametric fit against N, D, C and D/N: what the law leaves unexplained.

use isoflop_text::MOST_NAMES;

use super::{by_rank, count_axis, dots, flops_axis};
use crate::chart::{
    Along, Anchor, Axis, Dash, Dot, Extend, Figure, Format, Key, Legend, Mark, Note, Paint, Panel,
    Place, Rich, Rule, Symbol,
};
use crate::number;

/// One run's residual.
#[derive(Debug, Clone, PartialEq)]
pub struct Residual {
    pub name: String,
    /// Parameters, N.
    pub params: f64,
    /// Training tokens, D.
    pub tokens: f64,
    /// Compute, C, FLOPs.
    pub flops: f64,
    /// Observed over fitted loss, less 1.
    pub share: f64,
    /// Named in the drawing, if it is among the eight furthest off.
    pub outlier: bool,
}

/// Residuals in four panels.
#[derive(Debug, Clone, PartialEq)]
pub struct Residuals {
    /// A sentence below the title.
    pub subtitle: Option<Rich>,
    pub runs: Vec<Residual>,
}

impl Residuals {
    /// The outliers that are named, furthest off first: more names would hide each other.
    fn named(&self) -> Vec<&Residual> {
        let mut outliers: Vec<&Residual> = self.runs.iter().filter(|r| r.outlier).collect();
        outliers.sort_by(|a, b| b.share.abs().total_cmp(&a.share.abs()));
        outliers.truncate(MOST_NAMES);
        outliers
    }

    /// The drawing, 1120 x 400.
    pub fn figure(&self) -> Figure {
        let colour = by_rank(self.runs.iter().map(|r| r.flops));
        type Pick = fn(&Residual) -> f64;
        let axes: [(Axis, Pick); 4] = [
            (count_axis("Parameters N"), |r| r.params),
            (count_axis("Tokens D"), |r| r.tokens),
            (flops_axis("Compute C, FLOPs"), |r| r.flops),
            (Axis::log("Tokens per parameter D/N"), |r| r.tokens / r.params),
        ];
        let mut panels = Vec::new();
        for (i, (x, pick)) in axes.into_iter().enumerate() {
            let y = Axis::linear(if i == 0 { "Observed over fitted loss" } else { "" })
                .format(Format::Percent);
            let mut panel = Panel::new(x, y.include([0.0]));
            if i > 0 {
                // Keeps the panels level: the first has a label above it.
                panel.y.label = " ".into();
            }
            let zero = Rule {
                value: 0.0,
                along: Along::X,
                paint: Paint::Axis,
                dash: Dash::Solid,
                label: None,
                extend: Extend::Full,
            };
            panel.push(Mark::Rule(zero));
            let at = self.runs.iter().map(|r| Dot {
                x: pick(r),
                y: r.share,
                paint: Some(if r.outlier { Paint::Alert } else { colour(r.flops) }),
                tip: Some(format!("{}: {}", r.name, number::percent(r.share, 2, true))),
            });
            panel.push(Mark::Dots(dots(at.collect(), Symbol::Circle, 4.2, Paint::Ink)));
            if i == 0 {
                for r in self.named() {
                    let text = Rich::plain(r.name.as_str());
                    let (x, y, shifts) = (pick(r), r.share, vec![(0.0, -9.0), (0.0, 20.0)]);
                    let note =
                        Note { x, y, shifts, text, anchor: Anchor::Middle, paint: Paint::Alert };
                    panel.push(Mark::Note(note));
                }
            }
            panels.push(panel);
        }
        let first = panels.remove(0);
        let mut figure =
            Figure::new("residuals", "Residuals of the parametric fit", first).sized(1120.0, 400.0);
        figure.panels.extend(panels);
        figure.columns = 4;
        figure.subtitle = self.subtitle.clone();
        let mut budgets: Vec<f64> =
            self.runs.iter().map(|r| r.flops).filter(|c| c.is_finite()).collect();
        budgets.sort_by(f64::total_cmp);
        if let (Some(low), Some(high)) = (budgets.first(), budgets.last()) {
            let entries = [*low, *high].map(|c| {
                (Key::Dot(colour(c), Symbol::Circle, false), number::power(c, 2).then(" FLOPs"))
            });
            figure.legends.push(Legend::keys(Place::Above, entries.to_vec()));
        }
        figure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_furthest_outliers_are_named() {
        let run = |k: usize| Residual {
            name: format!("r{k}"),
            params: 1e6,
            tokens: 1e8,
            flops: 6e14,
            share: 0.001 * k as f64 * if k.is_multiple_of(2) { 1.0 } else { -1.0 },
            outlier: k > 4,
        };
        let plot = Residuals { subtitle: None, runs: (0..100).map(run).collect() };
        let names: Vec<&str> = plot.named().iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["r99", "r98", "r97", "r96", "r95", "r94", "r93", "r92"]);
    }
}
