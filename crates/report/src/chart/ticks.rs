//! Where an axis is marked: candidates from dense to sparse; the densest whose labels fit is taken.

use super::scale::{Scale, Spread};
use super::text::Rich;
use crate::number;

/// How tick values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Plain decimals, as many as the step needs.
    Plain,
    /// `10^18`, `3·10^17`.
    Power,
    /// `250k`, `1M`, `30B`.
    Count,
    /// `+0.5%` of a share.
    Percent,
}

/// Marks of one axis.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ticks {
    /// Labelled values.
    pub major: Vec<(f64, Rich)>,
    /// Values with a short mark and no label.
    pub minor: Vec<f64>,
}

impl Ticks {
    /// Chooses the densest candidate for which `fits` holds; the sparsest when none does.
    pub fn choose(scale: &Scale, format: Format, fits: impl Fn(&[(f64, Rich)]) -> bool) -> Self {
        let candidates = match scale.spread {
            Spread::Linear => linear(scale.low, scale.high, |v| v),
            Spread::Log => logarithmic(scale.low, scale.high),
        };
        let mut chosen = Vec::new();
        let mut done = false;
        for candidate in candidates {
            // Powers are wide and read best as plain decades: go on while four labels remain.
            let enough = if format == Format::Power { 4 } else { usize::MAX };
            if (candidate.len() < 2 && !chosen.is_empty()) || (done && candidate.len() < enough) {
                break;
            }
            let labels = label(&candidate, format);
            let fit = fits(&labels);
            if done && !fit {
                continue;
            }
            chosen = labels;
            done |= fit;
        }
        let minor = match scale.spread {
            Spread::Log => minor(scale, &chosen),
            Spread::Linear => Vec::new(),
        };
        Self { major: chosen, minor }
    }
}

/// Multiples of 1, 2 or 5 times a power of ten in `low..=high`, dense to sparse. `keep` maps a
/// position to the value that is marked.
fn linear(low: f64, high: f64, keep: impl Fn(f64) -> f64) -> Vec<Vec<f64>> {
    let span = high / 2.0 - low / 2.0;
    let rough = span / 8.0;
    let mut candidates = Vec::new();
    let exponent = rough.log10().floor();
    for power in 0..4 {
        for unit in [1.0, 2.0, 5.0] {
            let step = unit * 10f64.powf(exponent + f64::from(power));
            if step < rough || !step.is_finite() || step == 0.0 {
                continue;
            }
            let (first, last) = ((low / step).ceil(), (high / step).floor());
            if !(first.is_finite() && last.is_finite()) || last < first {
                continue;
            }
            // `i * step` with a step of 0.1 drifts in the last digit; go through the decimals.
            let decimals = (-step.log10().floor()).max(0.0);
            let exact = |i: f64| {
                let value = i * step;
                if decimals == 0.0 || decimals > 15.0 {
                    return value;
                }
                let scale = 10f64.powf(decimals);
                (value * scale).round() / scale
            };
            let count = (last - first) as usize;
            if count > 40 {
                continue;
            }
            candidates.push((0..=count).map(|i| keep(exact(first + i as f64))).collect());
        }
    }
    candidates
}

fn logarithmic(low: f64, high: f64) -> Vec<Vec<f64>> {
    let value = |exponent: f64, digit: f64| -> Option<f64> {
        let text = format!("{digit:.0}e{exponent:.0}");
        let value: f64 = text.parse().ok()?;
        let position = Spread::Log.forward(value)?;
        (position >= low - 1e-9 && position <= high + 1e-9).then_some(value)
    };
    let decades: Vec<f64> = {
        let (first, last) = (low.floor() as i64, high.ceil() as i64);
        (first..=last).map(|x| x as f64).collect()
    };
    let mut candidates = Vec::new();
    if high - low < 0.75 {
        candidates.extend(
            linear(10f64.powf(low), 10f64.powf(high), |v| v)
                .into_iter()
                .map(|c| c.into_iter().filter(|v| *v > 0.0).collect::<Vec<_>>()),
        );
        candidates.retain(|c| c.len() >= 2);
    }
    for digits in [&[1.0, 2.0, 5.0][..], &[1.0, 3.0], &[1.0]] {
        let all: Vec<f64> =
            decades.iter().flat_map(|e| digits.iter().filter_map(|d| value(*e, *d))).collect();
        candidates.push(all);
    }
    for every in [2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0] {
        let some =
            decades.iter().filter(|e| *e % every == 0.0).filter_map(|e| value(*e, 1.0)).collect();
        candidates.push(some);
    }
    candidates.retain(|c| !c.is_empty());
    candidates
}

/// Unlabelled 2..9 between decades, when decades are marked one by one.
fn minor(scale: &Scale, major: &[(f64, Rich)]) -> Vec<f64> {
    if scale.high - scale.low > 8.0 || scale.high - scale.low < 0.75 {
        return Vec::new();
    }
    let (first, last) = (scale.low.floor() as i32, scale.high.ceil() as i32);
    (first..=last)
        .flat_map(|e| (1..10).map(move |d| f64::from(d) * 10f64.powi(e)))
        .filter(|v| scale.shows(*v) && !major.iter().any(|(m, _)| (m / v - 1.0).abs() < 1e-9))
        .collect()
}

fn label(values: &[f64], format: Format) -> Vec<(f64, Rich)> {
    let largest = values.iter().fold(0.0_f64, |a, v| a.max(v.abs()));
    let smallest = values.iter().filter(|v| **v != 0.0).fold(f64::INFINITY, |a, v| a.min(v.abs()));
    // As many decimals as it takes to write every value exactly, trailing zeros apart.
    let decimals = |factor: f64| {
        (0..10_usize).find(|d| {
            values.iter().all(|v| {
                let x = v * factor;
                let written: f64 = format!("{x:.d$}").parse().unwrap_or(f64::NAN);
                (written - x).abs() <= 1e-9 * largest.abs() * factor
            })
        })
    };
    let spread = largest / smallest;
    let plain = |v: f64, d: usize| -> Rich { number::fixed(v, d).into() };
    values
        .iter()
        .map(|&v| {
            let text = match format {
                Format::Power => number::power(v, 3),
                Format::Count if largest < 1e15 => count(v).into(),
                Format::Percent => match decimals(100.0) {
                    Some(d) => number::percent(v, d, true).into(),
                    None => number::power(v, 3),
                },
                Format::Plain if largest < 1e6 && smallest >= 1e-4 => match decimals(1.0) {
                    // Over decades, each value has its own decimals: 0.1, 1, 10.
                    _ if spread > 90.0 => trimmed(v).into(),
                    Some(d) => plain(v, d),
                    None => trimmed(v).into(),
                },
                Format::Plain | Format::Count => number::power(v, 3),
            };
            (v, text)
        })
        .collect()
}

fn trimmed(v: f64) -> String {
    let text = number::significant(v, 6);
    match text.contains('.') && !text.contains('e') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn count(v: f64) -> String {
    let text = number::count(v, 6);
    let unit: String = text.chars().rev().take_while(|c| c.is_alphabetic()).collect();
    let digits = &text[..text.len() - unit.len()];
    match digits.contains('.') {
        true => format!("{}{unit}", digits.trim_end_matches('0').trim_end_matches('.')),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(spread: Spread, low: f64, high: f64, format: Format, most: usize) -> String {
        let scale = Scale::fit(spread, [low, high].into_iter(), 0.0);
        let ticks = Ticks::choose(&scale, format, |t| t.len() <= most);
        ticks.major.iter().map(|(_, text)| text.to_text()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ticks_are_the_ones_a_person_would_choose() {
        let all = [
            labels(Spread::Linear, 2.93, 4.31, Format::Plain, 8),
            labels(Spread::Linear, -0.011, 0.013, Format::Percent, 7),
            labels(Spread::Linear, 0.0, 1.0, Format::Plain, 6),
            labels(Spread::Log, 3e15, 4e19, Format::Power, 6),
            labels(Spread::Log, 3e15, 4e17, Format::Power, 7),
            labels(Spread::Log, 3e15, 4e25, Format::Power, 6),
            labels(Spread::Log, 8e4, 6e6, Format::Count, 7),
            labels(Spread::Log, 2.9, 4.3, Format::Plain, 6),
            labels(Spread::Log, 0.1, 300.0, Format::Plain, 5),
            labels(Spread::Log, 1e-300, 1e300, Format::Power, 6),
            labels(Spread::Linear, 0.0, 1e12, Format::Count, 6),
        ];
        assert_eq!(
            all.join("\n"),
            "3.0 3.2 3.4 3.6 3.8 4.0 4.2
−1.0% −0.5% 0.0% +0.5% +1.0%
0.0 0.2 0.4 0.6 0.8 1.0
10¹⁶ 10¹⁷ 10¹⁸ 10¹⁹
3·10¹⁵ 10¹⁶ 3·10¹⁶ 10¹⁷ 3·10¹⁷
10¹⁶ 10¹⁸ 10²⁰ 10²² 10²⁴
100k 200k 500k 1M 2M 5M
3.0 3.5 4.0
0.1 1 10 100
10⁻²⁰⁰ 10⁰ 10²⁰⁰
0 200B 400B 600B 800B 1T"
        );
    }
}
