//! Names of a panel's rows, with their values below them where the panel is narrow.

use super::colour::Paint;
use super::font::{Weight, rich_width};
use super::panel::{Panel, TICK};
use super::text::Rich;

/// From one baseline to the next.
pub(crate) const LINE: f64 = 16.5;
/// Height of a row without lines to stack.
const ROW: f64 = 34.0;
/// Free height between stacked rows.
const GAP: f64 = 10.0;
/// Largest share of the panel that stacked names take.
const SHARE: f64 = 0.46;

impl Panel {
    /// The lines of a tick's name on the vertical axis. Stacked, a long name is broken and the text
    /// beside the row stands below it.
    pub(crate) fn name_lines(&self, value: f64, name: &Rich, width: f64) -> Vec<(Rich, Paint)> {
        if !self.stacked {
            return vec![(name.clone(), Paint::Ink)];
        }
        let broken = name.wrap(width * SHARE, |t| rich_width(t, TICK, Weight::Regular));
        let beside = self.beside.iter().filter(|(at, _)| *at == value);
        let values = beside.map(|(_, text)| (text.clone(), Paint::Muted));
        broken.into_iter().map(|line| (line, Paint::Ink)).chain(values).collect()
    }

    /// Height that each row needs where the panel is `width` pixels wide.
    pub(crate) fn row_height(&self, width: f64) -> f64 {
        let names = self.y.names.iter().flatten();
        let lines = names.map(|(value, name)| self.name_lines(*value, name, width).len()).max();
        match lines {
            Some(lines) if self.stacked => lines as f64 * LINE + GAP,
            _ => ROW,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::Axis;

    #[test]
    fn a_value_stands_below_its_name() {
        let mut panel = Panel::new(Axis::linear("x"), Axis::linear(""));
        panel.y.names = Some(vec![(0.0, "6nd-non-embedding, slices of all".into())]);
        panel.beside = vec![(0.0, "0.51 [0.49, 0.53]".into()), (1.0, "another row".into())];
        let lines = |panel: &Panel, width| -> Vec<String> {
            let names = panel.y.names.as_ref().unwrap();
            let lines = panel.name_lines(0.0, &names[0].1, width);
            lines.into_iter().map(|(line, _)| line.to_text()).collect()
        };
        assert_eq!(lines(&panel, 420.0), ["6nd-non-embedding, slices of all"]);
        assert_eq!(panel.row_height(420.0), ROW);
        panel.stacked = true;
        let stacked = ["6nd-non-embedding, slices", "of all", "0.51 [0.49, 0.53]"];
        assert_eq!(lines(&panel, 420.0), stacked);
        assert_eq!(panel.row_height(420.0), 3.0 * LINE + GAP);
    }
}
