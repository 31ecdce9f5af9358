//! Tables that fit into a width.

use unicode_width::UnicodeWidthStr;

use crate::columns::{Align, columns, wrapped_at};
use crate::width::Width;

/// Text in a column is not wrapped to less, unless it is shorter.
const LEAST_TEXT: usize = 16;
/// Between two columns.
const GAP: usize = 2;

/// Part of a table: lines of each row, as [`columns`] has them. A cell that is wrapped has several.
pub type Part = Vec<Vec<String>>;

/// A table in as many parts as it takes to fit into `width` less `margin`. Text in columns to the left is wrapped first; where that
/// is not enough, the columns that do not fit stand in further parts, each of which begins with the first `keys` columns. Columns that are empty are left out. A number
/// is never broken, so that a part of one column may be wider.
pub fn fitted(
    aligns: &[Align],
    rows: &[Vec<String>],
    keys: usize,
    margin: usize,
    width: Width,
) -> Vec<Part> {
    let most = width.columns().saturating_sub(margin);
    let columns: Vec<Column> = (0..aligns.len()).map(|i| Column::new(aligns, rows, i)).collect();
    let filled = |&i: &usize| columns[i].natural > 0;
    let all: Vec<usize> = (0..columns.len()).filter(filled).collect();
    let Some(widths) = widths(&columns, &all, most) else {
        return parts(&columns, &all, keys, most)
            .into_iter()
            .map(|chosen| {
                let natural = || chosen.iter().map(|&i| columns[i].least).collect();
                let widths = widths(&columns, &chosen, most).unwrap_or_else(natural);
                part(aligns, rows, &chosen, &widths)
            })
            .collect();
    };
    vec![part(aligns, rows, &all, &widths)]
}

/// How wide a column is, and how narrow it may be.
struct Column {
    natural: usize,
    least: usize,
}

impl Column {
    fn new(aligns: &[Align], rows: &[Vec<String>], i: usize) -> Self {
        let cells = || rows.iter().filter_map(|row| row.get(i));
        let natural = cells().map(|cell| cell.width()).max().unwrap_or(0);
        let words = cells().flat_map(|cell| cell.split(' ')).map(UnicodeWidthStr::width);
        let least = match aligns[i] {
            Align::Left => words.max().unwrap_or(0).max(LEAST_TEXT).min(natural),
            Align::Right => natural,
        };
        Self { natural, least }
    }
}

/// Widths of the chosen columns, the widest of text narrowed until all fit; `None` where they cannot.
fn widths(columns: &[Column], chosen: &[usize], most: usize) -> Option<Vec<usize>> {
    let most = most.checked_sub(GAP * chosen.len().saturating_sub(1))?;
    let mut widths: Vec<usize> = chosen.iter().map(|&i| columns[i].natural).collect();
    loop {
        let beyond = widths.iter().sum::<usize>().saturating_sub(most);
        if beyond == 0 {
            return Some(widths);
        }
        let may = |&k: &usize| widths[k] > columns[chosen[k]].least;
        let widest = (0..widths.len()).filter(may).max_by_key(|&k| widths[k])?;
        widths[widest] -= 1;
    }
}

/// Which columns each part has.
fn parts(columns: &[Column], all: &[usize], keys: usize, most: usize) -> Vec<Vec<usize>> {
    let (first, rest) = all.split_at(keys.min(all.len()));
    let mut out = vec![first.to_vec()];
    for &i in rest {
        let part = out.last_mut().expect("there is one");
        part.push(i);
        let taken: usize = part.iter().map(|&k| columns[k].least + GAP).sum();
        if taken > most + GAP && part.len() > first.len() + 1 {
            part.pop();
            out.push([first, &[i]].concat());
        }
    }
    out
}

fn part(aligns: &[Align], rows: &[Vec<String>], chosen: &[usize], widths: &[usize]) -> Part {
    let none = String::new();
    let split = |row: &Vec<String>| -> Vec<Vec<String>> {
        let cells: Vec<Vec<String>> = chosen
            .iter()
            .zip(widths)
            .map(|(&i, &width)| lines(row.get(i).unwrap_or(&none), width))
            .collect();
        let tall = cells.iter().map(Vec::len).max().unwrap_or(1);
        let line = |k| cells.iter().map(|cell| cell.get(k).cloned().unwrap_or_default()).collect();
        (0..tall).map(line).collect()
    };
    let rows: Vec<Vec<Vec<String>>> = rows.iter().map(split).collect();
    let aligns: Vec<Align> = chosen.iter().map(|&i| aligns[i]).collect();
    let mut all = columns(&aligns, &rows.concat()).into_iter();
    rows.iter().map(|lines| all.by_ref().take(lines.len()).collect()).collect()
}

fn lines(cell: &str, width: usize) -> Vec<String> {
    match cell.width() <= width {
        true => vec![cell.to_owned()],
        false => wrapped_at(cell, "", "", width).lines().map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> (Vec<Align>, Vec<Vec<String>>) {
        let rows = [
            ["C", "N*", "D*", "outcome"],
            ["1e18", "12.5M [11.0M, 14.0M]", "1.2B [1.0B, 1.4B]", "converged: 8 of 8 starts agree"],
            ["2e18", "20M [18M, 22M]", "2B [1B, 3B]", "-"],
        ];
        let aligns = vec![Align::Left, Align::Right, Align::Right, Align::Left];
        (aligns, rows.map(|row| row.map(String::from).to_vec()).to_vec())
    }

    fn shown(width: usize) -> Vec<String> {
        let (aligns, rows) = table();
        fitted(&aligns, &rows, 1, 0, Width::of(width)).into_iter().flatten().flatten().collect()
    }

    #[test]
    fn what_fits_is_one_line_a_row() {
        let (aligns, rows) = table();
        assert_eq!(shown(100), columns(&aligns, &rows));
        assert_eq!(fitted(&aligns, &rows, 1, 0, Width::ANY).len(), 1);
    }

    #[test]
    fn text_is_wrapped_before_columns_are_parted() {
        assert_eq!(
            shown(66),
            [
                "C                       N*                 D*  outcome",
                "1e18  12.5M [11.0M, 14.0M]  1.2B [1.0B, 1.4B]  converged: 8 of 8",
                "                                               starts agree",
                "2e18        20M [18M, 22M]        2B [1B, 3B]  -",
            ]
        );
        assert_eq!(
            shown(50),
            [
                "C                       N*                 D*",
                "1e18  12.5M [11.0M, 14.0M]  1.2B [1.0B, 1.4B]",
                "2e18        20M [18M, 22M]        2B [1B, 3B]",
                "C     outcome",
                "1e18  converged: 8 of 8 starts agree",
                "2e18  -",
            ]
        );
    }

    #[test]
    fn an_empty_column_takes_no_place() {
        let rows = [["C", "", "N*"], ["1e18", "", "12.5M"]];
        let rows = rows.map(|row| row.map(String::from).to_vec());
        let told = fitted(&[Align::Right; 3], &rows, 1, 0, Width::ANY);
        assert_eq!(told, [[["   C     N*"], ["1e18  12.5M"]]]);
    }

    #[test]
    fn no_line_is_longer_and_no_cell_is_lost() {
        let (_, rows) = table();
        for width in 40..100 {
            let lines = shown(width);
            assert!(lines.iter().all(|line| line.width() <= width), "{width}: {lines:?}");
            let text = lines.join(" ");
            let words = rows.iter().flatten().flat_map(|cell| cell.split(' '));
            words.for_each(|word| assert!(text.contains(word), "{width}: {word}"));
        }
    }
}
