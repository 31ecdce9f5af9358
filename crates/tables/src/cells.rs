//! The cells of a table in one piece of memory: tables of a million rows have tens of millions.

/// Cells row by row. Empty ones take no place, and so a table with thousands of columns of which a row has a few stays small.
#[derive(Debug, Clone, Default)]
pub struct Cells {
    text: String,
    places: Vec<Place>,
    /// Where the places of each row end.
    ends: Vec<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    start: usize,
    len: u32,
    column: u32,
}

/// The cells of one row.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    text: &'a str,
    /// In the order of their columns.
    places: &'a [Place],
}

impl Cells {
    /// Adds a cell to the row that is being read. Of several in one column the first that is not empty counts.
    pub fn push(&mut self, column: usize, cell: &str) {
        if cell.is_empty() {
            return;
        }
        let narrow = |value: usize| u32::try_from(value).expect("texts are shorter than 4 GiB");
        let (start, len) = (self.text.len(), narrow(cell.len()));
        self.places.push(Place { start, len, column: narrow(column) });
        self.text.push_str(cell);
    }

    pub fn end_row(&mut self) {
        let begin = self.ends.last().copied().unwrap_or(0);
        if !self.places[begin..].is_sorted_by(|a, b| a.column < b.column) {
            let mut row = self.places.split_off(begin);
            row.sort_by_key(|place| place.column);
            row.dedup_by_key(|place| place.column);
            self.places.extend(row);
        }
        self.ends.push(self.places.len());
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Row `k`, from 0.
    pub fn row(&self, k: usize) -> Row<'_> {
        let begin = if k == 0 { 0 } else { self.ends[k - 1] };
        Row { text: &self.text, places: &self.places[begin..self.ends[k]] }
    }

    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.len()).map(|k| self.row(k))
    }

    /// The same rows with more cells behind their own, from column `from` on.
    pub fn extended(mut self, from: usize, more: impl Fn(Row<'_>) -> Vec<String>) -> Self {
        let mut all = Self::default();
        for k in 0..self.len() {
            let added = more(self.row(k));
            let begin = if k == 0 { 0 } else { self.ends[k - 1] };
            all.places.extend_from_slice(&self.places[begin..self.ends[k]]);
            // The places that are there point into the text, which grows at its end alone.
            std::mem::swap(&mut all.text, &mut self.text);
            added.iter().enumerate().for_each(|(j, cell)| all.push(from + j, cell));
            all.end_row();
            std::mem::swap(&mut all.text, &mut self.text);
        }
        all.text = self.text;
        all
    }
}

impl<'a> Row<'a> {
    /// The cell in a column; empty where there is none.
    pub fn cell(self, column: usize) -> &'a str {
        let here = |place: &&Place| place.column as usize == column;
        // Rows without empty cells have the place by number.
        let place = self.places.get(column).filter(here).or_else(|| {
            let at = self.places.binary_search_by_key(&column, |place| place.column as usize);
            at.ok().map(|at| &self.places[at])
        });
        place.map_or("", |place| &self.text[place.start..][..place.len as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_found_whatever_their_order() {
        let mut cells = Cells::default();
        for (column, cell) in [(2, "c"), (0, ""), (7, "h"), (2, "other"), (0, "a")] {
            cells.push(column, cell);
        }
        cells.end_row();
        cells.end_row();
        cells.push(1, "b");
        cells.end_row();
        let row = cells.row(0);
        assert_eq!([0, 1, 2, 7, 8].map(|at| row.cell(at)), ["a", "", "c", "h", ""]);
        assert_eq!((cells.len(), cells.row(1).cell(0), cells.row(2).cell(1)), (3, "", "b"));
        let wider = cells.extended(9, |row| vec![String::new(), row.cell(1).repeat(2)]);
        assert_eq!([2, 10].map(|at| wider.row(0).cell(at)), ["c", ""]);
        assert_eq!([1, 10].map(|at| wider.row(2).cell(at)), ["b", "bb"]);
    }
}
