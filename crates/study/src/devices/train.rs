//! Training on several devices: who trains what, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use isoflop_ledger::{Append, CHECKPOINT_FOLDER, Ledger, now_utc};
use isoflop_plan::Stack;
use isoflop_record::{Attempt, Record, Status};

use super::Part;
use super::compare::Comparison;
use super::crew::{Crew, Gone, News};
use super::device::Device;
use super::message::{Order, Word, heard};
use super::pace::Pace;
use crate::error::StudyError;
use crate::events::{Ending, Reports, Steps, Training};
use crate::schedule::End;
use crate::stop::Stop;

/// A stack that ended this many processes is not tried again.
const MOST_DEATHS: usize = 2;

/// Between two looks at who is done when.
const EVERY: Duration = Duration::from_secs(1);

/// The training of a study on several devices.
pub(super) struct Work<'a, 'd, 'o> {
    pub crew: &'d mut Crew<'a>,
    pub ledger: &'d mut Ledger,
    pub training: Training<'o>,
    pub stacks: &'d [Stack],
    pub(super) part: &'d Part<'d>,
    /// Stacks that wait, the costliest first.
    pub(super) waiting: Vec<usize>,
    /// Stacks that train, with their device.
    pub(super) running: BTreeMap<usize, usize>,
    /// Of these, those whose weights are being built or that train.
    begun: BTreeSet<usize>,
    /// Stacks that ended processes in which they were alone, with the devices these were of.
    pub(super) fatal: BTreeMap<usize, Vec<usize>>,
    pub(super) paces: Vec<Pace>,
    /// Hashes of the devices' passports.
    pub(super) passports: Vec<String>,
    /// Cells that devices of each kind are compared by.
    pub(super) comparison: Comparison,
    /// Whether a device is expected to hold a stack.
    pub(super) holds: Vec<Vec<bool>>,
    /// Devices that were told that others are done sooner.
    pub(super) idle: Vec<bool>,
    /// Whether stacks may have to be given, and when that was looked at.
    pub(super) changed: bool,
    pub(super) looked: Instant,
}

impl<'a, 'd, 'o> Work<'a, 'd, 'o> {
    pub fn new(
        crew: &'d mut Crew<'a>,
        ledger: &'d mut Ledger,
        training: Training<'o>,
        stacks: &'d [Stack],
        part: &'d Part<'d>,
    ) -> Self {
        let open = |&index: &usize| !ledger.remaining(&stacks[index].cells).is_empty();
        let mut waiting: Vec<usize> = (0..stacks.len()).filter(open).collect();
        waiting.sort_by(|&a, &b| stacks[b].cost_flops().total_cmp(&stacks[a].cost_flops()));
        let paces = crew.devices.iter().map(Pace::of).collect();
        let idle = vec![false; crew.devices.len()];
        let passport = |device: &Device| device.ready.as_ref().map(|ready| ready.passport.hash());
        let passports = crew.devices.iter().map(|d| passport(d).unwrap_or_default()).collect();
        let holds = crew.devices.iter().map(|device| {
            let limits = device.opened.as_ref().map(|opened| opened.limits);
            stacks.iter().map(|stack| limits.is_none_or(|limits| limits.hold(stack))).collect()
        });
        let mut holds: Vec<Vec<bool>> = holds.collect();
        for stack in 0..stacks.len() {
            // What nobody is expected to hold, all may try.
            if holds.iter().all(|device| !device[stack]) {
                holds.iter_mut().for_each(|device| device[stack] = true);
            }
        }
        let (running, begun, fatal) = Default::default();
        Self {
            crew,
            ledger,
            training,
            stacks,
            part,
            waiting,
            running,
            begun,
            fatal,
            paces,
            passports,
            comparison: Comparison::default(),
            holds,
            idle,
            changed: true,
            looked: Instant::now(),
        }
    }

    /// Trains all that waits.
    ///
    /// # Errors
    /// What keeps the study from being done; devices that are gone do not, as long as there is another one.
    pub fn go(mut self, stop: &dyn Stop) -> Result<End, StudyError> {
        let (mut asked, mut failure) = (None, None);
        while self.crew.anyone() {
            if asked.is_none() && failure.is_none() {
                asked = stop.asked();
                if let Some(by) = &asked {
                    self.training.observer().note(format!(
                        "{by}: the devices write checkpoints, then leave (once more to leave at once)"
                    ));
                    self.stop_all();
                }
            }
            self.crew.tell_silence(self.training.observer());
            if let Some((index, word)) = self.crew.next_word()
                && let Err(error) = self.hear(index, word, asked.is_some() || failure.is_some())
                && failure.is_none()
            {
                // The others save what they have.
                self.stop_all();
                failure = Some(error);
            }
            if asked.is_none()
                && failure.is_none()
                && (self.changed || self.looked.elapsed() > EVERY)
            {
                self.hand_out();
            }
        }
        self.training.stopped();
        match (failure, asked) {
            (Some(error), _) => Err(error),
            (None, Some(by)) => Ok(End::Interrupted { by }),
            (None, None) => {
                let cells = self.stacks.iter().flat_map(|stack| &stack.cells);
                Ok(End::Completed { failed: self.ledger.remaining(cells).len() })
            }
        }
    }

    /// Those that train save and leave; those that are being opened have nothing to save.
    fn stop_all(&mut self) {
        self.dismiss_unready();
        self.crew.order_all(&Order::Stop);
    }

    /// Ends devices that have not come to train.
    pub(super) fn dismiss_unready(&mut self) {
        for index in 0..self.crew.devices.len() {
            if self.crew.devices[index].ready.is_none() {
                self.crew.dismiss(index);
            }
        }
    }

    fn hear(&mut self, index: usize, word: Option<Word>, stopping: bool) -> Result<(), StudyError> {
        let ready = matches!(word, Some(Word::Ready { .. }));
        let word = match self.crew.hear(index, word, self.training.observer()) {
            Err(error) => {
                self.crew.dismiss(index);
                return Err(error);
            }
            Ok(Some(News::Word(word))) => word,
            Ok(Some(News::Gone(gone))) => return self.gone(index, gone, stopping),
            Ok(None) if ready => return self.keep_passport(index),
            Ok(None) => return Ok(()),
        };
        let device = &mut self.crew.devices[index];
        match word {
            Word::Ask { .. } if stopping => device.order(&Order::NoMore),
            Word::Ask { places } => {
                device.places = places;
                device.free += 1;
                self.changed = true;
            }
            Word::Begun { stack } => {
                self.begun.insert(stack);
                self.training.put_on(stack, &device.id);
                self.training.begin_stack(stack);
            }
            Word::Compiling { stack } => self.training.compiling(stack),
            Word::At { stack, step } => {
                self.training.ready(stack, step);
                self.paces[index].start(stack, self.training.flops_left(stack));
            }
            Word::Step { stack, step, loss_nats, smoothed_loss_nats, tokens_per_second } => {
                self.training.step(
                    stack,
                    &Steps {
                        step,
                        loss_nats: &heard(&loss_nats),
                        smoothed_loss_nats: &heard(&smoothed_loss_nats),
                        tokens_per_second,
                    },
                );
                let left = self.training.flops_left(stack);
                self.paces[index].advance(&self.stacks[stack], stack, left);
                self.ledger.check()?;
            }
            Word::Record(record) => {
                let kept = self.keep(*record);
                self.crew.devices[index].order(&Order::Kept);
                kept?;
            }
            Word::Saving => {
                let checked = self.ledger.check();
                let folder = self.ledger.folder().join(CHECKPOINT_FOLDER);
                device.order(&Order::SaveIn(folder));
                checked?;
            }
            Word::Ended { stack, completed } => {
                self.changed = true;
                self.running.remove(&stack);
                self.begun.remove(&stack);
                let how = if completed { Ending::Completed } else { Ending::Interrupted };
                self.training.end_stack(stack, how);
                match completed {
                    true => device.lives(),
                    false => self.wait(stack),
                }
            }
            Word::Done => drop(self.crew.dismiss(index)),
            // Others are the crew's.
            _ => {}
        }
        Ok(())
    }

    /// A device that was opened anew has its passport from before, or one of its own.
    fn keep_passport(&mut self, index: usize) -> Result<(), StudyError> {
        let Some(ready) = &self.crew.devices[index].ready else { return Ok(()) };
        let hash = ready.passport.hash();
        if self.ledger.passport(&hash).is_none() {
            self.ledger.keep_passport(ready.passport.clone())?;
        }
        self.passports[index] = hash;
        Ok(())
    }

    /// A device ended: its stacks wait again, and another process is started for it unless it keeps ending.
    fn gone(&mut self, index: usize, gone: Gone, stopping: bool) -> Result<(), StudyError> {
        (self.changed, self.idle[index]) = (true, false);
        let Gone { words, trained, .. } = gone;
        let was_at: Vec<usize> =
            self.running.iter().filter(|(_, on)| **on == index).map(|(stack, _)| *stack).collect();
        let blamed = |stack: &&usize| self.begun.contains(*stack);
        let blamed: Vec<usize> = was_at.iter().filter(blamed).copied().collect();
        for &stack in &was_at {
            self.running.remove(&stack);
            if self.begun.remove(&stack) {
                self.training.end_stack(stack, Ending::Interrupted);
            }
            self.wait(stack);
        }
        let id = self.crew.devices[index].id.clone();
        if stopping || self.comparison.is_under_way() {
            self.comparison.without(index);
            let lost = if was_at.is_empty() {
                ""
            } else {
                "; what it was at is lost since the last checkpoint"
            };
            self.training.observer().warn(format!("{id}: {words}{lost}"));
            return Ok(());
        }
        // Of several that trained at once none is to blame more than another.
        if let [stack] = blamed[..] {
            self.fatal.entry(stack).or_default().push(index);
            if self.fatal[&stack].len() >= MOST_DEATHS {
                self.give_up(stack, &words)?;
            }
        }
        let again = trained && self.crew.devices[index].may_go_on();
        match again.then(|| self.crew.launch(index)) {
            Some(Ok(())) => self.training.observer().warn(format!(
                "{id}: {words}; it is opened again, and what it was at goes on from the last checkpoint"
            )),
            Some(Err(why)) => {
                let words = format!("{words}; {why}");
                self.crew.leave_out(index, &words, self.training.observer())?;
            }
            None => self.crew.leave_out(index, &words, self.training.observer())?,
        }
        Ok(())
    }

    /// Records what is left of a stack that ended one process after the other as failed.
    fn give_up(&mut self, index: usize, words: &str) -> Result<(), StudyError> {
        let stack = &self.stacks[index];
        self.waiting.retain(|&other| other != index);
        let on = self.fatal[&index].last().copied();
        // Where several devices ended at it, it was none of theirs to answer for.
        let devices: BTreeSet<usize> = self.fatal[&index].iter().copied().collect();
        let theirs = if devices.len() > 1 { 0 } else { 1 };
        for device in devices {
            let deaths = &mut self.crew.devices[device].deaths;
            *deaths = deaths.saturating_sub(1).max(theirs.min(*deaths));
        }
        let attempt = Attempt {
            study: self.part.config.study.name.clone(),
            data_sha256: self.part.corpus.sha256().to_owned(),
            passport: on.map(|on| self.passports[on].clone()).unwrap_or_default(),
            device_share: 1.0,
            started_utc: now_utc(),
            now: now_utc,
        };
        let left: Vec<_> = self.ledger.remaining(&stack.cells).into_iter().cloned().collect();
        for cell in &left {
            let error = format!("the process that trained it ended, {MOST_DEATHS} times: {words}");
            self.keep(attempt.record(stack, cell, Status::Failed { error }))?;
        }
        Ok(())
    }

    fn keep(&mut self, record: Record) -> Result<(), StudyError> {
        if self.comparison.is_under_way() {
            return Ok(self.ledger.append_repeat(record)?);
        }
        match self.ledger.append(record.clone())? {
            Append::Written => self.training.cell(&record),
            Append::AlreadyThere { .. } => {}
        }
        Ok(())
    }

    /// Puts a stack back among those that wait.
    fn wait(&mut self, stack: usize) {
        if self.ledger.remaining(&self.stacks[stack].cells).is_empty() {
            return;
        }
        let cost = |&index: &usize| self.stacks[index].cost_flops();
        let place = self.waiting.partition_point(|other| cost(other) > cost(&stack));
        self.waiting.insert(place, stack);
    }
}
