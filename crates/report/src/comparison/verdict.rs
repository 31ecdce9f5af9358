//! The answer in a sentence, and the numbers to remember.

use isoflop_compare::gain::{Gain, GainVerdict};
use isoflop_compare::{Comparison, Losses, MarginSource, Mode, Verdict, Versus};
use isoflop_fit::Estimate;

use crate::chart::Rich;
use crate::document::Card;
use crate::number;

pub(super) fn sentence(comparison: &Comparison) -> Rich {
    let sentences: Vec<String> = comparison.versus.iter().map(|v| of(comparison, v)).collect();
    sentences.join(" ").into()
}

fn of(comparison: &Comparison, versus: &Versus) -> String {
    let (first, second) = (&comparison.sides[0], &comparison.sides[versus.side]);
    match (versus.mode, &versus.gain, &versus.losses) {
        (Mode::Recipes, Some(gain), _) => recipe(first, second, gain),
        (_, _, Some(losses)) => machines(first, second, losses),
        (Mode::Recipes, None, None) => {
            let why = versus.no_gain.as_deref().unwrap_or("there are no losses");
            format!("{second} cannot be held against {first}: {why}.")
        }
        (Mode::Machines, _, None) => format!("No cell finished on both {first} and {second}."),
    }
}

fn machines(first: &str, second: &str, losses: &Losses) -> String {
    let pairs = isoflop_text::counted(losses.pairs, "pair");
    let mean = shares(&losses.log_ratio);
    let margin = number::percent(losses.margin.log.exp_m1(), 2, false);
    let source = margin_words(losses.margin.source);
    let verdict = match losses.verdict {
        Verdict::Identical => {
            return format!(
                "{second} and {first} have the same losses to the last bit, in {pairs}."
            );
        }
        Verdict::Equal => format!("have equal losses within ±{margin} ({source})"),
        Verdict::DifferentWithinMargin => {
            format!("have different losses, though by less than {margin} ({source})")
        }
        Verdict::Different => "have different losses".into(),
        Verdict::Undecided => format!(
            "have losses of which {pairs} cannot tell whether they agree within ±{margin} ({source})"
        ),
    };
    let more = losses.more.map_or_else(String::new, |more| {
        let seeds = isoflop_text::counted(more.seeds, "more seed");
        format!(" About {seeds} of every cell would settle it.")
    });
    format!(
        "{second} and {first} {verdict}: the second's lie {mean} off in the mean of {pairs}.{more}"
    )
}

fn recipe(first: &str, second: &str, gain: &Gain) -> String {
    let times = number::estimate(&gain.pooled);
    match gain.verdict {
        GainVerdict::Gain => {
            format!("{first} needs {times} times the compute for what {second} reaches.")
        }
        GainVerdict::Loss => {
            format!("{second} is worse: {first} needs only {times} times its compute.")
        }
        GainVerdict::None => format!(
            "No gain of {second} over {first} is seen: {times} in compute, where {first} against itself would show up to ×{}.",
            number::significant(gain.floor, 3)
        ),
    }
}

/// `+0.12% [-0.30%, +0.54%]` of a difference of logarithms.
pub(super) fn shares(log: &Estimate) -> String {
    let percent = |x: f64| number::percent(x.exp_m1(), 2, true);
    match log.interval {
        Some(i) => format!("{} [{}, {}]", percent(log.point), percent(i.lo), percent(i.hi)),
        None => percent(log.point),
    }
}

pub(super) fn margin_words(source: MarginSource) -> String {
    match source {
        MarginSource::Given => "as asked for".into(),
        MarginSource::Seeds { cells } => {
            format!("the noise between seeds, of {}", isoflop_text::counted(cells, "cell"))
        }
        MarginSource::Residuals => {
            "the scatter of runs about their slices, since no cell has two seeds".into()
        }
        MarginSource::Assumed => "assumed, since nothing measures the noise".into(),
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Identical => "identical",
        Verdict::Equal => "equal",
        Verdict::DifferentWithinMargin => "different, within the margin",
        Verdict::Different => "different",
        Verdict::Undecided => "not enough to tell",
    }
}

pub(super) fn cards(comparison: &Comparison) -> Vec<Card> {
    let mut cards = Vec::new();
    let mut push =
        |label: String, value: String, interval: Option<String>, note: Option<String>| {
            cards.push(Card {
                label: label.into(),
                value: value.into(),
                interval: interval.map(Into::into),
                note: note.map(Into::into),
            });
        };
    for versus in &comparison.versus {
        let second = &comparison.sides[versus.side];
        if let Some(losses) = versus.losses.as_ref().filter(|_| versus.mode == Mode::Machines) {
            let note = format!(
                "{} in the mean of {}",
                shares(&losses.log_ratio),
                isoflop_text::counted(losses.pairs, "pair")
            );
            push(format!("Losses of {second}"), word(losses.verdict).into(), None, Some(note));
        }
        if let Some(gain) = &versus.gain {
            let interval = gain.pooled.interval.map(|i| {
                format!("[{}, {}]", number::significant(i.lo, 3), number::significant(i.hi, 3))
            });
            let floor = format!("floor ×{}", number::significant(gain.floor, 3));
            push(
                format!("Compute-equivalent gain of {second}"),
                format!("×{}", number::significant(gain.pooled.point, 3)),
                interval,
                Some(floor),
            );
        }
    }
    for (k, time) in comparison.times.iter().enumerate() {
        let Some(time) = time else { continue };
        let share = time
            .trained_share()
            .map(|share| format!("trained {} of it", number::percent(share, 0, false)));
        let seconds = time.wall_seconds.unwrap_or(time.train_seconds + time.eval_seconds);
        push(
            format!("Whole study, {}", comparison.sides[k]),
            number::duration(seconds),
            None,
            share,
        );
    }
    cards
}
