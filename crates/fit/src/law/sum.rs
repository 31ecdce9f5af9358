//! What laws of the form `L = E + A / X^alpha + B / Y^beta` share: each gives, shares or leaves free some of the five
//! parameters.

use super::{About, Centre, FastForm, Law, Point, Sample, SumForm, SumOfPowers, Variable};
use crate::error::FitError;
use crate::kernel::Slot;
use crate::table::Table;

/// Smallest share of the least loss that E may have and still count as found.
pub(super) const LEAST_FLOOR: f64 = 1e-3;
/// Exponents outside this range are not a result.
pub(super) const EXPONENTS: (f64, f64) = (0.01, 3.0);
/// Exponents tried for the data-driven start.
pub(super) const EXPONENT_GRID: [f64; 8] = [0.08, 0.16, 0.26, 0.36, 0.48, 0.65, 0.9, 1.3];

/// A law by what it makes of `(ln E, a, alpha, b, beta)`, with `a = ln A - alpha * mean(ln X)` and `b` alike.
pub trait Restricted: Send + Sync + std::fmt::Debug {
    fn about(&self) -> About;

    fn slots(&self) -> [Slot; 5];

    fn starts(&self, sample: &Sample) -> Vec<Vec<f64>>;

    /// X and Y.
    fn variables(&self) -> [Variable; 2] {
        [Variable::Params, Variable::Tokens]
    }

    /// `(ln E, a, alpha, b, beta)` anywhere plausible, from uniform random numbers.
    fn random_start(&self, sample: &Sample, uniform: &mut dyn FnMut() -> f64) -> [f64; 5] {
        let least = sample.least_loss();
        let e = least * (0.05 + 0.9 * uniform());
        let share = 0.1 + 0.8 * uniform();
        let rest = least * (0.05 + uniform());
        let exponent = |u: f64| 0.05 * 30f64.powf(u);
        let (alpha, beta) = (exponent(uniform()), exponent(uniform()));
        [e.ln(), (rest * share).ln(), alpha, (rest * (1.0 - share)).ln(), beta]
    }

    /// Where exponents are searched, and the least that is a result. Below 0 a term would grow with N or D, which the law
    /// rules out: squares of a bad table may be least there, and an optimum within the law is still one.
    fn exponents(&self) -> ((f64, f64), f64) {
        ((0.0, 12.0), EXPONENTS.0)
    }

    fn refuses(&self, _table: &Table) -> Option<FitError> {
        None
    }

    fn own_exponent(&self) -> Option<&'static str> {
        None
    }
}

/// The five parameters of the free ones.
fn full(slots: &[Slot; 5], free: &[f64]) -> [f64; 5] {
    slots.map(|slot| match slot {
        Slot::Free(k) => free[k],
        Slot::Given(value) => value,
    })
}

/// Of five values, those of the free parameters, a shared one by its first slot.
fn pick<T: Copy>(slots: &[Slot; 5], values: &[T; 5]) -> Vec<T> {
    let mut out = Vec::with_capacity(5);
    for (slot, value) in slots.iter().zip(values) {
        if *slot == Slot::Free(out.len()) {
            out.push(*value);
        }
    }
    out
}

impl<T: Restricted> Law for T {
    fn about(&self) -> About {
        Restricted::about(self)
    }

    fn log_loss(&self, theta: &[f64], point: &Point, gradient: &mut [f64]) -> f64 {
        let slots = self.slots();
        let [e, a, alpha, b, beta] = full(&slots, theta);
        let [x, y] = self.variables().map(|v| v.centred(point));
        let (e, u, v) = (e.exp(), (a - alpha * x).exp(), (b - beta * y).exp());
        let f = e + u + v;
        gradient.fill(0.0);
        for (slot, slope) in slots.iter().zip([e / f, u / f, -x * u / f, v / f, -y * v / f]) {
            if let Slot::Free(k) = slot {
                gradient[*k] += slope;
            }
        }
        f.ln()
    }

    fn natural(&self, theta: &[f64], centre: &Centre) -> Vec<f64> {
        let slots = self.slots();
        let [e, a, alpha, b, beta] = full(&slots, theta);
        let [x, y] = self.variables().map(|v| v.centre(centre));
        pick(&slots, &[e.exp(), (a + alpha * x).exp(), alpha, (b + beta * y).exp(), beta])
    }

    fn working(&self, natural: &[f64], centre: &Centre) -> Vec<f64> {
        let slots = self.slots();
        let [e, a, alpha, b, beta] = full(&slots, natural);
        let [x, y] = self.variables().map(|v| v.centre(centre));
        pick(&slots, &[e.ln(), a.ln() - alpha * x, alpha, b.ln() - beta * y, beta])
    }

    fn starts(&self, sample: &Sample) -> Vec<Vec<f64>> {
        Restricted::starts(self, sample)
    }

    fn random_start(&self, sample: &Sample, uniform: &mut dyn FnMut() -> f64) -> Vec<f64> {
        pick(&self.slots(), &Restricted::random_start(self, sample, uniform))
    }

    fn range(&self, sample: &Sample) -> Vec<(f64, f64)> {
        let least = sample.least_loss().ln();
        let term = (least - 60.0, least + 60.0);
        let (exponent, _) = self.exponents();
        pick(&self.slots(), &[(least - 25.0, least + 0.5), term, exponent, term, exponent])
    }

    fn at_bound(&self, theta: &[f64], sample: &Sample) -> Vec<&'static str> {
        let slots = self.slots();
        let names = Restricted::about(self).parameters;
        let floor = LEAST_FLOOR * sample.least_loss();
        let (_, least) = self.exponents();
        let vanished = |v: f64| v.exp() < floor;
        let outside = |v: f64| !(least..EXPONENTS.1).contains(&v);
        let v = full(&slots, theta);
        let bad = [vanished(v[0]), false, outside(v[2]), false, outside(v[4])];
        let bad = pick(&slots, &bad);
        names.iter().zip(bad).filter(|(_, bad)| *bad).map(|(name, _)| *name).collect()
    }

    fn refuses(&self, table: &Table) -> Option<FitError> {
        Restricted::refuses(self, table)
    }

    fn sum_of_powers(&self, theta: &[f64], centre: &Centre) -> Option<SumOfPowers> {
        if Restricted::own_exponent(self).is_some() {
            return None;
        }
        let [log_floor, a, alpha, b, beta] = full(&self.slots(), theta);
        Some(SumOfPowers {
            log_floor,
            log_a: a + alpha * centre.log_params,
            alpha,
            log_b: b + beta * centre.log_tokens,
            beta,
            power: 1.0,
        })
    }

    fn own_exponent(&self) -> Option<&'static str> {
        Restricted::own_exponent(self)
    }

    fn fast_form(&self) -> Option<FastForm> {
        Some(FastForm::Sum(SumForm { slots: self.slots(), variables: self.variables() }))
    }
}
