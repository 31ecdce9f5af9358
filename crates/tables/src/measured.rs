//! The columns of N, D and C, with their units.

use isoflop_fit::units::Unit;

use crate::error::TableError;
use crate::numbers::Commas;
use crate::table_file::TextTable;
use crate::units_of_headers::{Quantity, is_usual, unit_of};
use isoflop_text::clip;

/// A column of N, D or C.
#[derive(Debug, Clone)]
pub struct Measured {
    pub at: usize,
    pub name: String,
    /// Asked for on the command line.
    factor: Option<f64>,
    /// What the header says.
    said: Option<Unit>,
    /// Whether the header is believed.
    pub believed: bool,
    /// A cell with a suffix, which says its unit itself.
    example: Option<(String, f64)>,
}

impl Measured {
    /// The column of this name; of a usual name also the one column that has it with a unit.
    pub fn find(
        file: &TextTable,
        name: &str,
        quantity: Quantity,
        factor: Option<f64>,
    ) -> Result<Option<Measured>, TableError> {
        let usual = matches!(name, "params" | "tokens" | "flops");
        let with_unit = || {
            let is = |header: &&String| {
                unit_of(header, quantity).is_some_and(|(_, words)| is_usual(&words, quantity))
            };
            let mut found = file.header.iter().filter(is);
            found.next().filter(|_| usual && found.next().is_none()).cloned()
        };
        let at = match file.find(name)? {
            Some(at) => Some(at),
            None => match with_unit() {
                Some(header) => file.find(&header)?,
                None => None,
            },
        };
        Ok(at.map(|at| Measured {
            at,
            name: file.header[at].clone(),
            factor,
            said: unit_of(&file.header[at], quantity).map(|(unit, _)| unit),
            believed: true,
            example: None,
        }))
    }

    /// Whether the header's unit is what counts.
    pub fn goes_by_header(&self) -> bool {
        self.believed && self.said.is_some() && self.factor.is_none()
    }

    /// The number in a cell, in plain units.
    pub fn number(&mut self, cell: &str, commas: Commas) -> Option<f64> {
        let number = commas.number(cell)?;
        if number.has_unit {
            self.example.get_or_insert_with(|| (cell.to_owned(), number.value));
            return Some(number.value);
        }
        let of_header = self.said.filter(|_| self.believed).map(|unit| unit.1);
        Some(number.value * self.factor.or(of_header).unwrap_or(1.0))
    }

    /// What was understood of units.
    pub fn note(&self) -> Option<String> {
        let name = clip(&self.name, 60);
        if let Some((cell, value)) = &self.example {
            return Some(format!(
                "column `{name}`: cells such as `{}` are read as {value:e}",
                clip(cell, 40)
            ));
        }
        match (self.factor, self.said) {
            (Some(factor), _) => {
                Some(format!("column `{name}` is read in units of {factor:e}, as asked"))
            }
            (None, Some((unit, factor))) if self.believed => {
                Some(format!("column `{name}` is read in {unit} ({factor:e}), as its name says"))
            }
            (None, Some((unit, _))) => Some(format!(
                "column `{name}` is read as it stands: its name may say {unit}, and its numbers do not"
            )),
            (None, None) => None,
        }
    }
}
