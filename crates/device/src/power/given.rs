//! A power from the configuration.

use std::time::Duration;

use super::meter::{Gauge, Reading};

/// Always the same power.
pub(super) struct Given {
    pub watts: f64,
}

impl Gauge for Given {
    fn read(&mut self) -> Result<Reading, String> {
        Ok(Reading::Watts(self.watts))
    }

    fn interval(&self) -> Option<Duration> {
        None
    }
}
