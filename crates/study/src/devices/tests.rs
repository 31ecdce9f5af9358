//! Doubles of devices, which end cells as another study did, and die as they are told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};

use isoflop_device::{Choice, list};
use isoflop_ledger::{Contents, read};
use isoflop_plan::{CellId, Config, DeviceName, Precision, StackLimits};
use isoflop_record::Status;
use isoflop_speed::{Rates, Sample};

use super::message::{Opened, Order, Word};
use super::process::{Heard, Link};
use crate::error::StudyError;
use crate::events::{Observer, Silent, Update};
use crate::run::{Ended, RunOptions, run};
use crate::schedule::End;
use crate::stop::{Never, Stop};

const STUDY: &str = r#"
    [data]
    source = "synthetic"
    valid_tokens = 2048
    [model]
    context = 32
    [grid]
    budgets = [2e9]
    widths = [8, 12, 16]
    seeds = [0, 1, 2, 3]
    min_steps = 1
    [train]
    batch_tokens = 256
    stack = 2
    precision = "f32"
"#;

/// What a double does with the stack that it is given.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Act {
    Train,
    /// Ends its process.
    Crash,
    /// Ends a cell, then its process.
    Die,
    /// Says that the device is gone.
    Lose,
    /// Says that the study cannot go on.
    Break,
}

/// By the device and the cells that it is given.
type Fate = Arc<dyn Fn(&str, &[CellId]) -> Act + Send + Sync>;

struct Double {
    orders: Sender<Order>,
}

impl Link for Double {
    fn order(&mut self, order: &Order) {
        // Nobody hears it where it has died.
        let _ = self.orders.send(order.clone());
    }

    fn end(&mut self) -> String {
        "signal: 9 (SIGKILL)".into()
    }
}

/// A study, what it came to on one device, and what doubles were told.
struct Bench {
    folder: tempfile::TempDir,
    whole: Contents,
    /// Stacks that were given, by device.
    given: Arc<Mutex<Vec<(String, usize)>>>,
    /// FLOP/s that the doubles say they measured.
    rate: Option<f64>,
}

#[derive(Default)]
struct Told(Vec<String>);

impl Observer for Told {
    fn tell(&mut self, update: &Update) {
        match update {
            Update::Warning { text } | Update::Note { text } => self.0.push((*text).to_owned()),
            _ => {}
        }
    }
}

impl Told {
    fn has(&self, text: &str) -> bool {
        self.0.iter().any(|line| line.contains(text))
    }
}

impl Bench {
    fn new() -> Self {
        static WHOLE: OnceLock<Contents> = OnceLock::new();
        let folder = tempfile::tempdir().unwrap();
        let whole = WHOLE.get_or_init(|| {
            let mut config = Config::parse(STUDY, "study.toml").unwrap();
            config.device.name = DeviceName::Cpu;
            config.study.results = folder.path().join("one");
            run(config, &RunOptions::default(), &mut Silent, &Never).unwrap();
            read(&folder.path().join("one")).unwrap()
        });
        Self { whole: whole.clone(), folder, given: Arc::default(), rate: None }
    }

    fn contents(&self) -> Contents {
        read(&self.folder.path().join("many")).unwrap()
    }

    /// The same study on doubles of these names.
    fn run(
        &self,
        names: &[&str],
        fate: impl Fn(&str, &[CellId]) -> Act + Send + Sync + 'static,
        told: &mut Told,
        stop: &dyn Stop,
    ) -> Result<Ended, StudyError> {
        let mut config = Config::parse(STUDY, "study.toml").unwrap();
        config.study.results = self.folder.path().join("many");
        config.device.name = DeviceName::All;
        let cpu = list().devices.pop().unwrap();
        let choice = |id: &&str| {
            let (id, why) = ((*id).to_owned(), String::new());
            Choice { info: isoflop_device::DeviceInfo { name: id.clone(), id, ..cpu.clone() }, why }
        };
        let choices: Vec<Choice> = names.iter().map(choice).collect();
        let fate: Fate = Arc::new(fate);
        let limits = StackLimits::of(&config);
        let (whole, given, rate) = (self.whole.clone(), self.given.clone(), self.rate);
        let start = move |number: u64, heard: Sender<Heard>| {
            let (orders, taken) = channel();
            let say = move |word: Option<Word>| drop(heard.send((number, word)));
            let (whole, given, fate) = (whole.clone(), given.clone(), fate.clone());
            std::thread::spawn(move || double(&taken, say, limits, &whole, &given, &fate, rate));
            Ok(Box::new(Double { orders }) as Box<dyn Link>)
        };
        super::run(&mut config, &choices, &RunOptions::default(), &start, told, stop)
    }

    /// Whether every cell has the result that it has on one device, once.
    fn is_whole(&self) {
        let many = self.contents();
        assert_eq!(many.deterministic_jsonl(), self.whole.deterministic_jsonl());
        assert_eq!(many.records.iter().filter(|r| r.result.status.is_final()).count(), 12);
    }

    fn given_to(&self, device: &str) -> usize {
        self.given.lock().unwrap().iter().filter(|(on, _)| on == device).count()
    }
}

/// What a process would do.
fn double(
    orders: &Receiver<Order>,
    say: impl Fn(Option<Word>),
    limits: StackLimits,
    whole: &Contents,
    given: &Mutex<Vec<(String, usize)>>,
    fate: &Fate,
    rate: Option<f64>,
) {
    let records: BTreeMap<_, _> = whole.records.iter().map(|r| (r.id().clone(), r)).collect();
    let mut passport = whole.passports.values().next().unwrap().clone();
    let (mut name, mut stacks) = (String::new(), Vec::new());
    let ask = || say(Some(Word::Ask { places: 1 }));
    while let Ok(order) = orders.recv() {
        match order {
            Order::Open { device, .. } => {
                name.clone_from(&device);
                // Of the kind that the first letter says.
                passport.device.adapter = device[..1].to_owned();
                let (precisions, auto) = (vec![Precision::F32], Precision::F32);
                let label = passport.device.adapter.clone();
                say(Some(Word::Opened(Opened { label, precisions, auto, limits })));
            }
            Order::Begin(_) => {
                let rates = rate.map(|flops_per_second| Rates {
                    device: passport.device.adapter.clone(),
                    stacks_at_once: 1,
                    samples: vec![Sample {
                        width: 8,
                        step_flops: 1e6,
                        replicas: 2,
                        speedup: None,
                        flops_per_second,
                    }],
                });
                say(Some(Word::Ready { passport: Box::new(passport.clone()), rates }));
            }
            Order::Stacks(all) => {
                stacks = all;
                ask();
            }
            Order::Train { stack, done, .. } => {
                given.lock().unwrap().push((name.clone(), stack));
                say(Some(Word::Begun { stack }));
                say(Some(Word::At { stack, step: 0 }));
                let act = fate(&name, &stacks[stack]);
                if act == Act::Crash {
                    return say(None);
                }
                for cell in stacks[stack].iter().filter(|cell| !done.contains(cell)) {
                    let mut record = records[cell].clone();
                    record.run.passport = passport.hash();
                    say(Some(Word::Record(Box::new(record))));
                    while orders.recv() != Ok(Order::Kept) {}
                    match act {
                        Act::Train | Act::Crash => {}
                        Act::Die => return say(None),
                        Act::Lose | Act::Break => {
                            let (device, misuse) = (act == Act::Lose, false);
                            say(Some(Word::Failed { words: "it is gone".into(), device, misuse }));
                            return say(None);
                        }
                    }
                }
                say(Some(Word::Ended { stack, completed: true }));
                ask();
            }
            Order::NoMore | Order::Stop => {
                say(Some(Word::Done));
                return say(None);
            }
            Order::Kept | Order::SaveIn(_) => {}
        }
    }
}

#[test]
fn several_devices_come_to_the_ledger_of_one() {
    let bench = Bench::new();
    let ended = bench.run(&["a", "b", "c"], |_, _| Act::Train, &mut Told::default(), &Never);
    assert_eq!(ended.unwrap().end, Some(End::Completed { failed: 0 }));
    bench.is_whole();
    for device in ["a", "b", "c"] {
        assert!(bench.given_to(device) > 0, "{device}: {:?}", bench.given);
    }
    // Nothing is left to do.
    let again = bench.run(&["a", "b"], |_, _| Act::Break, &mut Told::default(), &Never).unwrap();
    assert_eq!(again.end, None);
}

#[test]
fn a_device_that_dies_half_way_loses_nothing() {
    for act in [Act::Die, Act::Lose] {
        let bench = Bench::new();
        let mut told = Told::default();
        let fate = move |device: &str, _: &[CellId]| if device == "a" { act } else { Act::Train };
        let ended = bench.run(&["a", "b"], fate, &mut told, &Never).unwrap();
        assert_eq!(ended.end, Some(End::Completed { failed: 0 }), "{:?}", told.0);
        bench.is_whole();
        // It is opened once more, and left out when it ends again.
        assert_eq!(bench.given_to("a"), 2, "{:?}", bench.given);
        let how = if act == Act::Die { "its process ended (signal: 9" } else { "it is gone" };
        assert!(told.has(how) && told.has("a: ") && told.has("opened again"), "{:?}", told.0);
        assert!(told.has("it is left out, and the other one goes on"), "{:?}", told.0);
    }
}

#[test]
fn unlike_devices_train_a_few_cells_of_each_other() {
    // Fast, so that a comparison takes a small part of the time.
    let bench = Bench { rate: Some(1e15), ..Bench::new() };
    let mut told = Told::default();
    let ended = bench.run(&["a1", "a2", "b"], |_, _| Act::Train, &mut told, &Never).unwrap();
    assert_eq!(ended.end, Some(End::Completed { failed: 0 }));
    assert!(told.has("so that the devices' losses can be compared"), "{:?}", told.0);
    let contents = bench.contents();
    assert_eq!(contents.deterministic_jsonl(), bench.whole.deterministic_jsonl());
    let repeats = contents.repeats();
    let both = repeats.values().filter(|records| records.len() == 2);
    let mut flops: Vec<f64> = repeats.values().map(|r| r[0].result.cell.flops()).collect();
    flops.sort_by(f64::total_cmp);
    for records in both.clone() {
        assert!(records[0].result.cell.flops() <= flops[2], "one of the cheapest");
        assert_ne!(records[0].run.passport, records[1].run.passport);
    }
    // All three, but for those that equal cards of one kind have between them.
    assert_eq!(both.count(), 3, "{:?}", told.0);
    drop(ended);
    // Alike, there is nothing to compare; and a study that is done has nothing added.
    let alike = Bench { rate: Some(1e15), ..Bench::new() };
    alike.run(&["a1", "a2"], |_, _| Act::Train, &mut Told::default(), &Never).unwrap();
    assert_eq!(alike.contents().records.len(), 12);
    bench.run(&["a1", "b"], |_, _| Act::Train, &mut Told::default(), &Never).unwrap();
    assert_eq!(bench.contents().records.len(), contents.records.len());
}

#[test]
fn a_device_that_died_once_goes_on() {
    let bench = Bench::new();
    let died = Mutex::new(BTreeSet::new());
    let fate =
        move |device: &str, _: &[CellId]| match died.lock().unwrap().insert(device.to_owned()) {
            true => Act::Die,
            false => Act::Train,
        };
    let mut told = Told::default();
    let ended = bench.run(&["a", "b"], fate, &mut told, &Never).unwrap();
    assert_eq!(ended.end, Some(End::Completed { failed: 0 }));
    bench.is_whole();
    assert!(!told.has("left out"), "{:?}", told.0);
    assert!(bench.given_to("a") > 1 && bench.given_to("b") > 1, "{:?}", bench.given);
}

#[test]
fn where_all_devices_are_gone_the_same_command_goes_on() {
    let bench = Bench::new();
    let mut told = Told::default();
    let error = match bench.run(&["a", "b"], |_, _| Act::Die, &mut told, &Never) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("nobody is left"),
    };
    assert!(error.contains("no device is left") && error.contains("\nhint: "), "{error}");
    let kept = bench.contents().records.len();
    assert!(kept > 0 && kept < 12, "{kept}");
    bench.run(&["a"], |_, _| Act::Train, &mut told, &Never).unwrap();
    bench.is_whole();
}

#[test]
fn a_stack_that_ends_every_process_is_given_up() {
    let bench = Bench::new();
    let poison = bench.whole.records[3].id().clone();
    let fatal = poison.clone();
    let fate = move |_: &str, cells: &[CellId]| match cells.contains(&fatal) {
        true => Act::Crash,
        false => Act::Train,
    };
    let mut told = Told::default();
    let ended = bench.run(&["a", "b"], fate, &mut told, &Never).unwrap();
    let Some(End::Completed { failed }) = ended.end else { panic!("{:?}", ended.end) };
    let contents = bench.contents();
    let failures: Vec<_> = contents
        .records
        .iter()
        .filter(|record| matches!(record.result.status, Status::Failed { .. }))
        .collect();
    let stack = contents.records.iter().find(|record| *record.id() == poison).unwrap();
    assert_eq!((failed, failures.len()), (stack.run.stack_width, stack.run.stack_width));
    assert!(failures.iter().any(|record| *record.id() == poison));
    assert_eq!(contents.current().len(), 12, "{:?}", told.0);
    assert!(!told.has("left out"), "{:?}", told.0);
}

#[test]
fn devices_do_not_answer_for_stacks_that_end_them_all() {
    let bench = Bench::new();
    // Two stacks of two cells each: the costliest, which are given first.
    let mut records: Vec<_> = bench.whole.records.iter().collect();
    records.sort_by(|a, b| b.result.cell.flops().total_cmp(&a.result.cell.flops()));
    let stack = |record: &isoflop_record::Record| record.run.stack.clone();
    let p = stack(records[0]);
    let q = records.iter().map(|record| stack(record)).find(|stack| *stack != p).unwrap();
    let fatal: Vec<CellId> = records
        .iter()
        .filter(|record| [&p, &q].contains(&&record.run.stack))
        .map(|record| record.id().clone())
        .collect();
    let count = fatal.len();
    let fate = move |_: &str, cells: &[CellId]| match cells.iter().any(|id| fatal.contains(id)) {
        true => Act::Crash,
        false => Act::Train,
    };
    let mut told = Told::default();
    let ended = bench.run(&["a", "b"], fate, &mut told, &Never).unwrap();
    let Some(End::Completed { failed }) = ended.end else { panic!("{:?}", ended.end) };
    assert!(failed >= 2 && failed <= count, "{failed} of {count}: {:?}", told.0);
    assert_eq!(bench.contents().ended().len(), 12 - failed);
    assert!(!told.has("left out"), "{:?}", told.0);
}

#[test]
fn what_is_wrong_with_the_study_ends_it() {
    let bench = Bench::new();
    let fate = |device: &str, _: &[CellId]| if device == "a" { Act::Break } else { Act::Train };
    match bench.run(&["a", "b"], fate, &mut Told::default(), &Never) {
        Err(StudyError::OnDevice { device, words, misuse: false }) => {
            assert_eq!((&device[..], &words[..]), ("a", "it is gone"));
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("the study cannot go on"),
    }
}

#[test]
fn asked_to_stop_all_leave_and_the_rest_is_done_later() {
    struct Soon(Mutex<usize>);
    impl Stop for Soon {
        fn asked(&self) -> Option<String> {
            let mut looks = self.0.lock().unwrap();
            *looks += 1;
            (*looks > 3).then(|| "Ctrl-C".to_owned())
        }
    }
    let bench = Bench::new();
    let mut told = Told::default();
    let soon = Soon(Mutex::new(0));
    let ended = bench.run(&["a", "b"], |_, _| Act::Train, &mut told, &soon).unwrap();
    assert_eq!(ended.end, Some(End::Interrupted { by: "Ctrl-C".into() }));
    assert!(told.has("the devices write checkpoints"), "{:?}", told.0);
    drop(ended);
    bench.run(&["a", "b"], |_, _| Act::Train, &mut told, &Never).unwrap();
    bench.is_whole();
}
