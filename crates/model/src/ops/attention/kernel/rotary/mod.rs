//! RMSNorm (Henry et al. 2020) and rotary positions (Su et al. 2021) of queries and keys. Units take the pairs of coordinates that
//! one angle rotates, so that forward and backward pass need nothing of each other: one pair in `f32` ([`single`]), eight in half
//! precision ([`half`]).

mod formulas;
pub(super) mod half;
mod pairs;
pub(super) mod single;

pub(crate) use formulas::chunks;
