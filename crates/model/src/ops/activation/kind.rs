//! The two functions, and their constants.

/// Which function stands between the two projections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `silu(gate) * up` of `[gate, up]`: halves the width.
    SwiGlu,
    /// `x * sigmoid(2 u)`, `u = sqrt(2 / pi) (x + 0.044715 x^3)`: keeps the width.
    Gelu,
}

impl Activation {
    /// That of a family's blocks.
    pub fn of(family: isoflop_plan::Family) -> Self {
        match family {
            isoflop_plan::Family::Llama => Self::SwiGlu,
            isoflop_plan::Family::Gpt2 => Self::Gelu,
        }
    }
}

pub(crate) const GELU_SCALE: f32 = 1.595_769; // 2 sqrt(2 / pi)
pub(crate) const GELU_CUBE: f32 = 0.044_715;
