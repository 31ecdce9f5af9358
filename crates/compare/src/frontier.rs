//! The best size for an hour, a megajoule or a dollar of a machine, beside the best for a FLOP count.
//!
//! Small models run at a smaller share of a machine's peak, so a second buys fewer FLOPs of them. With the tokens per second
//! `r(N)` of a machine, interpolated between the sizes that it trained, a time T trains a model of N parameters on
//! `D = T r(N)` tokens, and the best N is that of least `L(N, D)` by the law. Energy and money are the same with tokens per joule and per unit of money.

use isoflop_fit::Estimate;
use isoflop_fit::parametric::LawFrontier;
use serde::Serialize;

use crate::side::Side;

/// What is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    /// Seconds.
    Time,
    /// Joules.
    Energy,
    /// Money, in the unit of the price per hour.
    Money,
}

/// Tokens that one unit of a resource trains, by size.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Purchase {
    pub resource: Resource,
    /// (N, tokens per unit), ascending in N.
    pub points: Vec<(f64, f64)>,
}

/// The best use of an amount of a resource on one side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BestFor {
    pub amount: f64,
    /// N*.
    pub params: Estimate,
    pub tokens: f64,
    /// Training FLOPs that it comes to, as C is counted.
    pub flops: f64,
    /// N* of as many FLOPs.
    pub params_for_flops: f64,
    pub loss_nats: Estimate,
    /// Whether N* is the smallest or the largest size that the machine trained: a better one may lie beyond.
    pub at_end: bool,
}

/// One side's frontier by one resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResourceFrontier {
    pub side: usize,
    pub purchase: Purchase,
    pub best: Vec<BestFor>,
}

/// Two sides whose least losses are equal at some amount.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Crossing {
    pub sides: (usize, usize),
    pub amount: f64,
    pub loss_nats: f64,
}

/// All sides by one resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Frontiers {
    pub resource: Resource,
    pub frontiers: Vec<ResourceFrontier>,
    pub crossings: Vec<Crossing>,
}

/// Sizes that are tried for each amount.
const SIZES: usize = 120;
/// Amounts reach from this factor below what the largest run took to the second above.
const REACH: (f64, f64) = (30.0, 4.0);
/// Round numbers of seconds up to an hour; beyond it hours are counted as other amounts are.
const SECONDS: [f64; 12] =
    [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0];

/// Round amounts from `low` to `high`: 1, 2 and 5 times powers of ten; of times, as clocks have them.
fn round_amounts(resource: Resource, low: f64, high: f64) -> Vec<f64> {
    let in_tens = |unit: f64, from: i32, to: i32| {
        (from..to).flat_map(move |power| [1.0, 2.0, 5.0].map(|k| unit * k * 10f64.powi(power)))
    };
    let all: Vec<f64> = match resource {
        Resource::Time => in_tens(1.0, -6, 0).chain(SECONDS).chain(in_tens(3600.0, 0, 9)).collect(),
        Resource::Energy | Resource::Money => in_tens(1.0, -9, 18).collect(),
    };
    all.into_iter().filter(|amount| (low..=high).contains(amount)).collect()
}

impl Purchase {
    /// From the medians of a side's runs by size, the widest stacks of each; `None` where the side tells too little.
    pub fn of(side: &Side, resource: Resource) -> Option<Purchase> {
        let price = side.tariff.cost(1.0);
        let mut by_size: std::collections::BTreeMap<u64, Vec<(usize, f64)>> = Default::default();
        for run in &side.runs {
            let Some(pace) = &run.pace else { continue };
            let per_unit = match resource {
                Resource::Time => Some(pace.tokens_per_second),
                Resource::Money => price.map(|price| pace.tokens_per_second / price),
                Resource::Energy => pace.joules.map(|joules| run.tokens / joules),
            };
            if let Some(per_unit) = per_unit.filter(|v| v.is_finite() && *v > 0.0) {
                by_size.entry(run.params as u64).or_default().push((pace.stack_width, per_unit));
            }
        }
        let points: Vec<(f64, f64)> = by_size
            .into_iter()
            .map(|(params, values)| {
                let widest = values.iter().map(|v| v.0).max().unwrap_or(1);
                let of = values.iter().filter(|v| v.0 == widest).map(|v| v.1).collect();
                (params as f64, crate::speed::Spread::of(of).median)
            })
            .collect();
        (points.len() >= 2).then_some(Purchase { resource, points })
    }

    /// Linear in logarithms between neighbours; `params` within the sizes.
    fn at(&self, params: f64) -> f64 {
        let points = &self.points;
        let above = points.partition_point(|p| p.0 < params).clamp(1, points.len() - 1);
        let ((n0, r0), (n1, r1)) = (points[above - 1], points[above]);
        let share = ((params / n0).ln() / (n1 / n0).ln()).clamp(0.0, 1.0);
        (r0.ln() + share * (r1 / r0).ln()).exp()
    }

    fn sizes(&self) -> Vec<f64> {
        let (low, high) = (self.points[0].0, self.points[self.points.len() - 1].0);
        (0..SIZES).map(|i| low * (high / low).powf(i as f64 / (SIZES - 1) as f64)).collect()
    }

    fn best(&self, law: &LawFrontier, amount: f64) -> BestFor {
        let sizes: Vec<(f64, f64)> =
            self.sizes().into_iter().map(|n| (n, amount * self.at(n))).collect();
        let least = |loss: &dyn Fn(f64, f64) -> f64| {
            sizes
                .iter()
                .map(|(n, d)| (loss(*n, *d), *n, *d))
                .min_by(|a, b| a.0.total_cmp(&b.0))
                .unwrap_or((f64::NAN, f64::NAN, f64::NAN))
        };
        let params = law.estimate(|loss| least(loss).1.ln()).map(f64::exp);
        let loss_nats = law.estimate(|loss| least(loss).0);
        let tokens = amount * self.at(params.point);
        let flops = law.compute().log_flops(params.point.ln(), tokens.ln()).exp();
        let (low, high) = (sizes[0].0, sizes[SIZES - 1].0);
        let at_end = params.point <= low * 1.001 || params.point >= high * 0.999;
        let params_for_flops = law.at(flops).map_or(f64::NAN, |split| split.params.point);
        BestFor { amount, params, tokens, flops, params_for_flops, loss_nats, at_end }
    }
}

impl ResourceFrontier {
    /// The amount whose least loss is this one, by a line in logarithms between neighbours; `None` beyond the amounts.
    pub fn to_reach(&self, loss_nats: f64) -> Option<f64> {
        self.best.windows(2).find_map(|pair| {
            let [a, b] = [&pair[0], &pair[1]].map(|best| best.loss_nats.point);
            let between = (b..=a).contains(&loss_nats) && b < a;
            let share = (a / loss_nats).ln() / (a / b).ln();
            between.then(|| pair[0].amount * (pair[1].amount / pair[0].amount).powf(share))
        })
    }
}

/// Frontiers of all sides by `resource`, each by its law, at equal amounts; `None` where no side tells what it buys.
pub fn frontiers(
    sides: &[&Side],
    laws: &[Option<LawFrontier>],
    resource: Resource,
) -> Option<Frontiers> {
    let purchases: Vec<(usize, Purchase, &LawFrontier)> = sides
        .iter()
        .zip(laws)
        .enumerate()
        .filter_map(|(k, (side, law))| Some((k, Purchase::of(side, resource)?, law.as_ref()?)))
        .collect();
    let spent = |(k, purchase, _): &(usize, Purchase, &LawFrontier)| {
        let most = sides[*k].runs.iter().filter(|run| run.pace.is_some());
        most.map(|run| run.tokens / purchase.at(run.params)).fold(0.0, f64::max)
    };
    let largest: Vec<f64> = purchases.iter().map(spent).filter(|x| *x > 0.0).collect();
    let centre = (largest.iter().map(|x| x.ln()).sum::<f64>() / largest.len() as f64).exp();
    if largest.is_empty() {
        return None;
    }
    let amounts = round_amounts(resource, centre / REACH.0, centre * REACH.1);
    let frontiers: Vec<ResourceFrontier> = purchases
        .into_iter()
        .map(|(side, purchase, law)| ResourceFrontier {
            side,
            best: amounts.iter().map(|amount| purchase.best(law, *amount)).collect(),
            purchase,
        })
        .collect();
    let crossings = crossings(&frontiers);
    Some(Frontiers { resource, frontiers, crossings })
}

/// Where least losses of two sides change places, by a line in ln amount between neighbours.
fn crossings(frontiers: &[ResourceFrontier]) -> Vec<Crossing> {
    let mut found = Vec::new();
    for (i, a) in frontiers.iter().enumerate() {
        for b in &frontiers[i + 1..] {
            let gap = |k: usize| a.best[k].loss_nats.point - b.best[k].loss_nats.point;
            for k in 1..a.best.len() {
                let (before, after) = (gap(k - 1), gap(k));
                if before * after >= 0.0 {
                    continue;
                }
                let share = before / (before - after);
                let (low, high) = (&a.best[k - 1], &a.best[k]);
                found.push(Crossing {
                    sides: (a.side, b.side),
                    amount: low.amount * (high.amount / low.amount).powf(share),
                    loss_nats: low.loss_nats.point
                        + share * (high.loss_nats.point - low.loss_nats.point),
                });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_round() {
        assert_eq!(
            round_amounts(Resource::Time, 40.0, 8000.0),
            [60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0]
        );
        assert_eq!(round_amounts(Resource::Money, 0.15, 1.5), [0.2, 0.5, 1.0]);
    }

    #[test]
    fn a_loss_lies_between_the_amounts_around_it() {
        let best = |amount: f64, loss: f64| BestFor {
            amount,
            params: Estimate::bare(1e5),
            tokens: 1e6,
            flops: 6e11,
            params_for_flops: 1e5,
            loss_nats: Estimate::bare(loss),
            at_end: false,
        };
        let purchase = Purchase { resource: Resource::Time, points: vec![(1e4, 1e5), (1e6, 1e3)] };
        // L = 2 / sqrt(amount): a line in logarithms.
        let best = [1.0, 4.0, 16.0].map(|amount: f64| best(amount, 2.0 / amount.sqrt())).to_vec();
        let frontier = ResourceFrontier { side: 0, purchase, best };
        assert!((frontier.to_reach(2.0 / 3.0).unwrap() - 9.0).abs() < 1e-9);
        assert_eq!((frontier.to_reach(2.1), frontier.to_reach(0.4)), (None, None));
    }

    #[test]
    fn speeds_between_sizes_lie_on_a_line_of_logarithms() {
        let purchase = Purchase { resource: Resource::Time, points: vec![(1e4, 1e5), (1e6, 1e3)] };
        assert!((purchase.at(1e5) / 1e4 - 1.0).abs() < 1e-12);
        assert!((purchase.at(1e4) / 1e5 - 1.0).abs() < 1e-12);
    }
}
