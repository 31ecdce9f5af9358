//! Loss against parameters at fixed compute: one curve for each budget, its minimum marked.

use isoflop_fit::Estimate;

use super::{by_rank, count_axis, dots, flops_text};
use crate::chart::{
    Along, Anchor, Axis, Dash, Dot, Extend, Figure, Key, Legend, Line, Mark, Note, Paint, Panel,
    Place, Rich, Symbol, Whisker, Whiskers,
};
use crate::number;

/// Where the size may stand about its minimum: below, above inside the curve, aside.
const LABEL_SHIFTS: [(f64, f64); 9] = [
    (0.0, 23.0),
    (0.0, -14.0),
    (0.0, 38.0),
    (34.0, 24.0),
    (-34.0, 24.0),
    (0.0, -28.0),
    (34.0, -16.0),
    (-34.0, -16.0),
    (0.0, 54.0),
];

/// What is known of a slice's minimum.
#[derive(Debug, Clone, PartialEq)]
pub enum SliceMinimum {
    /// Inside the sizes that were run.
    Bracketed {
        /// N*.
        params: Estimate,
        /// Loss there, nats per token.
        loss_nats: Estimate,
    },
    /// No minimum to be had, and why.
    Refused(String),
    /// Not looked for.
    Unknown,
}

/// The runs of one budget.
#[derive(Debug, Clone, PartialEq)]
pub struct IsoflopSlice {
    /// Budget, FLOPs.
    pub flops: f64,
    /// `(N, loss in nats per token, name)` of each run.
    pub runs: Vec<(f64, f64, String)>,
    /// Names of the runs that the curve was not fitted to.
    pub unused: Vec<String>,
    /// Fitted curve, `(N, loss)`.
    pub curve: Vec<(f64, f64)>,
    pub minimum: SliceMinimum,
}

/// IsoFLOP curves (Hoffmann et al. 2022, figure 3).
#[derive(Debug, Clone, PartialEq)]
pub struct IsoflopPlot {
    /// A sentence below the title.
    pub subtitle: Option<Rich>,
    /// How N is counted, for the axis: `Parameters N (all)`.
    pub params_label: String,
    /// Label of the losses: `Held-out loss, nats per token`.
    pub loss_label: String,
    pub slices: Vec<IsoflopSlice>,
    /// `N*(C)` as `(N*, loss)` along the minima, smallest budget first; empty for none.
    pub ridge: Vec<(f64, f64)>,
}

impl IsoflopPlot {
    /// The drawing, 1120 x 600. Its narrow form tells the best sizes in the key, where they cannot hide each other.
    pub fn figure(&self) -> Figure {
        let narrow = Figure { legends: self.legends(Place::Below), ..self.drawn(false) };
        let legends = self.legends(Place::Right);
        Figure { legends, own_narrow: Some(Box::new(narrow)), ..self.drawn(true) }
    }

    fn drawn(&self, sizes: bool) -> Figure {
        let colour = by_rank(self.slices.iter().map(|s| s.flops));
        let losses = Axis::log(self.loss_label.as_str());
        let mut panel = Panel::new(count_axis(&self.params_label), losses);
        panel.x.padding = 0.03;
        // Room for the sizes below the minima.
        panel.y.padding = 0.09;
        if self.ridge.len() > 1 {
            let line = Line::new(self.ridge.clone(), Paint::Muted);
            panel.push(Mark::Line(Line {
                width: 1.8,
                dash: Dash::Dashed,
                extend: Extend::No,
                ..line
            }));
        }
        for slice in &self.slices {
            let paint = colour(slice.flops);
            if slice.curve.is_empty() {
                // No curve was fitted: a thin line through the sizes holds the runs together.
                let line = Line::new(slice.means(), paint);
                panel.push(Mark::Line(Line { width: 1.2, dash: Dash::Dotted, ..line }));
                continue;
            }
            panel.push(Mark::Line(Line {
                extend: Extend::Soft,
                ..Line::new(slice.curve.clone(), paint)
            }));
        }
        for slice in &self.slices {
            for unused in [false, true] {
                panel.push(Mark::Dots(run_dots(slice, unused, colour(slice.flops))));
            }
        }
        self.push_minima(&mut panel, sizes);

        let mut figure =
            Figure::new("isoflop", "Loss at fixed compute", panel).sized(1120.0, 600.0);
        figure.subtitle = self.subtitle.clone();
        for slice in &self.slices {
            if let SliceMinimum::Refused(why) = &slice.minimum {
                figure.notes.push(flops_text(slice.flops).then(format!(" FLOPs: {why}")));
            }
        }
        figure
    }

    fn legends(&self, place: Place) -> Vec<Legend> {
        let mut slices: Vec<&IsoflopSlice> = self.slices.iter().collect();
        slices.sort_by(|a, b| a.flops.total_cmp(&b.flops));
        let colour = by_rank(self.slices.iter().map(|s| s.flops));
        let size = |slice: &IsoflopSlice| match &slice.minimum {
            SliceMinimum::Bracketed { params, .. } if place == Place::Below => {
                format!(": {}", number::count(params.point, 2))
            }
            _ => String::new(),
        };
        let entries = slices
            .iter()
            .map(|s| (Key::Line(colour(s.flops), Dash::Solid), flops_text(s.flops).then(size(s))));
        let mut marks = vec![(Key::Dot(Paint::Muted, Symbol::Circle, false), Rich::plain("run"))];
        let unused = |s: &IsoflopSlice| s.runs.iter().any(|r| s.unused.contains(&r.2));
        if self.slices.iter().any(unused) {
            let key = Key::Dot(Paint::Muted, Symbol::Circle, true);
            marks.push((key, "run, not fitted".into()));
        }
        let bracketed =
            self.slices.iter().any(|s| matches!(s.minimum, SliceMinimum::Bracketed { .. }));
        let refused = self.slices.iter().any(|s| matches!(s.minimum, SliceMinimum::Refused(_)));
        let told = if bracketed && place == Place::Below { ": best size" } else { "" };
        let budgets = Legend::keys(place, entries.collect()).titled(format!("Budget, FLOPs{told}"));
        if bracketed {
            let interval = self.slices.iter().any(|s| {
                matches!(&s.minimum, SliceMinimum::Bracketed { params, .. } if params.interval.is_some())
            });
            let name = if interval { "minimum, interval" } else { "minimum" };
            marks.push((Key::Dot(Paint::Ink, Symbol::Diamond, false), name.into()));
        }
        if refused {
            marks.push((Key::Dot(Paint::Alert, Symbol::Triangle, true), "no minimum".into()));
        }
        vec![budgets, Legend::keys(place, marks)]
    }

    fn push_minima(&self, panel: &mut Panel, sizes: bool) {
        for slice in &self.slices {
            match &slice.minimum {
                SliceMinimum::Bracketed { params, loss_nats } => {
                    let (x, y) = (params.point, loss_nats.point);
                    if let Some(i) = params.interval {
                        let at = vec![Whisker { x, y, low: i.lo, high: i.hi, paint: Paint::Ink }];
                        panel.push(Mark::Whiskers(Whiskers {
                            at,
                            along: Along::X,
                            width: 2.2,
                            extend: Extend::Soft,
                        }));
                    }
                    let tip = format!(
                        "minimum at {} FLOPs: N* = {}, loss {} nats",
                        number::scientific(slice.flops, 3),
                        number::estimate_count(params),
                        number::estimate(loss_nats)
                    );
                    let dot = Dot { x, y, paint: None, tip: Some(tip) };
                    panel.push(Mark::Dots(dots(vec![dot], Symbol::Diamond, 6.0, Paint::Ink)));
                    if sizes {
                        let text = Rich::plain(number::count(x, 2));
                        panel.push(Mark::Note(Note {
                            x,
                            y,
                            shifts: LABEL_SHIFTS.to_vec(),
                            text,
                            anchor: Anchor::Middle,
                            paint: Paint::Ink,
                        }));
                    }
                }
                SliceMinimum::Refused(why) => {
                    let lowest = slice
                        .runs
                        .iter()
                        .filter(|r| r.1.is_finite())
                        .min_by(|a, b| a.1.total_cmp(&b.1));
                    if let Some((x, y, _)) = lowest {
                        let dot = Dot { x: *x, y: *y, paint: None, tip: Some(why.clone()) };
                        let mut mark = dots(vec![dot], Symbol::Triangle, 7.0, Paint::Alert);
                        mark.hollow = true;
                        panel.push(Mark::Dots(mark));
                    }
                }
                SliceMinimum::Unknown => {}
            }
        }
    }
}

impl IsoflopSlice {
    /// `(N, mean loss)` of each size, ascending; seeds share a size.
    fn means(&self) -> Vec<(f64, f64)> {
        let mut runs: Vec<(f64, f64)> = self.runs.iter().map(|r| (r.0, r.1)).collect();
        runs.retain(|r| r.1.is_finite());
        runs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let sizes = runs.chunk_by(|a, b| a.0 == b.0);
        sizes.map(|s| (s[0].0, s.iter().map(|r| r.1 / s.len() as f64).sum())).collect()
    }
}

/// The runs that the curve was fitted to, or the others, which are hollow.
fn run_dots(slice: &IsoflopSlice, unused: bool, paint: Paint) -> crate::chart::Dots {
    let runs = slice.runs.iter().filter(|r| slice.unused.contains(&r.2) == unused);
    let at = runs.map(|(n, loss, name)| Dot {
        x: *n,
        y: *loss,
        paint: None,
        tip: Some(format!(
            "{name}: N = {}, loss {} nats{}",
            number::count(*n, 3),
            number::significant(*loss, 5),
            if unused { "; not fitted" } else { "" }
        )),
    });
    crate::chart::Dots { hollow: unused, ..dots(at.collect(), Symbol::Circle, 5.0, paint) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_of_a_size_are_one_point_of_the_line() {
        let run = |n: f64, loss: f64| (n, loss, String::new());
        let slice = IsoflopSlice {
            flops: 1e15,
            runs: vec![run(2e5, 3.0), run(1e5, 3.4), run(2e5, 3.2), run(1e5, f64::NAN)],
            unused: Vec::new(),
            curve: Vec::new(),
            minimum: SliceMinimum::Unknown,
        };
        assert_eq!(slice.means(), [(1e5, 3.4), (2e5, 3.1)]);
    }
}
