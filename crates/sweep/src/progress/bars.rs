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
    places: Vec<Place>,
}

/// A line for a place at which stacks train.
struct Place {
    /// The id of the stack that has it.
    stack: Option<String>,
    /// Where several devices train, the short name of its own.
    device: Option<String>,
    bar: ProgressBar,
}

impl Default for Bars {
    fn default() -> Self {
        Self::on(ProgressDrawTarget::stderr_with_hz(10))
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
                            .with_style(style("{wide_bar} self-test {pos}/{len}, {elapsed}{msg}")),
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
                if let Some(place) =
                    self.places.iter_mut().find(|place| place.stack.as_deref() == Some(stack.id))
                {
                    place.stack = None;
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
        let places = std::mem::take(&mut self.places).into_iter().map(|place| place.bar);
        for bar in places.chain(self.sweep.take()) {
            bar.finish_and_clear();
        }
    }
}

impl Bars {
    fn on(target: ProgressDrawTarget) -> Self {
        let all = MultiProgress::with_draw_target(target);
        Self { all, sweep: None, data: None, test: None, places: Vec::new() }
    }

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
                    "{wide_bar} {msg} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec}",
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
        let device = stack.device;
        if let Some(place) =
            self.places.iter().find(|place| place.stack.as_deref() == Some(stack.id))
        {
            return place.bar.clone();
        }
        let free = |place: &&mut Place| place.stack.is_none() && place.device.as_deref() == device;
        let bar = match self.places.iter_mut().find(free) {
            Some(place) => {
                place.stack = Some(stack.id.to_owned());
                place.bar.clone()
            }
            None => {
                let bar = ProgressBar::no_length().with_style(style(STACK));
                // Lines of one device stand together.
                let of_device = self.places.iter().rfind(|place| place.device.as_deref() == device);
                let bar = match (of_device, &self.sweep) {
                    (Some(place), _) => self.all.insert_after(&place.bar, bar),
                    (None, Some(sweep)) => self.all.insert_before(sweep, bar),
                    (None, None) => self.all.add(bar),
                };
                bar.enable_steady_tick(Duration::from_millis(500));
                self.places.push(Place {
                    stack: Some(stack.id.to_owned()),
                    device: device.map(str::to_owned),
                    bar: bar.clone(),
                });
                bar
            }
        };
        bar.set_message(stack.to_string());
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

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;

    /// Keeps what is written to a terminal of so many columns.
    #[derive(Debug, Clone)]
    struct Screen {
        columns: u16,
        written: Arc<Mutex<Vec<String>>>,
    }

    impl Screen {
        fn write(&self, text: &str) -> io::Result<()> {
            self.written.lock().unwrap().push(text.to_owned());
            Ok(())
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            self.columns
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.write(text)
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines that two stacks of a run leave on a terminal of so many columns, as last drawn.
    fn lines(columns: u16) -> Vec<String> {
        let screen = Screen { columns, written: Arc::default() };
        let mut bars = Bars::on(ProgressDrawTarget::term_like(Box::new(screen.clone())));
        let overall = Overall {
            done_flops: 1.29e15,
            total_flops: 1e16,
            done_cells: 113,
            total_cells: 240,
            seconds: 3600.0,
            seconds_left: Some(86_000.0),
        };
        bars.tell(&Update::Started { overall, stacks: 2, workers: 2, work: &[] });
        for (id, label) in [("a", "L12 d1024 h16 x16 with a long name that goes on"), ("b", "L2")] {
            let stack = StackName { id, label, device: None };
            bars.tell(&Update::StackBegun { stack, overall });
            bars.tell(&Update::Step {
                stack,
                step: 123_456,
                steps: 400_000,
                loss_nats: &[3.1, 3.9],
                smoothed_loss_nats: &[3.39, 3.52],
                done_flops: 1e14,
                tokens_per_second: 51_234.0,
                overall,
            });
        }
        screen.written.lock().unwrap().clear();
        bars.tell(&Update::StackReady {
            stack: StackName { id: "b", label: "L2", device: None },
            step: 0,
            done_flops: 0.0,
            overall,
        });
        let written = screen.written.lock().unwrap();
        let drawn: Vec<&String> = written.iter().filter(|line| !line.trim().is_empty()).collect();
        // Spinners draw anew in between: the last of the frames that ended counts, and the bar of the sweep ends one.
        let end =
            drawn.iter().rposition(|line| line.contains(" cells, ")).expect("the bar of the sweep");
        drawn[end - 2..=end].iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lines_fit_the_terminal_and_cut_names_alone() {
        for columns in [80, 120] {
            let lines = lines(columns);
            assert!(lines.len() >= 3, "{lines:?}");
            for line in &lines {
                assert!(line.trim_end().chars().count() <= usize::from(columns), "{line}");
            }
            let stack = "step 123456/400000  loss 3.39-3.52  51.2k tokens/s";
            let numbers = lines.iter().filter(|line| line.trim_end().ends_with(stack)).count();
            assert_eq!(numbers, 2, "{lines:?}");
            let whole = "113/240 cells, 23 h 53 min left  (1e16 FLOPs)";
            assert!(lines.iter().any(|line| line.trim_end().ends_with(whole)), "{lines:?}");
        }
    }
}
