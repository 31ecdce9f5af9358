//! The program from outside: what it prints, what it refuses, and that no kill changes a result.

mod config;
mod help;
mod kill;
mod results;
mod signal;
mod support;
mod writers;
