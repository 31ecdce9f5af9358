//! Weight decay: .1 at every size, as in GPT-3, Chinchilla and LLaMA. It multiplies the current
//! learning rate, so that its pull over a run is about .1 times the mean rate times the steps.

use super::Provenance;

/// The publications.
pub const PROVENANCE: Provenance =
    Provenance::Published(".1 (Brown et al. 2020, app. B; Touvron et al. 2023, sec. 2.2)");

/// The value.
pub const CUSTOMARY: f64 = 0.1;
