//! Whether N, D, C and the loss are in the units that a fit takes them for, by their levels.
//!
//! `C / (6 N D)` lies between about .3 (forward passes alone) and 4 (a large head on a small model) in real runs, and
//! `D / N` between about .05 and 50,000. Units are a thousand times apart, so a table in other units is far outside.

use crate::observation::{Observation, check};

/// A unit: its name and how many of the plain thing it is.
pub type Unit = (&'static str, f64);

/// Units of C. A PF-day is 8.64e19 FLOPs.
pub const FLOPS_UNITS: [Unit; 6] = [
    ("GFLOPs", 1e9),
    ("TFLOPs", 1e12),
    ("PFLOPs", 1e15),
    ("EFLOPs", 1e18),
    ("PF-days", 8.64e19),
    ("ZFLOPs", 1e21),
];
/// Units of N.
pub const PARAMS_UNITS: [Unit; 3] = [("K", 1e3), ("M", 1e6), ("B", 1e9)];
/// Units of D.
pub const TOKENS_UNITS: [Unit; 4] = [("K", 1e3), ("M", 1e6), ("B", 1e9), ("T", 1e12)];

const SIX_ND: (f64, f64) = (0.3, 4.0);
const TOKENS_PER_PARAM: (f64, f64) = (0.05, 5e4);
const PARAMS: (f64, f64) = (1e3, 1e14);
const TOKENS: (f64, f64) = (1e4, 1e16);
/// ln of a vocabulary of a million words is 13.8.
const MOST_LOSS: f64 = 14.0;
/// Rows this many times off the middle of `C / (6 N D)` are mistyped or crashed, and ...
const OFF_RULE: f64 = 20.0;
/// ... where they are more than this share of the table, there is no rule.
const MOST_OFF: f64 = 0.1;
/// Units whose levels are odder by less than half a decade are as likely.
const NEARLY_AS_USUAL: f64 = 0.5;

/// Which of N, D and C the table has itself; the third may follow from the others by C = 6 N D.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    All,
    /// C = 6 N D.
    WithoutFlops,
    /// D = C / 6 N.
    WithoutTokens,
    /// N = C / 6 D.
    WithoutParams,
}

/// The middle of a table: medians over its usable rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Levels {
    pub params: f64,
    pub tokens: f64,
    pub tokens_per_param: f64,
    /// C / (6 N D).
    pub per_six_nd: f64,
    pub loss_nats: f64,
}

/// Why the units are doubted, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    pub why: String,
    pub hint: String,
}

impl Levels {
    /// Of the rows that can be used; `None` without one.
    pub fn of(rows: &[&Observation]) -> Option<Levels> {
        let usable: Vec<&&Observation> = rows.iter().filter(|r| check(r).is_none()).collect();
        let median = |of: fn(&Observation) -> f64| {
            let mut all: Vec<f64> = usable.iter().map(|r| of(r)).collect();
            all.sort_unstable_by(f64::total_cmp);
            all.get(all.len() / 2).copied()
        };
        Some(Levels {
            params: median(|r| r.params)?,
            tokens: median(|r| r.tokens)?,
            tokens_per_param: median(|r| r.tokens / r.params)?,
            per_six_nd: median(per_six_nd)?,
            loss_nats: median(|r| r.loss_nats)?,
        })
    }

    /// What speaks against the units, if anything does.
    pub fn doubt(&self, given: Given) -> Option<Doubt> {
        if self.loss_nats > MOST_LOSS {
            return Some(Doubt {
                why: format!(
                    "the loss is {} in the middle of the table, more than a guess among a million words costs (13.8 nats)",
                    short(self.loss_nats)
                ),
                hint: "give nats per token: ln of a perplexity, or --loss-in-bits for bits; --trust-units fits the numbers as they stand".into(),
            });
        }
        let levels = self.outside(given);
        if levels.is_empty() {
            return None;
        }
        let told = levels.join(", ");
        let likely = self.likely(given);
        Some(match &likely[..] {
            [units] => self.named(units, &told, given),
            [_, ..] => self.named_with_others(&likely, &told, given),
            [] if self.may_count_steps(given) => self.of_steps(&told),
            [] => Doubt {
                why: format!("N, D and C are not in the units of C = 6 N D: {told} (medians)"),
                hint: "look whether D counts steps or one device's tokens, and C one device's or one step's FLOPs; --flops-unit, --params-unit and --tokens-unit take a number too (--tokens-unit 524288 for steps of so many tokens); --trust-units fits the numbers as they stand".into(),
            },
        })
    }

    /// Whether all is as usual once D is as many times larger as C asks for.
    fn may_count_steps(&self, given: Given) -> bool {
        given == Given::All
            && self.per_six_nd > SIX_ND.1
            && self.scaled(given, 1.0, 1.0, self.per_six_nd).outside(given).is_empty()
    }

    fn of_steps(&self, told: &str) -> Doubt {
        let each = short(self.per_six_nd);
        Doubt {
            why: format!(
                "N, D and C are not in the units of C = 6 N D: {told} (medians); D may count steps, of about {each} tokens each, or the tokens of one of about {each} devices"
            ),
            hint: format!(
                "give --tokens-unit with the tokens of a step or the number of devices, such as {:.0}; --flops-unit and --params-unit take a number too; --trust-units fits the numbers as they stand",
                self.per_six_nd
            ),
        }
    }

    /// The levels that no real table has, in words.
    fn outside(&self, given: Given) -> Vec<String> {
        let all = [
            ("C / 6ND", self.per_six_nd, SIX_ND),
            ("D / N", self.tokens_per_param, TOKENS_PER_PARAM),
            ("N", self.params, PARAMS),
            ("D", self.tokens, TOKENS),
        ];
        let doubted = all.iter().skip(usize::from(given != Given::All));
        let outside = doubted.filter(|(_, value, range)| !within(*value, *range));
        outside.map(|(name, value, _)| format!("{name} = {}", short(*value))).collect()
    }

    /// The levels with N, D and C in these units.
    fn scaled(&self, given: Given, flops: f64, params: f64, tokens: f64) -> Levels {
        let (params, tokens) = match given {
            Given::WithoutTokens => (params, flops / params),
            Given::WithoutParams => (flops / tokens, tokens),
            Given::All | Given::WithoutFlops => (params, tokens),
        };
        let known = given == Given::All;
        Levels {
            params: self.params * params,
            tokens: self.tokens * tokens,
            tokens_per_param: self.tokens_per_param * tokens / params,
            per_six_nd: if known { self.per_six_nd * flops / (params * tokens) } else { 1.0 },
            ..*self
        }
    }

    /// The units that make a usual table of it: the fewest that differ from plain ones, then the most usual levels. Where C
    /// alone tells N or D, other units of C may do so nearly as well, and follow.
    fn likely(&self, given: Given) -> Vec<Units> {
        let plain = ("", 1.0);
        let of = |all: &[Unit], there: bool| -> Vec<Unit> {
            let units = all.iter().copied().filter(|_| there);
            std::iter::once(plain).chain(units).collect()
        };
        let mut all: Vec<(f64, Units)> = Vec::new();
        for flops in of(&FLOPS_UNITS, given != Given::WithoutFlops) {
            for params in of(&PARAMS_UNITS, given != Given::WithoutParams) {
                for tokens in of(&TOKENS_UNITS, given != Given::WithoutTokens) {
                    let levels = self.scaled(given, flops.1, params.1, tokens.1);
                    if !levels.outside(given).is_empty() {
                        continue;
                    }
                    let units = Units { flops, params, tokens };
                    let oddity = units.changed().count() as f64 + levels.oddity();
                    all.push((oddity, units));
                }
            }
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let Some(&(least, best)) = all.first() else { return Vec::new() };
        let derived = matches!(given, Given::WithoutTokens | Given::WithoutParams);
        let differ_in_c = |units: &Units| {
            best.flops.1 != 1.0
                && units.flops.1 != 1.0
                && (units.params, units.tokens) == (best.params, best.tokens)
        };
        let near = |(oddity, units): &&(f64, Units)| {
            *units == best || derived && *oddity < least + NEARLY_AS_USUAL && differ_in_c(units)
        };
        all.iter().filter(near).map(|(_, units)| *units).collect()
    }

    /// How far from the usual, in decades.
    fn oddity(&self) -> f64 {
        let off = |value: f64, lo: f64, hi: f64| {
            (lo.log10() - value.log10()).max(value.log10() - hi.log10()).max(0.0)
        };
        2.0 * self.per_six_nd.log10().abs()
            + off(self.tokens_per_param, 1.0, 3e3)
            + off(self.params, 1e5, 1e12)
            + off(self.tokens, 1e7, 1e14)
            // Between levels that are all usual, those nearest to 20 tokens a parameter.
            + 0.1 * (self.tokens_per_param / 20.0).log10().abs()
    }

    fn named(&self, units: &Units, told: &str, given: Given) -> Doubt {
        let looks: Vec<String> = units
            .changed()
            .map(|(what, _, name)| format!("{what} looks like {}", in_words(name)))
            .collect();
        let flags: Vec<String> =
            units.changed().map(|(_, flag, name)| format!("{flag} {name}")).collect();
        let mut why = format!("{}: {told} (medians)", looks.join(", "));
        let mut hint = format!("give {} if so", flags.join(" "));
        // Steps and tokens of one device are off by any factor, not by a thousand.
        let of_tokens_alone = units.changed().all(|(what, ..)| what == "D");
        let off = self.scaled(given, units.flops.1, units.params.1, units.tokens.1).per_six_nd;
        if of_tokens_alone && given != Given::All {
            why += "; or it counts steps";
            hint += ", or --tokens-unit with the tokens of a step as a number";
        } else if of_tokens_alone && off.ln().abs() > 0.05 {
            let each = self.per_six_nd;
            let example = if each < 1e15 { each.round().to_string() } else { short(each) };
            why += &format!("; or it counts steps, of about {} tokens each", short(each));
            hint += &format!(", or --tokens-unit with the tokens of a step, such as {example}");
        }
        Doubt { why, hint: format!("{hint}; --trust-units fits the numbers as they stand") }
    }

    /// Several units of C, of which the numbers do not tell which one it is.
    fn named_with_others(&self, likely: &[Units], told: &str, given: Given) -> Doubt {
        let one = |units: &Units| {
            let levels = self.scaled(given, units.flops.1, units.params.1, units.tokens.1);
            format!("{} (then D / N = {})", units.flops.0, short(levels.tokens_per_param))
        };
        let all: Vec<String> = likely.iter().map(one).collect();
        let flags = |units: &Units| {
            let flags = units.changed().map(|(_, flag, name)| format!("{flag} {name}"));
            flags.collect::<Vec<_>>().join(" ")
        };
        let ways: Vec<String> = likely.iter().map(flags).collect();
        Doubt {
            why: format!("C looks like {}: {told} (medians)", all.join(" or ")),
            hint: format!(
                "give {}, whichever it is; --trust-units fits the numbers as they stand",
                ways.join(" or ")
            ),
        }
    }
}

/// Places of the rows whose C has nothing to do with their N and D, where those of most rows have: crashed and mistyped ones.
pub fn off_rule(rows: &[&Observation]) -> Vec<usize> {
    let Some(levels) = Levels::of(rows) else { return Vec::new() };
    let found = far_off(rows, &levels);
    if found.len() as f64 > MOST_OFF * rows.len() as f64 { Vec::new() } else { found }
}

/// What speaks against fitting a table in which many rows are in other units than the rest.
pub fn mixed(rows: &[&Observation]) -> Option<Doubt> {
    let levels = Levels::of(rows)?;
    let off: Vec<usize> = far_off(rows, &levels);
    let (first, most) = (off.first()?, MOST_OFF * rows.len() as f64);
    (off.len() as f64 > most).then(|| Doubt {
        why: format!(
            "C / 6ND is {} in the middle of the table, and far from it in {} of {} rows, such as row {} of those that are numbers with {}",
            short(levels.per_six_nd),
            off.len(),
            rows.len(),
            first + 1,
            short(per_six_nd(rows[*first]))
        ),
        hint: "give N, D and C in the same units in every row; --trust-units fits the numbers as they stand".into(),
    })
}

/// Whether budgets are FLOPs, and not for instance the numbers of tiers: within a factor 100 of C, in the middle.
pub fn budgets_are_flops(rows: &[&Observation]) -> bool {
    let of = |r: &&Observation| r.budget_flops.map(|budget| (budget / r.flops).ln());
    let mut ratios: Vec<f64> = rows.iter().filter_map(of).filter(|r| !r.is_nan()).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).is_none_or(|middle| middle.abs() < 100f64.ln())
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Units {
    flops: Unit,
    params: Unit,
    tokens: Unit,
}

impl Units {
    /// (quantity, flag, unit) of those that are not plain.
    fn changed(&self) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
        let all = [
            ("C", "--flops-unit", self.flops),
            ("N", "--params-unit", self.params),
            ("D", "--tokens-unit", self.tokens),
        ];
        all.into_iter().filter(|(.., unit)| unit.1 != 1.0).map(|(q, flag, unit)| (q, flag, unit.0))
    }
}

fn far_off(rows: &[&Observation], levels: &Levels) -> Vec<usize> {
    let off = |r: &Observation| (per_six_nd(r) / levels.per_six_nd).ln().abs() > OFF_RULE.ln();
    (0..rows.len()).filter(|&k| check(rows[k]).is_none() && off(rows[k])).collect()
}

fn per_six_nd(row: &Observation) -> f64 {
    row.flops / row.params / row.tokens / 6.0
}

fn within(value: f64, (lo, hi): (f64, f64)) -> bool {
    (lo..=hi).contains(&value)
}

fn in_words(unit: &str) -> String {
    match unit {
        "K" => "thousands (K)".into(),
        "M" => "millions (M)".into(),
        "B" => "billions (B)".into(),
        "T" => "trillions (T)".into(),
        other => other.into(),
    }
}

/// Three digits.
fn short(value: f64) -> String {
    let text = format!("{value:.2e}");
    match text.split_once('e') {
        Some((_, power)) if (-2..=3).contains(&power.parse().unwrap_or(9)) => {
            let rounded: f64 = text.parse().unwrap_or(value);
            rounded.to_string()
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests;
