//! How the parameters of a law move together, as a table.

use isoflop_fit::parametric::Covariance;

use crate::chart::Rich;
use crate::number;
use crate::table::{Align, Table};

/// The lower triangle of the correlations; `shown` sets a parameter's name.
pub fn table(c: &Covariance, shown: impl Fn(&str) -> Rich) -> Table {
    let last = c.parameters.len() - 1;
    let heads = c.parameters[..last].iter().map(|name| (shown(name), Align::Right));
    let columns = std::iter::once((Rich::plain(""), Align::Left)).chain(heads);
    let mut table = Table::new("Correlations of the law's parameters", columns);
    for (i, name) in c.parameters.iter().enumerate().skip(1) {
        let cell = |r: &Option<f64>| r.map_or_else(|| "-".into(), correlation).into();
        let cells = c.correlation[i][..i].iter().map(cell);
        table.row(std::iter::once(shown(name)).chain(cells));
    }
    let draws = isoflop_text::thousands(c.draws as u64);
    table.notes.push(format!("Over {draws} refits.").into());
    table
}

/// Two digits, and more where it is near 1 or -1.
fn correlation(r: f64) -> String {
    let away = 1.0 - r.abs();
    number::fixed(
        r,
        if away < 0.0005 {
            4
        } else if away < 0.01 {
            3
        } else {
            2
        },
    )
}
