//! Numbers as people write them: `1.2B`, `4 909 908 992`, `5,027036`.

use isoflop_fit::units::FLOPS_UNITS;

use crate::error::TableError;
use isoflop_text::clip;

const PLAIN: &str = "write numbers with a decimal point and nothing between thousands";

/// What a comma and a point between digits mean, the same in a whole table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Commas {
    /// There are none.
    #[default]
    None,
    /// `1,5` is one and a half, and points part thousands.
    Decimal,
    /// `1,500,000` is a million and a half.
    Thousands,
}

/// A number, and whether a suffix such as `M` told its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number {
    pub value: f64,
    pub has_unit: bool,
}

impl Commas {
    /// What they mean in these cells, by those that can be read in one way only.
    ///
    /// # Errors
    /// Where every one may be read in both ways, or they contradict each other.
    pub fn of<'a>(cells: impl Iterator<Item = &'a str>) -> Result<Commas, TableError> {
        let (mut decimal, mut thousands, mut either) = (None, None, None);
        for cell in cells.filter(|cell| cell.contains(',') || cell.matches('.').count() > 1) {
            let (digits, _) = mantissa(cell);
            // Text has commas too.
            if digits.is_empty()
                || !digits.chars().all(|c| c.is_ascii_digit() || ".,-+".contains(c))
            {
                continue;
            }
            let as_thousands = without_groups(digits, ',', '.').is_some();
            let as_decimal = without_groups(digits, '.', ',').is_some();
            match (as_decimal, as_thousands) {
                (true, false) => decimal.get_or_insert(cell),
                (false, true) => thousands.get_or_insert(cell),
                (true, true) => either.get_or_insert(cell),
                (false, false) => continue,
            };
        }
        match (decimal, thousands, either) {
            (None, None, None) => Ok(Commas::None),
            (Some(_), None, _) => Ok(Commas::Decimal),
            (None, Some(_), _) => Ok(Commas::Thousands),
            (Some(a), Some(b), _) => Err(TableError::Cell {
                problem: format!(
                    "the comma parts decimals in `{}` and thousands in `{}`",
                    clip(a, 40),
                    clip(b, 40)
                ),
                hint: PLAIN.into(),
            }),
            (None, None, Some(cell)) => Err(TableError::Cell {
                problem: format!(
                    "`{}` may have a decimal comma or a comma between thousands",
                    clip(cell, 40)
                ),
                hint: PLAIN.into(),
            }),
        }
    }

    /// The number in a cell; `None` where there is none.
    pub fn number(self, cell: &str) -> Option<Number> {
        if let Ok(value) = cell.parse()
            && (self != Commas::Decimal || !cell.contains('.'))
        {
            return Some(Number { value, has_unit: false });
        }
        let (digits, rest) = mantissa(cell);
        let digits = match self {
            Commas::Decimal => without_groups(digits, '.', ',')?,
            // Without commas the one point is a decimal one.
            _ => without_groups(digits, ',', '.')?,
        };
        let (power, suffix) = match rest.strip_prefix(['e', 'E']) {
            Some(power) => {
                let end = power.find(|c: char| !(c.is_ascii_digit() || "+-".contains(c)));
                let (power, suffix) = power.split_at(end.unwrap_or(power.len()));
                (power.parse::<i32>().ok()?, suffix.trim())
            }
            None => (0, rest.trim()),
        };
        // Powers of ten by the digits, so that 8.347M is 8347000 and no less.
        let value = |power: i32| format!("{digits}e{power}").parse::<f64>().ok();
        match power_of_ten(suffix) {
            Some(more) => {
                Some(Number { value: value(power.checked_add(more)?)?, has_unit: more != 0 })
            }
            None => {
                let unit =
                    FLOPS_UNITS.iter().find(|(name, _)| suffix.eq_ignore_ascii_case(name))?;
                Some(Number { value: value(power)? * unit.1, has_unit: true })
            }
        }
    }
}

fn power_of_ten(suffix: &str) -> Option<i32> {
    Some(match suffix {
        "" => 0,
        "k" | "K" | "thousand" => 3,
        "m" | "M" | "million" => 6,
        "b" | "B" | "g" | "G" | "bn" | "billion" => 9,
        "t" | "T" | "trillion" => 12,
        _ => return None,
    })
}

/// Digits with what parts them, and the rest.
fn mantissa(cell: &str) -> (&str, &str) {
    let of_digits = |c: char| c.is_ascii_digit() || "+-.,_'’ \u{a0}\u{202f}".contains(c);
    let end = cell.find(|c| !of_digits(c)).unwrap_or(cell.len());
    let (digits, rest) = cell.split_at(end);
    (digits.trim_end(), rest)
}

/// A number as Rust reads it, where `group` parts groups of three digits and `point` the decimals; `None` where they do not.
fn without_groups(digits: &str, group: char, point: char) -> Option<String> {
    let (whole, decimals) = digits.split_once(point).map_or((digits, None), |(w, d)| (w, Some(d)));
    let (sign, whole) = match whole.strip_prefix(['-', '+']) {
        Some(rest) => (&whole[..1], rest),
        None => ("", whole),
    };
    let parted = |c: char| c == group || "_'’ \u{a0}\u{202f}".contains(c);
    let groups: Vec<&str> = whole.split(parted).collect();
    let all_digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let first = groups.first()?;
    let grouped = groups.len() == 1
        || (1..=3).contains(&first.len())
            && *first != "0"
            && groups[1..].iter().all(|g| g.len() == 3);
    let decimals = decimals.unwrap_or_default();
    if whole.is_empty() && decimals.is_empty() {
        return None;
    }
    if !(grouped && groups.iter().all(|g| all_digits(g)) && all_digits(decimals)) {
        return None;
    }
    Some(format!("{sign}{}.{decimals}0", groups.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(commas: Commas, cell: &str) -> Option<f64> {
        commas.number(cell).map(|number| number.value)
    }

    #[test]
    fn suffixes_and_groups_are_read() {
        for (cell, wanted) in [
            ("3.394M", Some(3.394e6)),
            ("8.3470M", Some(8_347_000.0)),
            ("-", None),
            (".", None),
            ("n/a", None),
            ("1.2 B", Some(1.2e9)),
            ("4 909 908 992", Some(4_909_908_992.0)),
            ("4_909", Some(4909.0)),
            ("4'909.5", Some(4909.5)),
            ("1e3K", Some(1e6)),
            ("13 million", Some(1.3e7)),
            ("2.5 PF-days", Some(2.16e20)),
            ("-3", Some(-3.0)),
            ("12 34", None),
            ("3.4 nats", None),
            ("M", None),
            ("", None),
            ("1.2.3", None),
        ] {
            assert_eq!(value(Commas::None, cell), wanted, "{cell}");
        }
        assert!(Commas::None.number("3M").unwrap().has_unit);
        assert!(Commas::None.number("nan").unwrap().value.is_nan());
    }

    #[test]
    fn commas_are_what_the_whole_table_says() {
        let of = |cells: &[&str]| Commas::of(cells.iter().copied());
        assert_eq!(of(&["1", "2.5", "a, b", "c"]).unwrap(), Commas::None);
        assert_eq!(of(&["5,027", "1,000000e+17", "3394496"]).unwrap(), Commas::Decimal);
        assert_eq!(of(&["5,027", "3,394,496"]).unwrap(), Commas::Thousands);
        assert_eq!(of(&["5,027", "0,123"]).unwrap(), Commas::Decimal);
        assert_eq!(of(&["3.394.496", "5,027"]).unwrap(), Commas::Decimal);
        assert_eq!(value(Commas::Decimal, "5,027"), Some(5.027));
        assert_eq!(value(Commas::Decimal, "1.234,5"), Some(1234.5));
        assert_eq!(value(Commas::Decimal, "1,000001e+17"), Some(1.000001e17));
        assert_eq!(value(Commas::Decimal, "3,394M"), Some(3.394e6));
        assert_eq!(value(Commas::Thousands, "3,394,496"), Some(3_394_496.0));
        let error = of(&["5,027", "4,879"]).unwrap_err().to_string();
        assert!(error.contains("`5,027` may have a decimal comma"), "{error}");
        let error = of(&["5,0271", "3,394,496"]).unwrap_err().to_string();
        assert!(error.contains("thousands in `3,394,496`\nhint: "), "{error}");
    }
}
