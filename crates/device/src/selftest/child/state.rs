//! What a self-test in other processes is at, and what comes next.
//!
//! A process tests the precisions that it is given, one after the other, and the driver may take it down in any of them. A half
//! precision in which that happens is tried again without matrix units, and refused if that fails as well; what was to come behind
//! it goes to another process.
//!
//! | at | the process | then |
//! | --- | --- | --- |
//! | between two precisions | says which the device has | these are to come |
//! | | begins one | it is tested |
//! | | cannot open the device | not opened |
//! | | ends | done; what was to come is refused, and without f32 the device |
//! | testing | has passed, or is wrong | between two precisions |
//! | | is wrong, as it failed with matrix units | superseded |
//! | | breaks down | broken down |
//! | testing, broken down | ends | another process tries it without matrix units, or the rest without it |
//! | superseded | ends | another process tests the rest, with matrix units |

use isoflop_plan::Precision;

use super::super::report::{Refusal, SelfTest, SelfTestFailure, Tested};
use super::{Answer, Exit};

/// A self-test, and what the process at work on it does.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Session {
    report: SelfTest,
    /// Precisions that are not begun.
    to_come: Vec<Precision>,
    matrix_units: MatrixUnits,
    at: At,
}

/// Whether a process may use matrix units.
#[derive(Debug, Clone, PartialEq)]
enum MatrixUnits {
    /// Nothing is known against them.
    Allowed,
    /// The report says why not.
    Avoided,
    /// The first precision is tried without them: with them it failed like this.
    AvoidedAfter(SelfTestFailure),
}

/// What a process does, by what it said last.
#[derive(Debug, Clone, PartialEq)]
enum At {
    /// It has begun no precision, or finished the one before.
    Between,
    Testing(Precision),
    /// The device broke down in this precision, and the process stops.
    BrokenDown(Precision, SelfTestFailure),
    /// The device could not be opened.
    NotOpened(SelfTestFailure),
    /// The precision that was tried again is wrong without matrix units too, so that nothing is known against them. The process
    /// goes on without; what else it says does not count.
    Superseded,
}

/// What follows on the end of a process.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Another one is needed.
    Process(Session),
    Done(SelfTest),
}

impl Session {
    /// Tests `asked` beside what is known.
    pub(super) fn new(known: SelfTest, asked: &[Precision]) -> Self {
        let matrix_units = match known.without_matrix_units {
            None => MatrixUnits::Allowed,
            Some(_) => MatrixUnits::Avoided,
        };
        Self { report: known, to_come: asked.to_vec(), matrix_units, at: At::Between }
    }

    /// What the next process is to test, and whether it may use matrix units.
    pub(super) fn task(&self) -> (&[Precision], bool) {
        (&self.to_come, self.matrix_units == MatrixUnits::Allowed)
    }

    /// Goes on by what the process says.
    ///
    /// # Errors
    /// If the device is wrong in f32.
    pub(super) fn hear(mut self, answer: Answer) -> Result<Self, SelfTestFailure> {
        let at = std::mem::replace(&mut self.at, At::Between);
        self.at = match (at, answer) {
            (At::Superseded, _) => At::Superseded,
            (at, Answer::Step { .. }) => at,
            (at, Answer::Has(precisions)) => {
                self.to_come = precisions;
                at
            }
            (_, Answer::Begins(precision)) => {
                self.to_come.retain(|&p| p != precision);
                At::Testing(precision)
            }
            (At::Testing(precision), Answer::Closed(failure)) => At::BrokenDown(precision, failure),
            (_, Answer::Closed(failure)) => At::NotOpened(failure),
            (_, Answer::Tested(tested)) => self.add(tested)?,
        };
        Ok(self)
    }

    /// Files what came of a precision.
    fn add(&mut self, mut tested: Tested) -> Result<At, SelfTestFailure> {
        let at = match &tested.result {
            Err(failure @ SelfTestFailure::Broken { .. }) => {
                return Ok(At::BrokenDown(tested.precision, failure.clone()));
            }
            Err(_) => match self.matrix_units {
                MatrixUnits::AvoidedAfter(_) => {
                    self.matrix_units = MatrixUnits::Allowed;
                    At::Superseded
                }
                _ => At::Between,
            },
            Ok(_) => {
                if let MatrixUnits::AvoidedAfter(failure) = &self.matrix_units {
                    tested.without_matrix_units.get_or_insert_with(|| failure.clone());
                }
                At::Between
            }
        };
        self.report.add(tested)?;
        if self.report.without_matrix_units.is_some() {
            self.matrix_units = MatrixUnits::Avoided;
        }
        Ok(at)
    }

    /// Decides what follows on the end of the process.
    ///
    /// # Errors
    /// If there is no verdict on f32, or the process broke down in it.
    pub(super) fn end(mut self, exit: &Exit) -> Result<Next, SelfTestFailure> {
        let (precision, failure) = match std::mem::replace(&mut self.at, At::Between) {
            At::Superseded => return Ok(self.go_on()),
            At::NotOpened(failure) => return self.stop(&failure),
            // Where nothing is to come, what happens on the way out is no matter.
            At::Between => return self.stop(&exit.failure()),
            At::Testing(precision) => (precision, exit.failure()),
            At::BrokenDown(precision, failure) => (precision, failure),
        };
        if precision == Precision::F32 {
            return Err(failure);
        }
        // One that hung would take as long again.
        if self.matrix_units == MatrixUnits::Allowed && !matches!(exit, Exit::Silent) {
            self.matrix_units = MatrixUnits::AvoidedAfter(failure);
            self.to_come.insert(0, precision);
        } else {
            self.report.refused.push(Refusal { precision, failure });
            if let MatrixUnits::AvoidedAfter(_) = self.matrix_units {
                self.matrix_units = MatrixUnits::Allowed;
            }
        }
        Ok(self.go_on())
    }

    fn go_on(self) -> Next {
        match self.to_come.is_empty() {
            true => Next::Done(self.report),
            false => Next::Process(self),
        }
    }

    /// Refuses what is still to come.
    fn stop(mut self, failure: &SelfTestFailure) -> Result<Next, SelfTestFailure> {
        if !self.report.precisions.contains(&Precision::F32) {
            return Err(failure.clone());
        }
        let refusal = |precision| Refusal { precision, failure: failure.clone() };
        self.report.refused.extend(self.to_come.drain(..).map(refusal));
        Ok(Next::Done(self.report))
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
