//! The form of a figure for a phone and for half a sheet of paper: the same marks at the same text
//! size, on less room.

use super::figure::Figure;
use super::font::{Weight, rich_width};
use super::legend::Place;
use super::mark::Mark;
use super::panel::{Panel, TICK};

/// Width in pixels. Texts of 13 pixels keep 10 where it is shown at 325.
const WIDTH: f64 = 420.0;
/// Height of a panel alone in its row, and of one of two.
const HEIGHTS: [f64; 2] = [330.0, 230.0];
/// Axes and padding of a panel whose rows have names.
const FRAME: f64 = 76.0;
/// Marks shrink less than the panel, to stay visible.
const MARKS: f64 = 0.8;
/// Points of a figure whose tips this form repeats; those of more would make a page heavy.
const TIPS: usize = 100;

impl Figure {
    /// The same drawing, 420 pixels wide: at most two panels in a row, keys from beside the panels
    /// below them, smaller marks, values of a row under its name where both would leave the marks no room.
    #[must_use]
    pub fn narrow(&self) -> Self {
        let mut figure = self.own_narrow.as_deref().unwrap_or(self).clone();
        for legend in figure.legends.iter_mut().filter(|l| l.place == Place::Right) {
            legend.place = Place::Below;
        }
        let light = figure.panels.iter().flat_map(|p| &p.marks).map(tips).sum::<usize>() <= TIPS;
        for mark in figure.panels.iter_mut().flat_map(|p| &mut p.marks) {
            shrink(mark, light);
        }
        figure.columns = figure.columns.clamp(1, 2);
        let rows = figure.panels.len().div_ceil(figure.columns).max(1) as f64;
        for panel in &mut figure.panels {
            panel.stacked = crowded(panel);
        }
        let named = figure.panels.iter().filter_map(|p| Some((p, p.y.names.as_ref()?.len())));
        let lines = named.map(|(p, names)| names.max(1) as f64 * p.row_height(WIDTH) + FRAME);
        let panel = lines.reduce(f64::max).unwrap_or(HEIGHTS[figure.columns - 1]);
        figure.size = (WIDTH, figure.outer_height(WIDTH) + panel * rows + 14.0 * (rows - 1.0));
        figure
    }
}

/// Whether names and values at either side would take more than half of the width.
fn crowded(panel: &Panel) -> bool {
    let widest = |texts: &[(f64, super::text::Rich)]| {
        texts.iter().map(|(_, t)| rich_width(t, TICK, Weight::Regular)).fold(0.0, f64::max)
    };
    let names = panel.y.names.as_deref().map_or(0.0, widest);
    names > 0.0 && names + widest(&panel.beside) > WIDTH / 2.0
}

fn tips(mark: &Mark) -> usize {
    if let Mark::Dots(m) = mark { m.at.len() } else { 0 }
}

fn shrink(mark: &mut Mark, tips: bool) {
    match mark {
        Mark::Dots(m) => {
            m.radius *= MARKS;
            m.at.iter_mut().filter(|_| !tips).for_each(|dot| dot.tip = None);
        }
        Mark::Line(m) => m.width *= MARKS,
        Mark::Whiskers(m) => m.width *= MARKS,
        Mark::Band(_) | Mark::Rule(_) | Mark::Note(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{Axis, Dots, Key, Legend, Line, Paint, Symbol};

    fn panel() -> Panel {
        let mut panel = Panel::new(Axis::linear("x"), Axis::linear("y"));
        panel.push(Mark::Line(Line::new(vec![(0.0, 0.0), (1.0, 1.0)], Paint::Ink)));
        panel
    }

    #[test]
    fn panels_and_keys_move_below_each_other() {
        let mut figure = Figure::new("four", "Four panels", panel()).sized(1120.0, 400.0);
        figure.panels.extend([panel(), panel(), panel()]);
        figure.columns = 4;
        let key = (Key::Dot(Paint::Ink, Symbol::Circle, false), "run".into());
        figure.legends = vec![Legend::keys(Place::Right, vec![key])];
        let narrow = figure.narrow();
        assert_eq!((narrow.columns, narrow.size.0), (2, WIDTH));
        assert_eq!(narrow.legends[0].place, Place::Below);
        let two_rows = 2.0 * HEIGHTS[1];
        assert!((two_rows..two_rows + 120.0).contains(&narrow.size.1), "{}", narrow.size.1);
    }

    #[test]
    fn long_names_and_values_share_a_column_and_short_ones_do_not() {
        let rows = |name: &str, value: &str| {
            let mut panel = panel();
            panel.y.names = Some(vec![(0.0, name.into()), (1.0, name.into())]);
            panel.beside = vec![(0.0, value.into()), (1.0, value.into())];
            Figure::new("rows", "Rows", panel).narrow().panels[0].stacked
        };
        assert!(rows("without the embedding, slices", "0.511 [0.498, 0.524]"));
        assert!(!rows("L2 d48", "×1.3"));
    }

    #[test]
    fn many_tips_are_left_to_the_full_form() {
        let with = |dots: usize| {
            let dot = |i: usize| crate::chart::Dot {
                tip: Some("a tip".into()),
                ..(i as f64, 1.0).into()
            };
            let mut panel = panel();
            panel.push(Mark::Dots(Dots {
                at: (0..dots).map(dot).collect(),
                symbol: Symbol::Circle,
                radius: 4.0,
                paint: Paint::Ink,
                hollow: false,
                opacity: 1.0,
            }));
            let figure = Figure::new("tips", "Tips", panel);
            figure.narrow().svg(crate::chart::Theme::Page).matches("<title>").count()
        };
        assert_eq!((with(TIPS), with(TIPS + 1)), (TIPS, 0));
    }
}
