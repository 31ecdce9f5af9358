//! What a process does that trains on one device of several.

use std::collections::{BTreeSet, VecDeque};
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use isoflop_device::TrainDevice;
use isoflop_ledger::{Append, LedgerError, Passport};
use isoflop_plan::{CellId, Config, DeviceName, Grid, Precision};
use isoflop_record::Record;
use isoflop_speed::Rates;

use super::message::{Begin, Measure, Opened, Order, Word, told};
use super::{AVAILABLE, MARK, SET};
use crate::energy::Metering;
use crate::error::{StudyError, in_words};
use crate::events::{Ending, Observer, Reports, Silent, Steps, Update};
use crate::facts::StudyData;
use crate::limits::{stack_limits, workers};
use crate::open::{build_grid, open_device, prepare_data, request};
use crate::overheads::Overheads;
use crate::passport;
use crate::run::{TRIALS, worth_measuring};
use crate::schedule::{Book, Desk, Prepared, Supply, train_supplied};
use crate::stop::Stop;
use crate::tasks::stacks_of_cells;
use crate::widths::Measurer;

const HALVES: [Precision; 2] = [Precision::F16, Precision::Bf16];

/// To be called early in `main` of a program that is to train on several devices.
///
/// In a process that was started for one of them it trains, after `prepare`, and ends the process. In any other it only notes that
/// the program may start itself so.
pub fn device_process_main(prepare: impl FnOnce()) {
    if std::env::var_os(SET).is_none() {
        AVAILABLE.store(true, Ordering::Relaxed);
        return;
    }
    prepare();
    let (wire, orders) = Wire::open();
    let ended = serve(&wire, &orders);
    match ended {
        Ok(()) => wire.say(&Word::Done),
        Err(error) => wire.say(&Word::Failed {
            device: matches!(error, StudyError::Device { .. } | StudyError::DeviceLost { .. }),
            misuse: error.is_misuse(),
            words: in_words(&error),
        }),
    }
    std::process::exit(0);
}

/// Both ends of the pipes to the study.
struct Wire {
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
    fn open() -> (Arc<Self>, Receiver<Order>) {
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

    fn say(&self, word: &Word) {
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
struct Stacks<'a> {
    wire: &'a Wire,
    places: usize,
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
struct Teller<'a>(&'a Wire);

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
struct Records<'a>(&'a Wire);

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

/// Trains what the study says.
fn serve(wire: &Wire, orders: &Receiver<Order>) -> Result<(), StudyError> {
    let next = || orders.recv().unwrap_or_else(|_| std::process::exit(1));
    let Order::Open { config, device, precision } = next() else { return Err(StudyError::Stopped) };
    let mut config = Config::parse(&config, "the study's configuration")?;
    config.device.name = DeviceName::Named(device);
    let teller = &mut Teller(wire);
    if let Some(decided) = precision.filter(|_| config.train.precision.is_auto()) {
        config.decide_precision(decided);
    }
    let known = config.train.precision.known();
    let request = request(known.into_iter().collect(), known.is_none());
    let device = open_device(&config.device, &request, teller)
        .map_err(|source| StudyError::Device { place: None, source: source.into() })?;
    let limits = stack_limits(&config, &device);
    wire.say(&Word::Opened(Opened {
        label: device.info.label(),
        precisions: device.precisions.clone(),
        auto: device.auto_precision(),
        limits,
    }));

    let Order::Begin(begin) = next() else { return Err(StudyError::Stopped) };
    if config.train.precision.is_auto() {
        config.decide_precision(begin.precision);
    }
    config.check_early(&device.info.label(), &device.precisions)?;
    // The study has told of its data.
    let corpus = prepare_data(&config, &mut Silent)?;
    if corpus.sha256() != begin.data_sha256 {
        return Err(StudyError::Misuse(
            "the data changed while the study was begun\nhint: give the same command again".into(),
        ));
    }
    let data = StudyData::of(&corpus);
    let mut grid = build_grid(&config, &corpus, &data, Some(limits))?;
    let passport = passport_of(&config, &device, &begin, teller);
    let hash = passport.hash();
    let rates = rates_of(
        &Measurer { config: &config, device: &device, limits },
        &grid,
        &begin,
        &passport,
        teller,
    )?;
    wire.say(&Word::Ready { passport: Box::new(passport), rates });

    let Order::Stacks(stacks) = next() else { return Err(StudyError::Stopped) };
    let Some(stacks) = stacks_of_cells(&stacks, &grid) else { return Err(StudyError::Stopped) };
    grid.stacks = stacks;
    let workers = workers(&config, limits, &device, grid.stacks.iter())?;
    let metering = Metering::open(&device, &config.device);
    let study = Prepared {
        config: &config,
        grid: &grid,
        corpus: &corpus,
        device: &device,
        limits,
        meter: metering.meter(),
        passport: &hash,
        rates: None,
    };
    let mut overheads = Overheads::of(workers.count());
    let supply = &Stacks { wire, places: workers.count() };
    let desk = Desk { book: &mut Records(wire), reports: &mut Teller(wire), supply, stop: wire };
    let ended = train_supplied(&study, desk, &workers, &mut overheads);
    // A device that is lost may never be done.
    ended.map(|_| device.wait())
}

/// With its peaks, unless the study has them.
fn passport_of(
    config: &Config,
    device: &TrainDevice,
    begin: &Begin,
    observer: &mut dyn Observer,
) -> Passport {
    let hash = passport::without_peaks(config, device, &begin.data_sha256).hash();
    match begin.passports.iter().find(|known| known.hash() == hash) {
        Some(known) => known.clone(),
        None => passport::measured(config, device, &begin.data_sha256, observer),
    }
}

/// Rates of a few stacks, where training takes long enough for it.
fn rates_of(
    measurer: &Measurer,
    grid: &Grid,
    begin: &Begin,
    passport: &Passport,
    observer: &mut dyn Observer,
) -> Result<Option<Rates>, StudyError> {
    let shapes = || grid.stacks.iter().filter_map(|stack| stack.cells.first());
    if let Some(known) = begin.rates.get(&measurer.device.info.label())
        && shapes().all(|cell| known.reach(cell.step_flops()))
    {
        return Ok(Some(known.clone()));
    }
    let measures = match begin.measure {
        Measure::Never => false,
        Measure::IfWorth => worth_measuring(Some(passport), grid),
        Measure::Always => true,
    };
    if !measures {
        return Ok(None);
    }
    let widths = match begin.widths {
        true => measurer.measured_widths(grid, observer)?,
        false => None,
    };
    match widths {
        Some(widths) => Ok(Some(widths)),
        None => Ok(Some(measurer.planned(grid, TRIALS, observer)?)),
    }
}
