//! Moving bars on a terminal: one in FLOPs for the sweep, a line for each place at which stacks train. A line stays where it is
//! while one stack follows another, and fits the terminal: what is cut is the name of a stack, never a number.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use isoflop_report::number;

use super::plain;
use crate::print;
use isoflop::{Observer, Overall, StackName, Update};

/// FLOPs overflow 64 bits, so the bar counts millionths of the whole.
const UNITS: u64 = 1_000_000;

/// A running stack: its name as far as there is room, and what it does at the right.
const STACK: &str = "{spinner} {wide_msg}  {prefix}";

/// The same while its kernels are compiled.
const COMPILING: &str = "{spinner} {wide_msg}  {prefix}, {elapsed}";

/// Bars on stderr.
pub struct Bars {
    all: MultiProgress,
    sweep: Option<ProgressBar>,
    data: Option<(String, ProgressBar)>,
    test: Option<ProgressBar>,
    /// A line for each place at which stacks train, with the id of the stack that has it.
    places: Vec<(Option<String>, ProgressBar)>,
}

impl Default for Bars {
    fn default() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        Self { all, sweep: None, data: None, test: None, places: Vec::new() }
    }
}

impl Observer for Bars {
    fn tell(&mut self, update: &Update) {
        match update {
            Update::Preparing { stage, done_bytes, total_bytes } => {
                self.prepare(stage, *done_bytes, *total_bytes);
            }
            Update::Prepared => self.end_data(),
            Update::Testing { operation, precision, done, total, seconds } => {
                let bar = self.test.get_or_insert_with(|| {
                    let bar = self.all.add(
                        ProgressBar::new(0)
                            .with_style(style("{bar:32} self-test {pos}/{len}, {elapsed}{msg}")),
                    );
                    bar.enable_steady_tick(Duration::from_millis(500));
                    bar
                });
                bar.set_length(*total as u64);
                bar.set_position(*done as u64);
                let left = plain::left_of_test(*done, *total, *seconds);
                bar.set_message(format!("{left}; {operation}, {precision}"));
            }
            Update::Tested => self.end_test(),
            Update::Compiling { stack } => {
                let bar = self.place(stack);
                bar.set_style(style(COMPILING));
                bar.reset_elapsed();
                bar.set_prefix("compiling the kernels of its first step");
            }
            Update::Started { overall, .. } => {
                self.say(update);
                let bar = ProgressBar::new(UNITS).with_style(style("{wide_bar} {msg}"));
                let bar = self.all.add(bar);
                bar.enable_steady_tick(Duration::from_millis(500));
                self.sweep = Some(bar);
                self.sweep_to(overall);
            }
            Update::StackBegun { stack, overall } => {
                let bar = self.place(stack);
                bar.set_style(style(STACK));
                bar.set_prefix("");
                self.sweep_to(overall);
            }
            Update::StackReady { overall, .. } => self.sweep_to(overall),
            Update::Step {
                stack,
                step,
                steps,
                smoothed_loss_nats,
                tokens_per_second,
                overall,
                ..
            } => {
                let bar = self.place(stack);
                bar.set_style(style(STACK));
                bar.set_prefix(format!(
                    "step {step}/{steps}  loss {}  {} tokens/s",
                    plain::losses(smoothed_loss_nats),
                    number::count(*tokens_per_second, 3)
                ));
                self.sweep_to(overall);
            }
            Update::Cell { record, overall } => {
                self.print(&plain::short_cell(record));
                self.sweep_to(overall);
            }
            Update::StackEnded { stack, overall, .. } => {
                if let Some((id, _)) =
                    self.places.iter_mut().find(|(id, _)| id.as_deref() == Some(stack.id))
                {
                    *id = None;
                }
                self.sweep_to(overall);
            }
            Update::Stopped { .. } => {
                self.clear();
                self.say(update);
            }
            Update::Note { .. } | Update::Warning { .. } | Update::Spent { .. } => self.say(update),
        }
    }

    fn clear(&mut self) {
        self.end_data();
        self.end_test();
        let places = std::mem::take(&mut self.places).into_iter().map(|(_, bar)| bar);
        for bar in places.chain(self.sweep.take()) {
            bar.finish_and_clear();
        }
    }
}

impl Bars {
    fn say(&self, update: &Update) {
        if let Some(line) = plain::line(update) {
            self.print(&line);
        }
    }

    fn print(&self, line: &str) {
        self.all.suspend(|| print::say(line));
    }

    fn prepare(&mut self, stage: &str, done_bytes: u64, total_bytes: Option<u64>) {
        if self.data.as_ref().is_none_or(|(known, _)| known != stage) {
            self.end_data();
            let bar = match total_bytes {
                Some(total) => ProgressBar::new(total).with_style(style(
                    "{bar:32} {msg} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec}",
                )),
                None => ProgressBar::no_length()
                    .with_style(style("{spinner} {msg} {binary_bytes} {binary_bytes_per_sec}")),
            };
            let bar = self.all.add(bar.with_message(format!("data: {stage}")));
            self.data = Some((stage.to_owned(), bar));
        }
        if let Some((_, bar)) = &self.data {
            bar.set_position(done_bytes);
        }
    }

    fn end_data(&mut self) {
        if let Some((_, bar)) = self.data.take() {
            bar.finish_and_clear();
        }
    }

    fn end_test(&mut self) {
        if let Some(bar) = self.test.take() {
            bar.finish_and_clear();
        }
    }

    /// The line of a stack: the one it has, else one that is free, else a new one.
    fn place(&mut self, stack: &StackName) -> ProgressBar {
        if let Some((_, bar)) = self.places.iter().find(|(id, _)| id.as_deref() == Some(stack.id)) {
            return bar.clone();
        }
        let bar = match self.places.iter_mut().find(|(id, _)| id.is_none()) {
            Some((id, bar)) => {
                *id = Some(stack.id.to_owned());
                bar.clone()
            }
            None => {
                let bar = ProgressBar::no_length().with_style(style(STACK));
                let bar = match &self.sweep {
                    Some(sweep) => self.all.insert_before(sweep, bar),
                    None => self.all.add(bar),
                };
                bar.enable_steady_tick(Duration::from_millis(500));
                self.places.push((Some(stack.id.to_owned()), bar.clone()));
                bar
            }
        };
        bar.set_message(stack.label.to_owned());
        bar
    }

    fn sweep_to(&self, overall: &Overall) {
        if let Some(bar) = &self.sweep {
            bar.set_position((overall.fraction() * UNITS as f64) as u64);
            bar.set_message(format!(
                "{}  ({} FLOPs)",
                plain::how_far(overall).trim_start(),
                number::scientific(overall.total_flops, 3)
            ));
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates of this file are sound")
}
