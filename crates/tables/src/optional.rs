//! Columns that a run may lack.

use crate::cells::Row;
use crate::error::TableError;
use crate::numbers::Commas;
use crate::table_file::TextTable;
use isoflop_text::clip;

/// A column that a run may lack.
#[derive(Debug, Clone)]
pub struct Optional {
    pub at: usize,
    pub name: String,
    /// Named by the user, and not taken for its usual name alone.
    pub asked: bool,
    /// Cells that were no positive number and count as missing, of a column that nobody asked for.
    unusable: usize,
    example: String,
}

impl Optional {
    /// A column that is asked for must be there; a usual name is taken where it is.
    pub fn find(
        file: &TextTable,
        asked: &Option<String>,
        usual: &str,
        flag: &str,
    ) -> Result<Option<Optional>, TableError> {
        let at = match asked {
            Some(name) => Some(file.column(name, flag)?),
            None => file.find(usual)?,
        };
        Ok(at.map(|at| Optional::new(file, at, asked.is_some())))
    }

    pub fn new(file: &TextTable, at: usize, asked: bool) -> Optional {
        let name = file.header[at].clone();
        Optional { at, name, asked, unusable: 0, example: String::new() }
    }

    /// What was doubtful about its cells.
    pub fn note(&self) -> Option<String> {
        let (cells, are) = if self.unusable == 1 { ("cell", "is") } else { ("cells", "are") };
        (self.unusable > 0).then(|| {
            format!(
                "column `{}`, taken for its name: {} {cells} (such as `{}`) {are} no positive number and count as missing",
                clip(&self.name, 60),
                self.unusable,
                self.example
            )
        })
    }
}

pub fn text(column: &Option<Optional>, row: Row<'_>) -> Option<String> {
    column.as_ref().map(|c| row.cell(c.at).to_owned()).filter(|t| !t.is_empty())
}

/// A number that a run may lack. Of a column that was asked for, a word is an error, and a number that cannot be used
/// leaves the row out by name; of one that was not, either is missing, and counted.
pub fn number(
    column: &mut Option<Optional>,
    row: Row<'_>,
    commas: Commas,
) -> Result<Option<f64>, TableError> {
    let Some(column) = column else { return Ok(None) };
    let cell = row.cell(column.at);
    if cell.is_empty() {
        return Ok(None);
    }
    match commas.number(cell).map(|number| number.value) {
        Some(value) if column.asked || (value.is_finite() && value > 0.0) => Ok(Some(value)),
        None if column.asked => Err(TableError::Cell {
            problem: format!(
                "`{}` in column `{}` is not a number",
                clip(cell, 60),
                clip(&column.name, 60)
            ),
            hint: "empty cells are allowed there".into(),
        }),
        _ => {
            if column.unusable == 0 {
                column.example = clip(cell, 60).into_owned();
            }
            column.unusable += 1;
            Ok(None)
        }
    }
}
