//! A device of a study, as whoever hands out stacks knows it.

use std::time::Instant;

use isoflop_device::Choice;
use isoflop_ledger::Passport;
use isoflop_speed::Rates;

use super::message::{Opened, Order};
use super::process::Link;

/// Times that a device's process may end, one after the other, without a stack between them.
const MOST_DEATHS: usize = 2;
/// The same, whatever stacks are to blame.
const MOST_ENDS: usize = 4;

/// A device that trains with others.
pub(super) struct Device {
    /// Its short name.
    pub id: String,
    /// Whether its remarks before training are told. Of devices alike, the first one's are.
    pub speaks: bool,
    pub link: Option<Box<dyn Link>>,
    /// Of its process, among all.
    pub number: u64,
    pub opened: Option<Opened>,
    /// What it measured, once it is ready.
    pub ready: Option<Ready>,
    /// Places at which it trains stacks, as far as is known.
    pub places: usize,
    /// Those that are free.
    pub free: usize,
    /// Times that its process ended since a stack ended there, but for those that a stack is to blame for.
    pub deaths: usize,
    /// All times since a stack ended there.
    ends: usize,
    /// When it was last heard of.
    pub heard: Instant,
}

/// A device that can train.
pub(super) struct Ready {
    pub passport: Passport,
    pub rates: Option<Rates>,
}

impl Device {
    /// One whose process is yet to be started.
    pub fn new(choice: &Choice, speaks: bool) -> Self {
        Self {
            id: choice.info.id.clone(),
            speaks,
            link: None,
            number: 0,
            opened: None,
            ready: None,
            places: 1,
            free: 0,
            deaths: 0,
            ends: 0,
            heard: Instant::now(),
        }
    }

    /// A stack came to its end there.
    pub fn lives(&mut self) {
        (self.deaths, self.ends) = (0, 0);
    }

    /// Its process came to its end.
    pub fn dies(&mut self) {
        self.deaths += 1;
        self.ends += 1;
    }

    pub fn order(&mut self, order: &Order) {
        if let Some(link) = &mut self.link {
            link.order(order);
        }
    }

    /// Whether it takes part.
    pub fn is_there(&self) -> bool {
        self.link.is_some()
    }

    /// Whether it is worth another process.
    pub fn may_go_on(&self) -> bool {
        self.deaths < MOST_DEATHS && self.ends < MOST_ENDS
    }

    /// Nothing more is expected of its process. Says how it ended.
    pub fn dismiss(&mut self) -> String {
        (self.free, self.opened, self.ready) = (0, None, None);
        self.link.take().map(|mut link| link.end()).unwrap_or_default()
    }
}
