//! How even tasks come out, and how even devices of a box, by the times that the cells of a study took.
//!
//!     cargo run --release -p isoflop --example packing -- FOLDER [SEEDS]
//!
//! The study in FOLDER is taken as if every cell were there with so many SEEDS, each as long as the one that trained. Tasks are dealt out
//! by FLOPs and by the speed of FOLDER's cells; stacks are handed out one by one to whoever is free.

use std::collections::BTreeMap;
use std::path::PathBuf;

use isoflop::{Folder, StackTimes};
use isoflop_plan::{Cell, CellId, Stack, deal};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("FOLDER is missing")?);
    let seeds: u64 = arguments.next().map_or(Ok(1), |seeds| seeds.parse())?;
    let folder = Folder::read(&folder)?;
    let times = StackTimes::of(&folder.contents).ok_or("no cell tells its speed")?;

    // Copies of a cell have names of their own, and the time of the one that trained.
    let mut copies: BTreeMap<CellId, f64> = BTreeMap::new();
    let mut cells: BTreeMap<&str, Vec<Cell>> = BTreeMap::new();
    for (id, record) in folder.contents.current() {
        let (run, cell) = (&record.run, &record.result.cell);
        let seconds = (run.train_seconds + run.eval_seconds) * run.device_share;
        for seed in 0..seeds {
            let copy = CellId(format!("{id}-{seed}"));
            copies.insert(copy.clone(), seconds);
            cells.entry(&run.stack).or_default().push(Cell { id: copy, seed, ..cell.clone() });
        }
    }
    let stacks: Vec<Stack> = cells.into_values().map(Stack::of).collect();
    let cells = copies.len();
    let evaluation = folder.grid.evaluation;
    let expected = |stack: &Stack| times.seconds(stack, evaluation).unwrap_or_default();
    let real = |stack: &Stack| stack.cells.iter().map(|cell| copies[&cell.id]).sum::<f64>();
    println!("{cells} cells, {:.0} s on one device", stacks.iter().map(real).sum::<f64>());
    println!("| tasks or devices | dealt by FLOPs | by speed | handed out |");
    println!("| ---: | ---: | ---: | ---: |");
    for count in [1, 4, 16, 64] {
        let by_flops = deal(&stacks, count, Stack::cost_flops, |_| false);
        let by_speed = deal(&stacks, count, expected, |_| false);
        let ideal = stacks.iter().map(real).sum::<f64>() / count as f64;
        let longest = |dealt: &isoflop_plan::Dealt| {
            let of = |stacks: &[Stack]| stacks.iter().map(real).sum::<f64>();
            dealt.packings.iter().map(|packing| of(&packing.stacks)).fold(0.0, f64::max)
        };
        // Whoever is free takes the costliest that is left.
        let mut parts: Vec<Stack> =
            by_speed.packings.iter().flat_map(|packing| packing.stacks.clone()).collect();
        parts.sort_by(|a, b| expected(b).total_cmp(&expected(a)));
        let mut loads = vec![0.0_f64; count];
        for part in &parts {
            let free = loads.iter_mut().min_by(|a, b| a.total_cmp(b)).expect("a device");
            *free += real(part);
        }
        let last = loads.into_iter().fold(0.0, f64::max);
        let percent = |seconds: f64| 100.0 * ideal / seconds;
        println!(
            "| {count} | {:.0}% | {:.0}% | {:.0}% |",
            percent(longest(&by_flops)),
            percent(longest(&by_speed)),
            percent(last)
        );
    }
    Ok(())
}
