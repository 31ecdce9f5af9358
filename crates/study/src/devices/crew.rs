//! The devices of a study, each with a process of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use isoflop_device::Choice;
use isoflop_ledger::Passport;
use isoflop_plan::{CellId, Config, DeviceName, Precision};
use isoflop_speed::Rates;
use isoflop_text::counted;

use super::device::{Device, Ready};
use super::message::{Begin, Order, Word};
use super::process::{Heard, Start};
use crate::error::StudyError;
use crate::events::{Observer, Update};

/// Between two looks at whether the study is to stop.
const EVERY: Duration = Duration::from_millis(100);

/// Silence of this length is told of a device that is being opened or measured.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a word was about, for the training.
pub(super) enum News {
    /// It is the training's.
    Word(Word),
    /// Its process is gone, and with it what it was at.
    Gone(Gone),
}

/// How a device's process ended.
pub(super) struct Gone {
    pub words: String,
    /// As of [`StudyError::is_misuse`].
    misuse: bool,
    /// Whether it had come to train.
    pub trained: bool,
}

/// All of them.
pub(crate) struct Crew<'a> {
    pub(super) devices: Vec<Device>,
    config: String,
    /// What `train.precision = "auto"` was settled as.
    precision: Option<Precision>,
    /// Whether they are named one by one: then none may be missing from the start.
    named: bool,
    start: Start<'a>,
    tell: Sender<Heard>,
    heard: Receiver<Heard>,
    started: u64,
    /// What was decided, once it was.
    begin: Option<Begin>,
    stacks: Option<Vec<Vec<CellId>>>,
}

impl<'a> Crew<'a> {
    /// Starts a process for each of the devices, which opens it.
    ///
    /// # Errors
    /// If the system starts none.
    pub fn start(
        choices: &[Choice],
        config: &Config,
        start: Start<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, StudyError> {
        let count = counted(choices.len() as u64, "device");
        let names: Vec<String> = choices.iter().map(|choice| choice.info.label()).collect();
        observer.note(format!("training on {count}: {}", names.join(", ")));
        let (tell, heard) = channel();
        let mut labels = BTreeSet::new();
        let device = |choice: &Choice| Device::new(choice, labels.insert(choice.info.label()));
        let devices = choices.iter().map(device).collect();
        let (begin, stacks, named) = (None, None, config.device.name != DeviceName::All);
        let precision = config.train.precision.known();
        let config = config.resolved_toml();
        let mut crew = Self {
            devices,
            config,
            precision,
            named,
            start,
            tell,
            heard,
            started: 0,
            begin,
            stacks,
        };
        for index in 0..crew.devices.len() {
            crew.launch(index).map_err(|words| StudyError::OnDevice {
                device: crew.devices[index].id.clone(),
                words,
                misuse: false,
            })?;
        }
        Ok(crew)
    }

    /// Starts a process for a device, which opens it.
    pub(super) fn launch(&mut self, index: usize) -> Result<(), String> {
        self.started += 1;
        let mut link = (self.start)(self.started, self.tell.clone())
            .map_err(|error| format!("cannot start a process for it: {error}"))?;
        let device = &mut self.devices[index];
        let (config, id) = (self.config.clone(), device.id.clone());
        link.order(&Order::Open { config, device: id, precision: self.precision });
        device.link = Some(link);
        (device.number, device.heard) = (self.started, Instant::now());
        Ok(())
    }

    /// Waits until all devices that are left are `at` some point. One that cannot get there is an error where it was named, else it
    /// is left out.
    pub(super) fn gather(
        &mut self,
        observer: &mut dyn Observer,
        at: impl Fn(&Device) -> bool,
    ) -> Result<(), StudyError> {
        while self.devices.iter().any(|device| device.is_there() && !at(device)) {
            self.tell_silence(observer);
            let Some((index, word)) = self.next_word() else { continue };
            match self.hear(index, word, observer)? {
                Some(News::Gone(Gone { words, misuse, .. })) if self.named => {
                    let device = self.devices[index].id.clone();
                    return Err(StudyError::OnDevice { device, words, misuse });
                }
                Some(News::Gone(gone)) => self.leave_out(index, &gone.words, observer)?,
                Some(News::Word(_)) | None => {}
            }
        }
        Ok(())
    }

    /// Tells of devices that say nothing while they are opened or measured. Those that train tell of it themselves.
    pub(super) fn tell_silence(&mut self, observer: &mut dyn Observer) {
        for device in self.devices.iter_mut().filter(|d| d.is_there() && d.ready.is_none()) {
            if device.heard.elapsed() >= PATIENCE {
                device.heard = Instant::now();
                observer.warn(format!(
                    "{}: no sign of it for {} s, while it is opened and measured; if it hangs, Ctrl-C leaves, and the same command goes on without it",
                    device.id,
                    PATIENCE.as_secs()
                ));
            }
        }
    }

    /// A word of a device that is there; `None` for a while.
    pub(super) fn next_word(&mut self) -> Option<(usize, Option<Word>)> {
        let (number, word) = match self.heard.recv_timeout(EVERY) {
            Ok(heard) => heard,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
        };
        let of = |device: &Device| device.is_there() && device.number == number;
        self.devices.iter().position(of).map(|index| (index, word))
    }

    /// Takes in what is not of training.
    ///
    /// # Errors
    /// What keeps a device from going on with this study, whichever device it is.
    pub(super) fn hear(
        &mut self,
        index: usize,
        word: Option<Word>,
        observer: &mut dyn Observer,
    ) -> Result<Option<News>, StudyError> {
        let training = self.stacks.is_some();
        let device = &mut self.devices[index];
        device.heard = Instant::now();
        match word {
            Some(Word::Note(_)) if !device.speaks && !training => {}
            Some(Word::Note(text)) => observer.note(format!("{}: {text}", device.id)),
            Some(Word::Warning(text)) => observer.warn(format!("{}: {text}", device.id)),
            Some(Word::Testing { operation, precision, done, total, seconds }) => {
                observer.tell(&Update::Testing {
                    operation: &operation,
                    precision: precision.word(),
                    done,
                    total,
                    seconds,
                });
            }
            Some(Word::Tested) => observer.tell(&Update::Tested),
            Some(Word::Opened(opened)) => {
                device.opened = Some(opened);
                if let Some(begin) = &self.begin {
                    device.order(&Order::Begin(begin.clone()));
                }
            }
            Some(Word::Ready { passport, rates }) => {
                device.ready = Some(Ready { passport: *passport, rates });
                if let Some(stacks) = &self.stacks {
                    device.order(&Order::Stacks(stacks.clone()));
                }
            }
            // Before training it may be that this device alone cannot do what is asked.
            Some(Word::Failed { words, device: false, misuse }) if training => {
                let device = device.id.clone();
                return Err(StudyError::OnDevice { device, words, misuse });
            }
            Some(Word::Failed { words, misuse, .. }) => {
                return Ok(Some(self.gone(index, Some(words), misuse)));
            }
            None => return Ok(Some(self.gone(index, None, false))),
            Some(word) => return Ok(Some(News::Word(word))),
        }
        Ok(None)
    }

    /// A device's process ended.
    fn gone(&mut self, index: usize, words: Option<String>, misuse: bool) -> News {
        let trained = self.stacks.is_some() && self.devices[index].ready.is_some();
        let ended = self.dismiss(index);
        let words = words.unwrap_or_else(|| format!("its process ended ({ended})"));
        self.devices[index].dies();
        News::Gone(Gone { words, misuse, trained })
    }

    /// Says that a device takes no part any more.
    ///
    /// # Errors
    /// [`StudyError::NoDeviceLeft`].
    pub(super) fn leave_out(
        &mut self,
        index: usize,
        words: &str,
        observer: &mut dyn Observer,
    ) -> Result<(), StudyError> {
        let device = self.devices[index].id.clone();
        let left = self.devices.iter().filter(|device| device.is_there()).count();
        if left == 0 {
            return Err(StudyError::NoDeviceLeft { device, words: words.to_owned() });
        }
        let left = match left {
            1 => "the other one goes on".to_owned(),
            left => format!("the other {left} go on"),
        };
        observer.warn(format!("{device}: {words}; it is left out, and {left}"));
        Ok(())
    }

    /// Tells all devices what was decided, those too that are to come.
    pub(super) fn begin(&mut self, begin: Begin) {
        self.precision = Some(begin.precision);
        self.order_all(&Order::Begin(begin.clone()));
        self.begin = Some(begin);
    }

    /// Has devices that are to come know what was measured meanwhile.
    pub(super) fn measured(&mut self, passports: Vec<Passport>, rates: BTreeMap<String, Rates>) {
        if let Some(begin) = &mut self.begin {
            (begin.passports, begin.rates) = (passports, rates);
        }
    }

    /// Tells all devices the stacks, those too that are to come.
    pub(super) fn lay_out(&mut self, stacks: Vec<Vec<CellId>>) {
        for device in &mut self.devices {
            device.order(&Order::Stacks(stacks.clone()));
        }
        self.stacks = Some(stacks);
    }

    /// Tells all devices the same.
    pub(super) fn order_all(&mut self, order: &Order) {
        self.devices.iter_mut().for_each(|device| device.order(order));
    }

    /// Nothing more is expected of a device's process. Says how it ended.
    pub(super) fn dismiss(&mut self, index: usize) -> String {
        self.devices[index].dismiss()
    }

    pub(super) fn anyone(&self) -> bool {
        self.devices.iter().any(Device::is_there)
    }
}
