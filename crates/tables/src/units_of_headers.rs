//! Units that a column's name says: `tokens (B)`, `params_m`, `compute_pf_days`, `total_gflops`.

use isoflop_fit::units::{FLOPS_UNITS, Unit};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    Params,
    Tokens,
    Flops,
}

/// The unit in a column's name, and the words that are left of it.
pub fn unit_of(header: &str, quantity: Quantity) -> Option<(Unit, Vec<String>)> {
    let lower = header.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !(c.is_alphanumeric() || c == '+'))
        .filter(|w| !w.is_empty())
        .collect();
    let (last, rest) = words.split_last()?;
    let owned = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    if quantity == Quantity::Flops {
        let days = matches!(*last, "day" | "days");
        // PFLOP/s-days.
        let rest = rest.strip_suffix(&["s"]).unwrap_or(rest);
        if let (true, Some((petaflops, rest))) = (days, rest.split_last())
            && matches!(*petaflops, "pf" | "pflop" | "pflops" | "petaflop" | "petaflops")
        {
            return Some((("PF-days", 8.64e19), owned(rest)));
        }
        let at = words.iter().position(|word| flops_unit(word).is_some())?;
        let unit = flops_unit(words[at])?;
        let others: Vec<&str> = [&words[..at], &words[at + 1..]].concat();
        return Some((unit, owned(&others)));
    }
    let unit = match *last {
        _ if rest.is_empty() => return None,
        "k" | "thousand" | "thousands" | "1e3" => ("K", 1e3),
        "m" | "million" | "millions" | "1e6" => ("M", 1e6),
        "b" | "bn" | "billion" | "billions" | "1e9" => ("B", 1e9),
        "t" | "tn" | "trillion" | "trillions" | "1e12" if quantity == Quantity::Tokens => {
            ("T", 1e12)
        }
        _ => return None,
    };
    Some((unit, owned(rest)))
}

fn flops_unit(word: &str) -> Option<Unit> {
    let plural = |unit: &&Unit| {
        let name = unit.0.to_lowercase();
        word == name || word == name.trim_end_matches('s')
    };
    match word {
        "pfdays" | "pfday" => Some(("PF-days", 8.64e19)),
        "gigaflops" => Some(FLOPS_UNITS[0]),
        "teraflops" => Some(FLOPS_UNITS[1]),
        "petaflops" => Some(FLOPS_UNITS[2]),
        "exaflops" => Some(FLOPS_UNITS[3]),
        _ => FLOPS_UNITS.iter().find(plural).copied(),
    }
}

/// Whether a column is that of the quantity by its words beside the unit, though nobody named it.
pub fn is_usual(words: &[String], quantity: Quantity) -> bool {
    let any = |usual: &[&str]| {
        !words.is_empty() && words.iter().all(|word| usual.contains(&word.as_str()))
    };
    match quantity {
        Quantity::Params => any(&["params"]),
        Quantity::Tokens => any(&["tokens"]),
        // `gflops` alone may be a speed.
        Quantity::Flops => any(&["total", "train", "training", "compute", "c", "flops"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_headers_are_understood() {
        for (header, quantity, unit, usual) in [
            ("tokens (B)", Quantity::Tokens, "B", true),
            ("Tokens [billions]", Quantity::Tokens, "B", true),
            ("params_m", Quantity::Params, "M", true),
            ("model size / M", Quantity::Params, "M", false),
            ("compute_pf_days", Quantity::Flops, "PF-days", true),
            ("compute (PF-days)", Quantity::Flops, "PF-days", true),
            ("compute (PFLOP/s-days)", Quantity::Flops, "PF-days", true),
            ("total_gflops", Quantity::Flops, "GFLOPs", true),
            ("throughput/total_gflops", Quantity::Flops, "GFLOPs", false),
            ("Training compute (EFLOP)", Quantity::Flops, "EFLOPs", true),
            ("flops [EFLOPs]", Quantity::Flops, "EFLOPs", true),
            ("tflops", Quantity::Flops, "TFLOPs", false),
        ] {
            let (found, words) = unit_of(header, quantity).unwrap_or_else(|| panic!("{header}"));
            assert_eq!((found.0, is_usual(&words, quantity)), (unit, usual), "{header}");
        }
        for (header, quantity) in [
            ("tokens", Quantity::Tokens),
            ("b", Quantity::Tokens),
            ("params", Quantity::Params),
            ("flops", Quantity::Flops),
            ("total_tokens", Quantity::Tokens),
        ] {
            assert_eq!(unit_of(header, quantity), None, "{header}");
        }
    }
}
