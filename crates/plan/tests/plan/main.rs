//! Tests of the public interface: configurations in, messages and grids out.

mod calibration;
mod config;
mod errors;
mod faults;
mod fuzz_corpus;
mod grid;
mod keys;
mod readme;
mod shapes;
mod shipped;
mod size;
mod stacks;
mod warnings;
