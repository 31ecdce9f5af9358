//! A device's ends of the pipes to its study: who is told, who keeps records, who hands out stacks.

use std::collections::{BTreeSet, VecDeque};
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use isoflop_ledger::{Append, LedgerError};
use isoflop_plan::{CellId, Precision};
use isoflop_record::Record;

use super::MARK;
use super::message::{Order, Word, told};
use crate::events::{Ending, Observer, Reports, Steps, Update};
use crate::schedule::{Book, Supply};
use crate::stop::Stop;

const HALVES: [Precision; 2] = [Precision::F16, Precision::Bf16];

/// Both ends of the pipes to the study.
pub(super) struct Wire {
    out: Mutex<std::io::Stdout>,
    /// Cells that need no more work.
    done: Mutex<BTreeSet<CellId>>,
    /// Stacks to train; `None` once no more are to come.
    supply: Mutex<Option<VecDeque<usize>>>,
    supplied: Condvar,
    /// What the study says to a question.
    answers: Mutex<Receiver<Order>>,
    stop: AtomicBool,
}

impl Wire {
    /// Orders before training come out of the receiver.
    pub fn open() -> (Arc<Self>, Receiver<Order>) {
        let ((answer, answers), (order, orders)) = (channel(), channel());
        let wire = Arc::new(Self {
            out: Mutex::new(std::io::stdout()),
            done: Mutex::default(),
            supply: Mutex::new(Some(VecDeque::new())),
            supplied: Condvar::new(),
            answers: Mutex::new(answers),
            stop: AtomicBool::new(false),
        });
        let listener = wire.clone();
        std::thread::spawn(move || listener.listen(&answer, &order));
        (wire, orders)
    }

    /// Takes orders in, until there is no study any more: then nobody would keep what this process does.
    fn listen(&self, answer: &Sender<Order>, order: &Sender<Order>) {
        for line in std::io::stdin().lock().lines() {
            let Ok(said) = line.map_err(drop).and_then(|l| serde_json::from_str(&l).map_err(drop))
            else {
                break;
            };
            // Receivers live as long as the process.
            match said {
                Order::Train { stack: index, done, again } => {
                    self.done().retain(|cell| !again.contains(cell));
                    self.done().extend(done);
                    if let Some(stacks) = &mut *self.supply() {
                        stacks.push_back(index);
                    }
                    self.supplied.notify_one();
                }
                Order::NoMore => self.close(),
                Order::Stop => {
                    self.stop.store(true, Ordering::SeqCst);
                    self.close();
                }
                Order::Kept | Order::SaveIn(_) => drop(answer.send(said)),
                Order::Open { .. } | Order::Begin(_) | Order::Stacks(_) => drop(order.send(said)),
            }
        }
        std::process::exit(1);
    }

    pub fn say(&self, word: &Word) {
        // In one piece: drivers print to the same pipe.
        let json = serde_json::to_string(word).expect("plain data");
        let line = format!(
            "
{MARK}{json}
"
        );
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_err() {
            std::process::exit(1);
        }
    }

    fn answer(&self) -> Order {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        // Without a study the process ends.
        answers.recv().unwrap_or_else(|_| std::process::exit(1))
    }

    fn supply(&self) -> MutexGuard<'_, Option<VecDeque<usize>>> {
        self.supply.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        *self.supply() = None;
        self.supplied.notify_all();
    }

    fn done(&self) -> MutexGuard<'_, BTreeSet<CellId>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The study hands out stacks, to so many places.
pub(super) struct Stacks<'a> {
    pub wire: &'a Wire,
    pub places: usize,
}

impl Supply for Stacks<'_> {
    fn next(&self) -> Option<usize> {
        self.wire.say(&Word::Ask { places: self.places });
        let mut supply = self.wire.supply();
        loop {
            match &mut *supply {
                None => return None,
                Some(stacks) => {
                    if let Some(stack) = stacks.pop_front() {
                        return Some(stack);
                    }
                }
            }
            let waited = self.wire.supplied.wait(supply);
            supply = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn close(&self) {
        self.wire.close();
    }
}

impl Stop for Wire {
    fn asked(&self) -> Option<String> {
        self.stop.load(Ordering::SeqCst).then(|| "the study".to_owned())
    }
}

/// Hands on what there is to tell.
pub(super) struct Teller<'a>(pub &'a Wire);

impl Observer for Teller<'_> {
    fn tell(&mut self, update: &Update) {
        self.0.say(&match *update {
            // Where it is to stop, the study has said so.
            Update::Note { .. } if self.0.asked().is_some() => return,
            Update::Note { text } => Word::Note(text.to_owned()),
            Update::Warning { text } => Word::Warning(text.to_owned()),
            Update::Testing { operation, precision, done, total, seconds } => Word::Testing {
                operation: operation.to_owned(),
                precision: HALVES
                    .into_iter()
                    .find(|p| p.word() == precision)
                    .unwrap_or(Precision::F32),
                done,
                total,
                seconds,
            },
            Update::Tested => Word::Tested,
            _ => return,
        });
    }
}

impl Reports for Teller<'_> {
    fn observer(&mut self) -> &mut dyn Observer {
        self
    }

    fn begin_stack(&mut self, stack: usize) {
        self.0.say(&Word::Begun { stack });
    }

    fn compiling(&mut self, stack: usize) {
        self.0.say(&Word::Compiling { stack });
    }

    fn ready(&mut self, stack: usize, step: u64) {
        self.0.say(&Word::At { stack, step });
    }

    fn step(&mut self, stack: usize, at: &Steps) {
        self.0.say(&Word::Step {
            stack,
            step: at.step,
            loss_nats: told(at.loss_nats),
            smoothed_loss_nats: told(at.smoothed_loss_nats),
            tokens_per_second: at.tokens_per_second,
        });
    }

    /// The study knows.
    fn cell(&mut self, _: &Record) {}

    fn end_stack(&mut self, stack: usize, how: Ending) {
        match how {
            Ending::Completed => self.0.say(&Word::Ended { stack, completed: true }),
            Ending::Interrupted => self.0.say(&Word::Ended { stack, completed: false }),
            // The last word of this process says what is wrong.
            Ending::Broken => {}
        }
    }
}

/// The study's ledger.
pub(super) struct Records<'a>(pub &'a Wire);

impl Book for Records<'_> {
    fn is_done(&self, cell: &CellId) -> bool {
        self.0.done().contains(cell)
    }

    fn append(&mut self, record: Record) -> Result<Append, LedgerError> {
        if record.result.status.is_final() {
            self.0.done().insert(record.id().clone());
        }
        self.0.say(&Word::Record(Box::new(record)));
        self.0.answer();
        Ok(Append::Written)
    }

    /// The study looks after its folder.
    fn check(&mut self) -> Result<(), LedgerError> {
        Ok(())
    }

    fn checkpoints(&mut self) -> PathBuf {
        self.0.say(&Word::Saving);
        match self.0.answer() {
            Order::SaveIn(folder) => folder,
            _ => std::process::exit(1),
        }
    }
}
