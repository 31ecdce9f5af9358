//! What approach 2 is asked.

use serde::{Deserialize, Serialize};

use super::noise::Noise;
use crate::error::FitError;
use crate::estimate::check_level;

/// How the minimum of a slice is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A parabola in ln N through L (Hoffmann et al. 2022, approach 2). Biased for wide or
    /// off-centre slices.
    Parabola,
    /// An Akima interpolant of ln L in ln N through the mean loss of each size, its exact minimum, and the noise and power laws of the
    /// other methods.
    Akima,
    /// The whole recipe of Porian et al. 2024: Akima's curve through the least loss of each size, its minimum on a grid, medians over draws of
    /// .002 nats of noise, and a power law weighted by their spread.
    Porian,
    /// `L = c + u N^-alpha + v D^-beta` in each slice, with one alpha and beta for all slices.
    Corrected,
}

impl Method {
    /// Those that a study compares.
    pub const COMPARED: [Method; 3] = [Method::Corrected, Method::Parabola, Method::Akima];
    pub const ALL: [Method; 4] =
        [Method::Corrected, Method::Parabola, Method::Akima, Method::Porian];

    pub fn name(self) -> &'static str {
        match self {
            Method::Parabola => "parabola",
            Method::Akima => "akima",
            Method::Porian => "porian",
            Method::Corrected => "corrected",
        }
    }
}

/// Whether a slice needs a bracketed minimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unbracketed {
    /// Refuse such slices: they do not vote.
    Refuse,
    /// Extrapolate to a minimum outside the sizes run. For studies of bias only.
    Extrapolate,
}

/// What becomes of runs that are far off what the rest of their slice says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpoiledRuns {
    /// No curve is fitted to them.
    LeaveOut,
    /// Curves are fitted to all runs, as published recipes do.
    Keep,
}

impl SpoiledRuns {
    fn is_default(&self) -> bool {
        *self == SpoiledRuns::LeaveOut
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct IsoflopOptions {
    pub method: Method,
    pub unbracketed: Unbracketed,
    #[serde(skip_serializing_if = "SpoiledRuns::is_default")]
    pub spoiled: SpoiledRuns,
    pub noise: Noise,
    pub draws: usize,
    pub level: f64,
    pub seed: u64,
}

impl Default for IsoflopOptions {
    fn default() -> Self {
        IsoflopOptions {
            method: Method::Corrected,
            unbracketed: Unbracketed::Refuse,
            spoiled: SpoiledRuns::LeaveOut,
            noise: Noise::Residual,
            draws: 1000,
            level: 0.95,
            seed: 0,
        }
    }
}

impl IsoflopOptions {
    /// Refuses options outside their range.
    ///
    /// # Errors
    /// [`FitError::BadOption`] that names the option: a level outside (0, 1), a noise that is negative or no number.
    pub fn check(&self) -> Result<(), FitError> {
        check_level(self.level)?;
        match self.noise {
            Noise::Given { sd } if !(sd >= 0.0 && sd.is_finite()) => Err(FitError::BadOption {
                option: "noise".into(),
                value: sd.to_string(),
                range: "[0, inf)".into(),
                hint: "a standard deviation of ln L, e.g. 0.005".into(),
            }),
            _ => Ok(()),
        }
    }
}
