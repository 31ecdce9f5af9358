//! Plain lines at intervals, for logs and pipes.

use std::time::{Duration, Instant};

use isoflop_report::number;

use crate::print;
use isoflop::{Observer, Overall, Share, Update, cell_label};
use isoflop_ledger::Record;

/// Least time between two lines that only tell how far things are.
const INTERVAL: Duration = Duration::from_secs(10);

/// Parts of a part below this share of the whole are left out of the line.
const LEAST_PART: f64 = 0.0005;

/// Writes lines that stay true after they have scrolled by.
#[derive(Default)]
pub struct Plain {
    last: Option<Instant>,
}

impl Observer for Plain {
    fn tell(&mut self, update: &Update) {
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
            format!("{stack}: compiling its kernels, then its first step")
        }
        Update::Prepared
        | Update::Tested
        | Update::StackBegun { .. }
        | Update::StackReady { .. }
        | Update::StackEnded { .. } => return None,
        Update::Started { overall, stacks, .. } => {
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
        Update::Step {
            stack, step, steps, smoothed_loss_nats, tokens_per_second, overall, ..
        } => format!(
            "{} | {stack}: step {step}/{steps}, loss {}, {} tokens/s",
            how_far(overall),
            losses(smoothed_loss_nats),
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
            format!("time: {}, of it {}", number::duration(*seconds), shares(parts, *seconds))
        }
    })
}

/// `steps 90.1%, rest of training 9.9% (checkpoints 9.9%)`, of so many seconds. Parts of parts only where one shows.
fn shares(parts: &[Share], seconds: f64) -> String {
    let percent = |share: &Share| number::percent(share.seconds / seconds, 1, false);
    let shows = |share: &&Share| share.seconds / seconds >= LEAST_PART;
    let part = |share: &Share| {
        let inner: Vec<String> = share
            .of_it
            .iter()
            .filter(shows)
            .map(|inner| format!("{} {}", inner.part, percent(inner)))
            .collect();
        let inner = match &inner[..] {
            [] => String::new(),
            all => format!(" ({})", all.join(", ")),
        };
        format!("{} {}{inner}", share.part, percent(share))
    };
    parts.iter().map(part).collect::<Vec<_>>().join(", ")
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

/// The end of a cell in few words, without how far the sweep is: for a line of 80 columns.
pub fn short_cell(record: &Record) -> String {
    let (cell, result) = (&record.result.cell, &record.result);
    let label = format!(
        "{}, {} tokens, {:.1e}, seed {}",
        cell.shape,
        number::count(cell.tokens() as f64, 3),
        cell.hyper.learning_rate,
        cell.seed
    );
    let nats = result.valid.map(|valid| format!("{:.4} nats", valid.loss_nats));
    let bits = result.valid.and_then(|valid| valid.bits_per_byte);
    let bits = bits.map(|loss| format!("{loss:.3} bits/byte"));
    let status = nats.is_none().then(|| result.status.word().to_owned());
    let time = number::duration(record.run.train_seconds);
    let parts = [status, result.status.reason(), nats, bits, Some(time)];
    format!("{label}: {}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// The end of a cell, without how far the sweep is.
pub fn cell(update: &Update) -> Option<String> {
    let Update::Cell { record, .. } = update else { return None };
    let result = &record.result;
    let nats = result.valid.map(|valid| format!("{:.4} nats/token", valid.loss_nats));
    let bits = result.valid.and_then(|valid| valid.bits_per_byte);
    let bits = bits.map(|loss| format!("{loss:.4} bits/byte"));
    let time = number::duration(record.run.train_seconds);
    let status = result.status.word().to_owned();
    let parts = [Some(status), result.status.reason(), nats, bits, Some(time)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    Some(format!("cell {} {}: {}", record.id(), cell_label(&result.cell), parts.join(", ")))
}

/// A loss, or the range of the losses of a stack: `3.412`, `3.39-3.52`.
pub fn losses(values: &[f64]) -> String {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    match values {
        // Nothing has come back from the device yet.
        _ if values.iter().all(|value| value.is_nan()) => "-".to_owned(),
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
    use isoflop::StackName;
    use isoflop_ledger::{RunInfo, RunResult, Status, Valid};
    use isoflop_plan::{Cell, Family, Hyper, Precision, Shape};

    const OVERALL: Overall = Overall {
        done_flops: 1.29e12,
        total_flops: 1e13,
        done_cells: 3,
        total_cells: 24,
        seconds: 30.0,
        seconds_left: Some(200.0),
    };

    #[test]
    fn lines() {
        let step = Update::Step {
            stack: StackName { id: "ab", label: "L2 d64 h2 x2", device: None },
            step: 120,
            steps: 400,
            loss_nats: &[3.1, 3.9],
            smoothed_loss_nats: &[3.39, 3.52],
            done_flops: 0.3e12,
            tokens_per_second: 51_234.0,
            overall: OVERALL,
        };
        assert_eq!(
            line(&step).unwrap(),
            " 12%  3/24 cells, 3 min 20 s left | L2 d64 h2 x2: step 120/400, loss 3.39-3.52, 51.2k tokens/s"
        );
        let (family, heads, hidden, vocab, context) = (Family::Llama, 2, 176, 256, 64);
        let shape = Shape { family, depth: 2, width: 64, heads, hidden, vocab, context };
        let cell = Cell::new(None, shape, 100, Hyper::for_timing(8, Precision::F32), 3, "");
        let status = Status::Diverged { step: 7, reason: "the loss is NaN".into() };
        let run = RunInfo { train_seconds: 12.0, ..RunInfo::default() };
        let record = Record::new(RunResult::new("", "", cell.clone(), status), run);
        let overall = Overall { seconds_left: None, ..OVERALL };
        assert_eq!(
            line(&Update::Cell { record: &record, overall }).unwrap(),
            format!(
                " 12%  3/24 cells, time left unknown | cell {} {}: diverged, step 7: the loss is NaN, 12.0 s",
                cell.id,
                cell_label(&cell)
            )
        );
        assert_eq!(
            short_cell(&record),
            format!(
                "L2 d64 h2, 51.2k tokens, {:.1e}, seed 3: diverged, step 7: the loss is NaN, 12.0 s",
                cell.hyper.learning_rate
            )
        );
        let mut finished = record.clone();
        finished.result.status = Status::Finished;
        finished.result.valid = Some(Valid {
            loss_nats: 2.5,
            bits_per_byte: Some(3.6067),
            tokens: 1,
            true_loss_nats: None,
        });
        let line = short_cell(&finished);
        assert!(line.ends_with(": 2.5000 nats, 3.607 bits/byte, 12.0 s"), "{line}");
        assert!(line.len() <= 80, "{line}");
        assert!(
            cell_label(&cell).starts_with("L2 d64 h2, 51.2k tokens, rate "),
            "{}",
            cell_label(&cell)
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
            .map(|(part, seconds)| Share::new(part, seconds));
        assert_eq!(
            line(&Update::Spent { seconds: 200.0, parts: &parts }).unwrap(),
            "time: 3 min 20 s, of it data 0.0%, steps 93.5%, report 0.5%"
        );
        let of_it = vec![Share::new("checkpoints", 12.0), Share::new("records", 0.01)];
        let parts = [Share::new("steps", 188.0), Share { of_it, ..Share::new("rest", 12.0) }];
        assert_eq!(
            line(&Update::Spent { seconds: 200.0, parts: &parts }).unwrap(),
            "time: 3 min 20 s, of it steps 94.0%, rest 6.0% (checkpoints 6.0%)"
        );
    }

    #[test]
    fn losses_of_a_stack() {
        assert_eq!(losses(&[]), "-");
        assert_eq!(losses(&[f64::NAN, f64::NAN]), "-");
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
