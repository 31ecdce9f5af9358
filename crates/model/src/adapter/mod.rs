//! A stack on an adapter (any device with kernels): its step as a fixed list of launches.
//!
//! All weights lie in one piece of memory, their copy in half precision in another ([`packed`]); gradients are written to their
//! places by whoever makes them, in parts that are added up once ([`parts`]). So a step is the launches of the forward and
//! backward pass ([`pass`], [`backward`]) and three more ([`update`]), whose buffers are the same from step to step.

mod backward;
mod head;
pub(crate) mod packed;
pub(crate) mod parts;
pub(crate) mod pass;
pub(crate) mod update;
