//! Options about the units of a table, which every command that reads tables shares.

use anyhow::bail;
use clap::Args;
use isoflop_fit::units::{FLOPS_UNITS, PARAMS_UNITS, TOKENS_UNITS, Unit};
use isoflop_tables::UnitFactors;

use crate::failure::Misuse;

/// Units of N, D and C in a table.
#[derive(Debug, Clone, Default, Args)]
pub struct UnitArgs {
    /// Unit of the column of C, or a number of FLOPs [default: FLOPs, or what the header says]
    #[arg(long, value_name = "GFLOPs|TFLOPs|PFLOPs|EFLOPs|ZFLOPs|PF-days")]
    pub flops_unit: Option<String>,
    /// Unit of the column of N, or a number of parameters [default: 1, or what the header says]
    #[arg(long, value_name = "K|M|B")]
    pub params_unit: Option<String>,
    /// Unit of the column of D, or a number of tokens, such as those of a step [default: 1, or what the header says]
    #[arg(long, value_name = "K|M|B|T")]
    pub tokens_unit: Option<String>,
    /// Fit the table as it stands, even where C / 6ND, D / N or the loss speak of other units
    #[arg(long)]
    pub trust_units: bool,
    /// Where one of N, D and C is missing, take it from the other two by C = 6 N D
    #[arg(long)]
    pub assume_6nd: bool,
}

impl UnitArgs {
    /// The factors asked for.
    pub fn factors(&self) -> anyhow::Result<UnitFactors> {
        Ok(UnitFactors {
            flops: factor("--flops-unit", &self.flops_unit, &FLOPS_UNITS)?,
            params: factor("--params-unit", &self.params_unit, &PARAMS_UNITS)?,
            tokens: factor("--tokens-unit", &self.tokens_unit, &TOKENS_UNITS)?,
        })
    }

    /// The first flag given, where one is.
    pub fn given(&self) -> Option<&'static str> {
        let all = [
            ("--flops-unit", self.flops_unit.is_some()),
            ("--params-unit", self.params_unit.is_some()),
            ("--tokens-unit", self.tokens_unit.is_some()),
            ("--trust-units", self.trust_units),
            ("--assume-6nd", self.assume_6nd),
        ];
        all.into_iter().find(|flag| flag.1).map(|flag| flag.0)
    }
}

fn factor(flag: &str, asked: &Option<String>, units: &[Unit]) -> anyhow::Result<Option<f64>> {
    let Some(asked) = asked else { return Ok(None) };
    if let Some((_, factor)) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(asked)) {
        return Ok(Some(*factor));
    }
    match asked.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(Some(number)),
        _ => {
            let names: Vec<&str> = units.iter().map(|unit| unit.0).collect();
            bail!(Misuse(format!(
                "{flag} {asked} is not known\nhint: {}, or a number, as 1e9",
                names.join(", ")
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_names_or_numbers() {
        let of = |tokens_unit: &str| {
            UnitArgs { tokens_unit: Some(tokens_unit.into()), ..UnitArgs::default() }.factors()
        };
        let tokens = |factor| UnitFactors { tokens: Some(factor), ..UnitFactors::default() };
        assert_eq!(of("b").unwrap(), tokens(1e9));
        assert_eq!(of("524288").unwrap(), tokens(524_288.0));
        for wrong in ["GB", "0", "-1", "inf", ""] {
            let error = of(wrong).unwrap_err().to_string();
            assert!(
                error.starts_with("--tokens-unit ") && error.contains("\nhint: K, M"),
                "{error}"
            );
        }
    }
}
