//! The program attacked as one would attack a database: killed, out of space, without power, its files flipped and taken away.
//!
//! `cargo test` runs the short form of each; `scripts/faults.py` the long one.
#![cfg(unix)]

mod aims;
mod failing;
mod flips;
mod kills;
#[cfg(target_os = "linux")]
mod locks;
mod power;
mod races;
mod steps;
mod studies;
#[path = "../cli/support.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod support;
mod tally;
mod trace;
mod vanish;
mod volume;
