//! What is printed where it is asked for: profiles, posterior, effects, next runs.

use isoflop_fit::Estimate;
use isoflop_fit::bayes::Posterior;
use isoflop_fit::effects::{Effect, EffectAnswer};
use isoflop_fit::study::Answer;
use isoflop_report::number::{estimate, fixed, percent, scientific, significant};
use isoflop_report::table::Table;

use super::super::Fitted;
use super::{L, R, level_of, refusal, titled};

pub fn profiles(f: &Fitted) -> Table {
    use isoflop_fit::intervals::{ProfileEnd, Target};
    let mut t = Table::new(
        format!("Profile likelihood, {} intervals", level_of(&f.study)),
        [("quantity", L), ("point", R), ("from", R), ("to", R), ("", L)],
    );
    for p in &f.profiles {
        let p = match p {
            Answer::Given(p) => p,
            Answer::Refused(why) => {
                let why = refusal(&mut t, &why.to_string());
                t.row(["refused".into(), "-".into(), "-".into(), "-".into(), why]);
                continue;
            }
        };
        let name = match &p.target {
            Target::Parameter { name } => name.clone(),
            Target::Exponent => "a".into(),
            Target::Params { flops } => format!("N* at {}", scientific(*flops, 3)),
        };
        let end = |v: Option<f64>, end: ProfileEnd| match (v, end) {
            (Some(v), _) => significant(v, 4),
            (None, ProfileEnd::Bound) => "open".into(),
            (None, _) => "not reached".into(),
        };
        let (lo, hi) = (end(p.lo, p.ends[0]), end(p.hi, p.ends[1]));
        t.row([name, significant(p.point, 4), lo, hi, String::new()]);
    }
    if f.profiles.iter().any(|p| p.given().is_some()) {
        t.notes.push("Runs are taken as independent; open ends lie at a parameter's bound.".into());
    }
    t
}

pub fn posterior(f: &Fitted) -> Table {
    let mut t = Table::new(
        format!("Posterior (NUTS), with {} intervals", level_of(&f.study)),
        [("quantity", L), ("median", R), ("R-hat", R), ("effective draws", R)],
    );
    match &f.posterior {
        Some(Answer::Given(p)) => {
            for m in &p.marginals {
                let n = fixed(m.effective, 0);
                t.row([m.name.clone(), estimate(&m.estimate), fixed(m.r_hat, 4), n]);
            }
            t.notes.push(format!("{} draws, {} divergent.", p.draws, p.divergent).into());
            t.notes.push(format!("{}.", Posterior::MODEL).into());
            t.notes.push(format!("Prior: {}.", p.options.prior.describe()).into());
            t.notes.extend(f.prior_basis.as_deref().map(Into::into));
        }
        Some(Answer::Refused(why)) => {
            let why = refusal(&mut t, &why.to_string());
            t.row(["refused".to_string(), why]);
        }
        None => {}
    }
    t
}

pub fn effects(f: &Fitted) -> Table {
    let elasticity = |e: &Effect| match &e.answer {
        EffectAnswer::Elasticity { estimate, .. } => Some(*estimate),
        _ => None,
    };
    let given = f.effects.as_ref().and_then(Answer::given);
    let elasticities: Vec<Estimate> =
        given.into_iter().flat_map(|e| &e.effects).filter_map(elasticity).collect();
    let mut t = Table::new(
        titled(
            "Effects: d ln L / d ln factor at the centre, the others fixed",
            &f.study,
            elasticities.iter(),
        ),
        [("factor", L), ("elasticity", R), ("best at", R), ("", L)],
    );
    match &f.effects {
        Some(Answer::Given(e)) => {
            t.notes.extend(e.no_interval.as_deref().map(Into::into));
            for e in &e.effects {
                let (value, best, why) = match &e.answer {
                    EffectAnswer::Elasticity { estimate: e, optimum, .. } => (
                        estimate(e),
                        optimum.map_or_else(|| "-".into(), |o| significant(o, 3)),
                        String::new(),
                    ),
                    EffectAnswer::Constant => ("-".into(), "-".into(), "never varies".into()),
                    EffectAnswer::Missing { runs } => {
                        ("-".into(), "-".into(), format!("missing in {runs} runs"))
                    }
                    EffectAnswer::Confounded { with, explained } => (
                        "refused".into(),
                        "-".into(),
                        format!(
                            "the design moves it together with {} ({} explained)",
                            if with.is_empty() { "the others".into() } else { with.join(", ") },
                            percent(*explained, 1, false)
                        ),
                    ),
                };
                t.row([e.factor.clone(), value, best, why]);
            }
        }
        Some(Answer::Refused(why)) => {
            let why = refusal(&mut t, &why.to_string());
            t.row(["refused".into(), String::new(), String::new(), why]);
        }
        None => {}
    }
    t
}

pub fn next_runs(f: &Fitted) -> Table {
    let mut t = Table::new(
        "Next runs, by what they take off the exponent's variance per FLOP",
        [("N", R), ("D", R), ("C", R), ("standard error of a", R), ("worth", R)],
    );
    match &f.next_runs {
        Some(Answer::Given(runs)) => {
            for r in runs {
                t.row([
                    scientific(r.params, 3),
                    scientific(r.tokens, 3),
                    scientific(r.flops, 3),
                    format!("{} to {}", significant(r.before, 3), significant(r.after, 3)),
                    percent(r.worth, 0, false),
                ]);
            }
        }
        Some(Answer::Refused(why)) => {
            let why = refusal(&mut t, &why.to_string());
            t.row(["refused".to_string(), why]);
        }
        None => {}
    }
    t
}

/// The proposed runs as cells that can be trained.
pub fn trainable(f: &Fitted) -> Table {
    let mut t = Table::new(
        "The nearest cells that this study's family and data allow",
        [("width", R), ("N", R), ("D", R), ("C", R), ("seed", R), ("what for", L)],
    );
    let Some(trainable) = &f.trainable else { return t };
    for cell in &trainable.cells {
        t.row([
            cell.width.to_string(),
            scientific(cell.params, 3),
            scientific(cell.tokens, 3),
            scientific(cell.flops, 3),
            cell.seed.to_string(),
            if cell.repeats { "repeats a run near a minimum" } else { "narrows the exponent" }
                .into(),
        ]);
    }
    t
}

/// The lines that ask for them.
pub fn trainable_toml(f: &Fitted) -> String {
    match &f.trainable {
        Some(trainable) if !trainable.cells.is_empty() => format!(
            "\nTo train them, copy the study's configuration, put these lines in the place of its [grid], give it another\nstudy.name, run it, and fit both folders together:\n\n{}",
            trainable.toml
        ),
        _ => String::new(),
    }
}
