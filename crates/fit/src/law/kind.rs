//! Laws by name.

use serde::{Deserialize, Serialize};

use super::{
    Broken, Hoffmann, Joint, Kaplan, Law, PinnedFloor, PowerLaw, Repeated, Tied, Variable,
    least_compute,
};
use crate::error::FitError;
use crate::table::Table;

/// Every law, by the name that the command line takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "law", rename_all = "snake_case")]
pub enum LawKind {
    Hoffmann,
    Tied,
    Pinned {
        floor_nats: f64,
    },
    Kaplan,
    /// [`Joint`] without floor.
    Joint,
    /// [`Joint`] with floor.
    JointOffset,
    Repeated,
    /// [`PowerLaw`] without floor: Kaplan's `L(N)`, `L(D)`, `L(C)`.
    Power {
        variable: Variable,
    },
    /// [`PowerLaw`] with floor.
    Offset {
        variable: Variable,
    },
    /// Kaplan's `L(C_min)`: C is first corrected for the batch; see [`least_compute`].
    LeastCompute,
    Broken {
        variable: Variable,
    },
}

impl LawKind {
    /// Every law that a name alone gives; `pinned=E` gives the other.
    const NAMED: [(&'static str, LawKind); 16] = [
        ("hoffmann", LawKind::Hoffmann),
        ("tied", LawKind::Tied),
        ("kaplan", LawKind::Kaplan),
        ("joint", LawKind::Joint),
        ("joint-offset", LawKind::JointOffset),
        ("repeated", LawKind::Repeated),
        ("power-n", LawKind::Power { variable: Variable::Params }),
        ("power-d", LawKind::Power { variable: Variable::Tokens }),
        ("power-c", LawKind::Power { variable: Variable::Flops }),
        ("power-cmin", LawKind::LeastCompute),
        ("offset-n", LawKind::Offset { variable: Variable::Params }),
        ("offset-d", LawKind::Offset { variable: Variable::Tokens }),
        ("offset-c", LawKind::Offset { variable: Variable::Flops }),
        ("broken-n", LawKind::Broken { variable: Variable::Params }),
        ("broken-d", LawKind::Broken { variable: Variable::Tokens }),
        ("broken-c", LawKind::Broken { variable: Variable::Flops }),
    ];

    /// Names that [`LawKind::parse`] takes.
    pub const NAMES: [&'static str; Self::NAMED.len() + 1] = {
        let mut names = ["pinned=E"; Self::NAMED.len() + 1];
        let mut k = 0;
        while k < Self::NAMED.len() {
            names[k] = Self::NAMED[k].0;
            k += 1;
        }
        names
    };

    /// The law of a name; `pinned=1.69` gives E.
    ///
    /// # Errors
    /// [`FitError::BadOption`] that lists the names.
    pub fn parse(name: &str) -> Result<LawKind, FitError> {
        let bad = || FitError::BadOption {
            option: "law".into(),
            value: name.into(),
            range: Self::NAMES.join(", "),
            hint: "`pinned` takes its E in nats, as in pinned=1.69; 0 is allowed".into(),
        };
        if let Some(floor) = name.strip_prefix("pinned=") {
            let floor_nats: f64 = floor.parse().map_err(|_| bad())?;
            if !(floor_nats >= 0.0 && floor_nats.is_finite()) {
                return Err(bad());
            }
            return Ok(LawKind::Pinned { floor_nats });
        }
        let named = Self::NAMED.iter().find(|(known, _)| *known == name);
        named.map(|(_, law)| *law).ok_or_else(bad)
    }

    pub fn law(&self) -> Box<dyn Law> {
        match *self {
            LawKind::Hoffmann => Box::new(Hoffmann),
            LawKind::Tied => Box::new(Tied),
            LawKind::Pinned { floor_nats } => Box::new(PinnedFloor { floor_nats }),
            LawKind::Kaplan => Box::new(Kaplan),
            LawKind::Joint => Box::new(Joint { floor: false }),
            LawKind::JointOffset => Box::new(Joint { floor: true }),
            LawKind::Repeated => Box::new(Repeated),
            LawKind::Power { variable } => Box::new(PowerLaw { variable, floor: false }),
            LawKind::Offset { variable } => Box::new(PowerLaw { variable, floor: true }),
            LawKind::LeastCompute => Box::new(PowerLaw { variable: Variable::Flops, floor: false }),
            LawKind::Broken { variable } => Box::new(Broken { variable }),
        }
    }

    /// The table that the law is fitted to: C becomes C_min for [`LawKind::LeastCompute`].
    ///
    /// # Errors
    /// [`FitError::MissingColumn`] when a run has no batch.
    pub fn prepare(&self, table: &Table) -> Result<Table, FitError> {
        if *self != LawKind::LeastCompute {
            return Ok(table.clone());
        }
        table.changed(|row| {
            let batch = row.batch_tokens.ok_or_else(|| FitError::MissingColumn {
                run: row.run.clone(),
                column: "batch (tokens)".into(),
                what: "the law `power-cmin`".into(),
            })?;
            row.flops = least_compute(row.flops, batch, row.loss_nats);
            Ok(())
        })
    }
}
