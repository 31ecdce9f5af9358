//! The ledger from outside: what a kill leaves, who may write, what reads back.

mod append;
mod config;
mod faults;
mod fuzz_corpus;
mod lock;
mod passport;
mod repeats;
mod round_trip;
mod samples;
mod sealed;
mod shards;
mod torn;
mod vanish;
