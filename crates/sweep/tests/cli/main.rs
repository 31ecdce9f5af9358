//! The program from outside: what it prints, what it refuses, and that no kill changes a result.

mod bench;
#[cfg(unix)]
mod cases;
mod check;
mod compare;
mod config;
mod data;
mod devices;
mod energy;
mod extend;
mod fit;
mod gpu_study;
mod help;
mod init;
mod kill;
mod law_tests;
#[cfg(unix)]
mod limits;
mod merge;
mod next;
mod odd_rows;
mod pipe;
mod precision;
mod predict;
mod register;
mod results;
mod runs;
mod set;
mod shapes;
mod signal;
#[cfg(unix)]
mod slurm;
mod state;
mod status;
mod steady;
mod support;
mod table_errors;
mod table_report;
mod tables;
mod tasks;
mod width;
mod writers;
