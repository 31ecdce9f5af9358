//! The exact values behind a table, for sorting and for saving it.

/// Makes a table one that the page sorts by any column and saves as CSV.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    /// Name of the saved file: `runs.csv`.
    pub file: String,
    /// By row and column: the value with all its digits; `None` where the cell's text is the value.
    pub values: Vec<Vec<Option<f64>>>,
}

impl Sheet {
    /// The attribute of a cell that holds its value; empty where its text says the same.
    pub(super) fn attribute(&self, row: usize, column: usize, text: &str) -> String {
        let value = self.values.get(row).and_then(|cells| cells.get(column)).copied().flatten();
        match value.filter(|v| v.is_finite()).map(plain) {
            Some(value) if value != text => format!(" data-v=\"{value}\""),
            _ => String::new(),
        }
    }
}

/// Every digit, with an exponent where there would be many zeros.
fn plain(x: f64) -> String {
    if x == 0.0 || (1e-5..1e15).contains(&x.abs()) { format!("{x}") } else { format!("{x:e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits_and_text_is_not_said_twice() {
        let values = vec![vec![Some(1234567.0), None, Some(7.0), Some(f64::NAN), Some(8.25e17)]];
        let sheet = Sheet { file: "runs.csv".into(), values };
        let shown = ["1.23M", "L2 d8", "7", "—", "8.25e17"];
        let all: Vec<String> =
            shown.iter().enumerate().map(|(i, text)| sheet.attribute(0, i, text)).collect();
        assert_eq!(all, [" data-v=\"1234567\"", "", "", "", ""]);
        assert_eq!(sheet.attribute(1, 0, "x"), "");
        assert_eq!(plain(1e-7), "1e-7");
    }
}
