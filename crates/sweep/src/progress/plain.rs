//! Plain lines at intervals, for logs and pipes.

use std::time::{Duration, Instant};

use isoflop_report::number;

use super::screen::Screen;
use super::update::{Overall, Share, Update};
use crate::print;

/// Least time between two lines that only tell how far things are.
const INTERVAL: Duration = Duration::from_secs(10);

/// Writes lines that stay true after they have scrolled by.
#[derive(Default)]
pub struct Plain {
    last: Option<Instant>,
}

impl Screen for Plain {
    fn show(&mut self, update: &Update) {
        let only_tells_how_far = matches!(
            update,
            Update::Step { .. } | Update::Preparing { .. } | Update::Testing { .. }
        );
        if only_tells_how_far && self.last.is_some_and(|last| last.elapsed() < INTERVAL) {
            return;
        }
        if only_tells_how_far || matches!(update, Update::Started { .. }) {
            self.last = Some(Instant::now());
        }
        if let Some(line) = line(update) {
            print::say(&line);
        }
    }
}

/// An update as one line; `None` where a log needs none.
pub fn line(update: &Update) -> Option<String> {
    Some(match update {
        Update::Note { text } => (*text).to_owned(),
        Update::Warning { text } => format!("warning: {text}"),
        Update::Preparing { stage, done_bytes, total_bytes } => {
            let done = number::bytes(*done_bytes as f64);
            match total_bytes {
                Some(total) => {
                    format!("data: {stage}, {done} of {}", number::bytes(*total as f64))
                }
                None => format!("data: {stage}, {done}"),
            }
        }
        Update::Testing { operation, precision, done, total, seconds } => format!(
            "self-test: {done} of {total}, {}{}; {operation}, {precision}",
            number::duration(*seconds),
            left_of_test(*done, *total, *seconds)
        ),
        Update::Compiling { stack } => {
            format!("{}: compiling its kernels, then its first step", stack.label)
        }
        Update::Prepared | Update::Tested | Update::StackEnded { .. } => return None,
        Update::Started { overall, stacks } => {
            let done = match overall.done_cells {
                0 => String::new(),
                cells => format!(", of which {cells} cells are done"),
            };
            let time = match overall.seconds_left {
                Some(seconds) => format!("; about {}", number::duration(seconds)),
                None => String::new(),
            };
            format!(
                "training {} cells in {stacks} stacks, {} FLOPs{done}{time}",
                overall.total_cells,
                number::scientific(overall.total_flops, 3)
            )
        }
        Update::Step { stack, step, steps, loss_nats, tokens_per_second, overall } => format!(
            "{} | {}: step {step}/{steps}, loss {}, {} tokens/s",
            how_far(overall),
            stack.label,
            losses(loss_nats),
            number::count(*tokens_per_second, 3)
        ),
        Update::Cell { .. } => format!("{} | {}", how_far(overall(update)?), cell(update)?),
        Update::Stopped { overall, seconds } => format!(
            "{} of {} cells done, {} of training",
            overall.done_cells,
            overall.total_cells,
            number::duration(*seconds)
        ),
        Update::Spent { seconds, parts } => {
            let part = |share: &Share| {
                format!("{} {}", share.part, number::percent(share.seconds / seconds, 1, false))
            };
            let parts: Vec<String> = parts.iter().map(part).collect();
            format!("time: {}, of it {}", number::duration(*seconds), parts.join(", "))
        }
    })
}

/// `, about 20 s left`, once there is something to go by.
pub fn left_of_test(done: usize, total: usize, seconds: f64) -> String {
    match done {
        0..3 => String::new(),
        _ => {
            let left = seconds * total.saturating_sub(done) as f64 / done as f64;
            format!(", about {} left", number::duration(left))
        }
    }
}

/// The end of a cell, without how far the sweep is.
pub fn cell(update: &Update) -> Option<String> {
    let Update::Cell {
        id,
        label,
        status,
        reason,
        valid_loss_nats,
        valid_bits_per_byte,
        train_seconds,
        ..
    } = update
    else {
        return None;
    };
    let nats = valid_loss_nats.map(|loss| format!("{loss:.4} nats/token"));
    let bits = valid_bits_per_byte.map(|loss| format!("{loss:.4} bits/byte"));
    let reason = reason.map(str::to_owned);
    let parts =
        [Some((*status).to_owned()), reason, nats, bits, Some(number::duration(*train_seconds))];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    Some(format!("cell {id} {label}: {}", parts.join(", ")))
}

/// A loss, or the range of the losses of a stack: `3.412`, `3.39-3.52`.
pub fn losses(values: &[f64]) -> String {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    match values {
        [] => "-".to_owned(),
        [one] => format!("{one:.3}"),
        _ if values.iter().any(|value| !value.is_finite()) => "not finite".to_owned(),
        _ => format!("{low:.2}-{high:.2}"),
    }
}

/// ` 12%  3/24 cells, 41 s left`.
pub fn how_far(overall: &Overall) -> String {
    let left = match overall.seconds_left {
        Some(seconds) => format!("{} left", number::duration(seconds)),
        None => "time left unknown".to_owned(),
    };
    format!(
        "{:3.0}%  {}/{} cells, {left}",
        (100.0 * overall.fraction()).floor(),
        overall.done_cells,
        overall.total_cells
    )
}

fn overall<'a>(update: &'a Update) -> Option<&'a Overall> {
    match update {
        Update::Cell { overall, .. } => Some(overall),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::update::StackName;

    const OVERALL: Overall = Overall {
        done_flops: 1.29e12,
        total_flops: 1e13,
        done_cells: 3,
        total_cells: 24,
        seconds_left: Some(200.0),
    };

    #[test]
    fn lines() {
        let step = Update::Step {
            stack: StackName { id: "ab", label: "L2 d64 h2 x2" },
            step: 120,
            steps: 400,
            loss_nats: &[3.39, 3.52],
            tokens_per_second: 51_234.0,
            overall: OVERALL,
        };
        assert_eq!(
            line(&step).unwrap(),
            " 12%  3/24 cells, 3 min 20 s left | L2 d64 h2 x2: step 120/400, loss 3.39-3.52, 51.2k tokens/s"
        );
        let cell = Update::Cell {
            id: "00c0ffee",
            label: "L2 d64 h2, 1.20M tokens",
            status: "diverged",
            reason: Some("step 7: the loss is NaN"),
            valid_loss_nats: None,
            valid_bits_per_byte: None,
            train_seconds: 12.0,
            overall: Overall { seconds_left: None, ..OVERALL },
        };
        assert_eq!(
            line(&cell).unwrap(),
            " 12%  3/24 cells, time left unknown | cell 00c0ffee L2 d64 h2, 1.20M tokens: diverged, step 7: the loss is NaN, 12.0 s"
        );
    }

    #[test]
    fn a_test_tells_how_long_it_takes_once_it_can() {
        let at = |done, seconds| {
            let (operation, precision) = ("softmax", "f32");
            line(&Update::Testing { operation, precision, done, total: 40, seconds }).unwrap()
        };
        assert_eq!(at(0, 0.0), "self-test: 0 of 40, 0 ms; softmax, f32");
        assert_eq!(at(10, 20.0), "self-test: 10 of 40, 20.0 s, about 1 min left; softmax, f32");
    }

    #[test]
    fn where_the_time_went() {
        let parts = [("data", 0.0119), ("steps", 187.0), ("report", 0.9)]
            .map(|(part, seconds)| Share { part, seconds });
        assert_eq!(
            line(&Update::Spent { seconds: 200.0, parts: &parts }).unwrap(),
            "time: 3 min 20 s, of it data 0.0%, steps 93.5%, report 0.5%"
        );
    }

    #[test]
    fn losses_of_a_stack() {
        assert_eq!(losses(&[]), "-");
        assert_eq!(losses(&[3.4123]), "3.412");
        assert_eq!(losses(&[3.52, 3.389]), "3.39-3.52");
        assert_eq!(losses(&[3.52, f64::NAN]), "not finite");
    }

    #[test]
    fn never_a_hundred_per_cent_too_early() {
        let overall = Overall { done_flops: 0.9999e13, ..OVERALL };
        assert!(how_far(&overall).starts_with(" 99%"));
    }
}
