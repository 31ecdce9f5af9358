//! What runs took in energy, money and CO2, in words.

use isoflop_ledger::{EnergySource, Spending};

use crate::number::{grams, joules, significant};

/// `12.3 kJ by NVML (45.0 W on average), cost 0.12, 1.30 g of CO2`, with what is known; `None` where nothing is.
pub fn in_words(spending: &Spending) -> Option<String> {
    let energy = spending.joules.map(|total| {
        let Spending { cells, cells_without_energy: without, device_seconds, .. } = spending;
        let sources: Vec<&str> = spending.sources.iter().map(|source| source.label()).collect();
        let given = spending.sources == [EnergySource::Given];
        let of = match without {
            0 if given => String::new(), // the power is the one that was given
            0 => format!(" ({} W on average)", significant(total / device_seconds, 3)),
            without => format!(" for {} of {cells} cells", cells - without),
        };
        format!("{} by {}{of}", joules(total), sources.join(" and "))
    });
    let cost = spending.cost.map(|cost| format!("cost {}", significant(cost, 3)));
    let co2 = spending.grams_co2.map(|mass| format!("{} of CO2", grams(mass)));
    let parts: Vec<String> = [energy, cost, co2].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_said_and_nothing_else() {
        let counted = Spending {
            device_seconds: 200.0,
            joules: Some(9000.0),
            sources: vec![EnergySource::Nvml],
            cells: 6,
            ..Spending::default()
        };
        let said = |spending: &Spending| in_words(spending).unwrap();
        assert_eq!(said(&counted), "9.00 kJ by NVML (45.0 W on average)");
        let priced = Spending { cost: Some(0.1234), grams_co2: Some(1.0), ..counted.clone() };
        assert_eq!(said(&priced), "9.00 kJ by NVML (45.0 W on average), cost 0.123, 1.00 g of CO2");
        let sources = vec![EnergySource::Rapl, EnergySource::Given];
        let part = Spending { sources, cells_without_energy: 2, ..counted.clone() };
        assert_eq!(said(&part), "9.00 kJ by RAPL and device.watts (not measured) for 4 of 6 cells");
        let given = Spending { sources: vec![EnergySource::Given], ..counted.clone() };
        assert_eq!(said(&given), "9.00 kJ by device.watts (not measured)");
        let cost = Spending { joules: None, sources: Vec::new(), cost: Some(2.0), ..counted };
        assert_eq!(said(&cost), "cost 2.00");
        assert_eq!(in_words(&Spending::default()), None);
    }
}
