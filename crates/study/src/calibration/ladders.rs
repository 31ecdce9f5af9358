//! From a ledger to a law: ladders of rates or batches, their minima, a power law through these.

use std::collections::BTreeMap;
use std::path::Path;

use isoflop_fit::calibration::{
    Minimum, NoMinimum, POINTS, Point, minimum, power_law, power_law_of_two,
};
use isoflop_ledger::{Contents, Status};
use isoflop_plan::{Calibration, Fitted, LawOf, PowerLaw, RATE_EXPONENTS, Shape};
use isoflop_report::number;

use super::{NoLaw, multipliers};

/// Runs that differ in learning rate, batch and seed alone.
struct Group {
    shape: Shape,
    budget: Option<f64>,
    tokens: f64,
    ladders: BTreeMap<u64, Ladder>,
}

/// The rates of one batch: by the bits of the rate, which sort as it does, the losses of all seeds; `None` of one that diverged.
type Ladder = BTreeMap<u64, Vec<Option<f64>>>;

/// How far the tokens of one length differ by whole steps, as a factor.
const SAME_LENGTH: f64 = 1.05;

/// The law that a folder's ledger gives.
pub(super) fn law(contents: &Contents, of: LawOf, folder: &Path) -> Result<PowerLaw, NoLaw> {
    let groups = groups(contents);
    let minima = match of {
        LawOf::LearningRate => rates(&groups)?,
        LawOf::Batch => batches(&groups)?,
    };
    // A rate at the batch that most were found near; the others are brought there by the law's own factor.
    let mut all: Vec<f64> = minima.iter().map(|found| found.batch).collect();
    all.sort_by(f64::total_cmp);
    let batch = (of == LawOf::LearningRate && !all.is_empty()).then(|| all[(all.len() - 1) / 2]);
    let scale = |found: &Found| batch.map_or(1.0, |batch| (batch / found.batch).sqrt());
    let along = |found: &Found| match of {
        LawOf::LearningRate => found.params,
        LawOf::Batch => found.tokens,
    };
    let points: Vec<(f64, f64)> =
        minima.iter().map(|found| (along(found), found.setting * scale(found))).collect();
    let (what, symbol) = match of {
        LawOf::LearningRate => ("sizes", "N"),
        LawOf::Batch => ("lengths", "D"),
    };
    let of_both: Vec<(f64, f64, f64)> =
        minima.iter().map(|f| (f.params, f.tokens, f.setting * scale(f))).collect();
    let of_both = power_law_of_two(&of_both).filter(|_| of == LawOf::LearningRate);
    let found = of_both.map(|[a, b, c]| (a, b, Some(c)));
    let found = found.or_else(|| power_law(&points).map(|(a, b)| (a, b, None)));
    let Some((coefficient, exponent, tokens_exponent)) = found else {
        return Err(NoLaw::new(
            format!(
                "a law in {symbol} needs ladders at two {what} or more, and it holds {}",
                minima.len()
            ),
            format!(
                "train `{}` of at least {POINTS} values there, with `multiply = [\"smallest\", \"largest\"]`",
                multipliers(of)
            ),
        ));
    };
    let fits = match of {
        LawOf::LearningRate => [exponent, tokens_exponent.unwrap_or(0.0)]
            .iter()
            .all(|exponent| (RATE_EXPONENTS.0..=RATE_EXPONENTS.1).contains(exponent)),
        LawOf::Batch => (0.0..1.0).contains(&exponent),
    };
    if !fits {
        return Err(NoLaw::new(
            format!(
                "its {} minima come to a power of {symbol} of {exponent:.2}, which no rule has",
                minima.len()
            ),
            format!("train {what} that lie further apart, and several seeds"),
        ));
    }
    let range = |f: fn(&Found) -> f64| {
        minima.iter().map(f).fold((f64::INFINITY, 0.0_f64), |(l, h), x| (l.min(x), h.max(x)))
    };
    let range = Fitted { params: range(|found| found.params), tokens: range(|found| found.tokens) };
    let calibration = Calibration { folder: folder.to_owned(), minima: minima.len() as u64, range };
    Ok(PowerLaw { coefficient, exponent, tokens_exponent, batch, calibration: Some(calibration) })
}

/// A minimum and where it lies.
struct Found {
    setting: f64,
    params: f64,
    tokens: f64,
    batch: f64,
}

impl Group {
    fn found(&self, setting: f64, batch: f64) -> Found {
        let params = self.shape.params().non_embedding() as f64;
        Found { setting, params, tokens: self.tokens, batch }
    }

    fn name(&self) -> String {
        match self.budget {
            Some(budget) => format!("{} at {} FLOPs", self.shape, number::scientific(budget, 3)),
            None => format!("{} on {} tokens", self.shape, number::count(self.tokens, 3)),
        }
    }
}

/// One minimum for each batch that has several rates.
fn rates(groups: &[Group]) -> Result<Vec<Found>, NoLaw> {
    let mut found = Vec::new();
    for group in groups {
        for (batch, ladder) in &group.ladders {
            if ladder.len() > 1 {
                let name = format!("{}, {batch} tokens per step", group.name());
                let best =
                    best_rate(ladder).map_err(|no| told(no, LawOf::LearningRate, &name, ladder))?;
                found.push(group.found(best.setting, *batch as f64));
            }
        }
    }
    Ok(found)
}

fn best_rate(ladder: &Ladder) -> Result<Minimum, NoMinimum> {
    minimum(&points(ladder))
}

/// Mean losses of the rates at which no seed diverged.
fn points(ladder: &Ladder) -> Vec<Point> {
    let mean = |losses: &Vec<Option<f64>>| {
        let all: Option<Vec<f64>> = losses.iter().copied().collect();
        all.map(|all| all.iter().sum::<f64>() / all.len() as f64)
    };
    let point = |(rate, losses): (&u64, _)| {
        Some(Point { setting: f64::from_bits(*rate), loss: mean(losses)? })
    };
    ladder.iter().filter_map(point).collect()
}

/// One minimum for each group of several batches, each at its best rate where all have ladders of rates, else at the rates that
/// all of them have.
fn batches(groups: &[Group]) -> Result<Vec<Found>, NoLaw> {
    let mut found = Vec::new();
    for group in groups.iter().filter(|group| group.ladders.len() > 1) {
        let ladders = group.ladders.values();
        let tuned = ladders.clone().all(|ladder| ladder.len() >= POINTS);
        let shared = |rate: u64| ladders.clone().all(|ladder| ladder.contains_key(&rate));
        let mut losses = Ladder::new();
        for (batch, ladder) in &group.ladders {
            let loss = match tuned {
                true => {
                    let name = format!("{}, {batch} tokens per step", group.name());
                    let best = best_rate(ladder)
                        .map_err(|no| told(no, LawOf::LearningRate, &name, ladder))?;
                    Some(best.loss)
                }
                false => {
                    let shared = points(ladder).into_iter().filter(|p| shared(p.setting.to_bits()));
                    shared.map(|point| point.loss).min_by(f64::total_cmp)
                }
            };
            losses.insert((*batch as f64).to_bits(), vec![loss]);
        }
        let best = minimum(&points(&losses))
            .map_err(|no| told(no, LawOf::Batch, &group.name(), &losses))?;
        found.push(group.found(best.setting, best.setting));
    }
    Ok(found)
}

/// A ladder without a minimum, by name, and what to train.
fn told(no: NoMinimum, of: LawOf, name: &str, ladder: &Ladder) -> NoLaw {
    let (what, show): (_, fn(f64) -> String) = match of {
        LawOf::LearningRate => ("rate", |x| format!("{x:.2e}")),
        LawOf::Batch => ("batch", |x| format!("{x:.0} tokens")),
    };
    let points: Vec<f64> = points(ladder).iter().map(|point| point.setting).collect();
    let key = multipliers(of);
    let extend = |low: bool, x: f64, factor: f64| {
        let end = if low { "lowest" } else { "highest" };
        NoLaw::new(
            format!("the best {what} of {name} is the {end} of its ladder, {}", show(x)),
            format!(
                "train {} there too: add the {end} of `grid.{key}` times {factor:.2} to them in the calibration, and run it with `--extend`{}",
                show(x * factor),
                if of == LawOf::Batch && low {
                    "; a batch of less than one sequence needs a shorter `model.context`"
                } else {
                    ""
                }
            ),
        )
    };
    match (no, points.as_slice()) {
        (NoMinimum::AtLowEnd, [lowest, next, ..]) => extend(true, *lowest, lowest / next),
        (NoMinimum::AtHighEnd, [.., before, highest]) => {
            // Where the next one diverged, the minimum is between the two.
            let above = ladder.keys().map(|bits| f64::from_bits(*bits)).find(|x| x > highest);
            let factor = above.map_or(highest / before, |diverged| (diverged / highest).sqrt());
            extend(false, *highest, factor)
        }
        (NoMinimum::Scattered, _) => NoLaw::new(
            format!(
                "the losses of {name} have no minimum along their ladder of {what}s but their scatter"
            ),
            "train several `seeds`: their mean is taken".to_owned(),
        ),
        _ => NoLaw::new(
            format!(
                "{name} has finished with {} of the {POINTS} {what}s that a minimum takes",
                points.len()
            ),
            format!(
                "give `grid.{key}` at least {POINTS} values, of which none diverges, and run the calibration with `--extend`"
            ),
        ),
    }
}

/// Finished and diverged runs by shape and length.
fn groups(contents: &Contents) -> Vec<Group> {
    let current = contents.current();
    let mut results: Vec<_> = current.values().map(|record| &record.result).collect();
    let place = |cell: &isoflop_plan::Cell| (cell.shape, cell.budget_flops.map(f64::to_bits));
    results.sort_by_key(|result| (place(&result.cell), result.tokens));
    let mut groups: Vec<Group> = Vec::new();
    for result in results {
        let (cell, tokens) = (&result.cell, result.tokens as f64);
        let loss = match result.status {
            Status::Finished => result.valid.map(|valid| valid.loss_nats).filter(|l| l.is_finite()),
            Status::Diverged { .. } => None,
            Status::Failed { .. } => continue,
        };
        let same = groups.last_mut().filter(|group| {
            (group.shape, group.budget.map(f64::to_bits)) == place(cell)
                && tokens / group.tokens < SAME_LENGTH
        });
        let group = match same {
            Some(group) => group,
            None => {
                let (shape, budget) = (cell.shape, cell.budget_flops);
                groups.push(Group { shape, budget, tokens, ladders: BTreeMap::new() });
                groups.last_mut().expect("it was pushed")
            }
        };
        let ladder = group.ladders.entry(cell.batch_tokens()).or_default();
        ladder.entry(cell.hyper.learning_rate.to_bits()).or_default().push(loss);
    }
    groups
}
