//! `sweep`: one TOML file in, a trained grid of small language models and its scaling laws out.
//!
//! Every command reads as the part of the pipeline it runs: plan -> data -> train -> ledger -> fit -> report.
//!
//! stdout carries results, stderr everything else. The process returns 0 when done, 1 when the work failed, 2 when the command, the
//! configuration, the results folder or the table cannot be what was meant, 129, 130 and 143 after SIGHUP, Ctrl-C and SIGTERM.

mod cli;
mod commands;
mod failure;
mod print;
mod progress;
mod runs;
mod shell;
mod signals;
mod terminal;

use std::process::ExitCode;

use cli::{Cli, Command};

/// A training step takes and gives back the same few hundred buffers again and again: an allocator that keeps them
/// at hand per thread saves page faults.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Has the allocator keep freed pages instead of handing them back to the system, which clears each before its next use.
fn keep_pages() {
    /// `mi_option_purge_delay` of `mimalloc.h`; -1 is never.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    // SAFETY: an option of the allocator, set before any other thread runs.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, -1) };
}

fn main() -> ExitCode {
    signals::ignore_size_limits();
    isoflop_device::prepare_environment();
    // In a process that was started to test a driver, this does not return.
    isoflop_device::self_test_child_main();
    // Nor does this in one that was started to train on one device of several.
    isoflop::device_process_main(|| {
        signals::leave_to_parent();
        keep_pages();
    });
    let command = Cli::read().command;
    // Tables of a million runs would keep what reading them took.
    if matches!(
        command,
        Command::Run(_) | Command::Extend(_) | Command::Bench(_) | Command::Task(_)
    ) {
        keep_pages();
    }
    let json = command.json();
    match commands::run(&command) {
        Ok(code) => code,
        Err(error) => failure::report(&error, json),
    }
}
