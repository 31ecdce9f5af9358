//! What a one-variable law is a law of.

use serde::{Deserialize, Serialize};

use super::{Centre, Point, Reads};
use crate::observation::Observation;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variable {
    Params,
    Tokens,
    Flops,
}

impl Variable {
    /// N, D or C.
    pub fn letter(self) -> &'static str {
        self.of_three(["N", "D", "C"])
    }

    pub fn of(self, row: &Observation) -> f64 {
        self.of_three([row.params, row.tokens, row.flops])
    }

    pub(crate) fn centred(self, point: &Point) -> f64 {
        self.of_three([point.x, point.y, point.c])
    }

    pub(crate) fn centre(self, centre: &Centre) -> f64 {
        self.of_three([centre.log_params, centre.log_tokens, centre.log_flops])
    }

    pub(crate) fn reads(self) -> Reads {
        let is = |v| self == v;
        let [params, tokens, flops] = [Variable::Params, Variable::Tokens, Variable::Flops].map(is);
        Reads { params, tokens, flops, unique: false }
    }

    /// Of what N, D and C have, the variable's own.
    pub(super) fn of_three<T>(self, [params, tokens, flops]: [T; 3]) -> T {
        match self {
            Variable::Params => params,
            Variable::Tokens => tokens,
            Variable::Flops => flops,
        }
    }
}
