//! Stacks: what they hold, how wide they are, what they need.

use isoflop_plan::{Grid, Kept, PlanWarning, Shape, Stack, StackLimits};

use crate::grid::{STUDY, grid};

/// No bounds but the width.
fn unbounded(max_width: usize) -> StackLimits {
    let (memory_bytes, micro_batch_sequences, tensor_bytes) = (None, None, None);
    StackLimits { max_width, memory_bytes, micro_batch_sequences, tensor_bytes, kept: Kept::All }
}

#[test]
fn no_tensor_is_larger_than_a_buffer() {
    let mut grid = grid(
        "[grid]\nbudgets = [1e12]\nwidths = [32, 64]\nseeds = [0, 1, 2, 3]\n[train]\nbatch_tokens = 4096\n",
    );
    let pieces = StackLimits { kept: Kept::Pieces, ..unbounded(4) };
    grid.restack(pieces, None);
    assert!(grid.stacks.iter().all(|stack| stack.cells.len() == 4));
    let stack = grid.stacks[0].clone();
    let cell = &stack.cells[0];
    let (batch, eval) = (cell.hyper.batch_sequences, 16);
    let largest = |replicas, sequences| {
        pieces.estimate(&cell.shape, &cell.hyper, replicas, sequences).largest_tensor
    };
    // Room for two replicas' largest tensor.
    let two = StackLimits { tensor_bytes: Some(largest(2, batch)), ..pieces };
    assert_eq!(two.micro_batch(&stack), Some(batch / 2));
    let most = StackLimits { tensor_bytes: Some(largest(3, eval)), ..pieces };
    assert_eq!(most.evaluated_at_once(&stack, eval), 3);
    assert_eq!(pieces.evaluated_at_once(&stack, eval), 4);
    // Room for what training keeps of all, and a block's activations of two.
    let kept = pieces.estimate(&cell.shape, &cell.hyper, 4, 1);
    let block = Shape { depth: 1, ..cell.shape };
    let pass = pieces.estimate(&block, &cell.hyper, 2, eval).activations;
    let memory_bytes = Some(kept.total() - kept.activations + pass);
    assert_eq!(StackLimits { memory_bytes, ..pieces }.evaluated_at_once(&stack, eval), 2);
    assert_eq!(StackLimits { tensor_bytes: Some(1), ..pieces }.evaluated_at_once(&stack, eval), 1);
    grid.restack(two, None);
    assert!(grid.stacks.iter().all(|stack| stack.cells.len() <= 2), "{:?}", grid.stacks);
    grid.restack(StackLimits { tensor_bytes: Some(64), ..pieces }, None);
    let short = grid.warnings.iter().find(|w| matches!(w, PlanWarning::MemoryShort { .. }));
    assert!(short.unwrap().to_string().contains("more than the 64 B"), "{short:?}");
}

#[test]
fn memory_is_told_in_units_that_show_it() {
    let mut grid = grid("[grid]\nbudgets = [1e11]\nwidths = [32, 64]\n");
    let one = StackLimits { memory_bytes: Some(300_000), ..unbounded(1) };
    grid.restack(one, None);
    let short = grid.warnings.iter().find(|w| matches!(w, PlanWarning::MemoryShort { .. }));
    let told = short.unwrap().to_string();
    assert!(told.contains("more than the 293 KiB"), "{told}");
    assert!(told.contains(" MiB,") && !told.contains("0.0"), "{told}");
}

#[test]
fn stacks_hold_every_cell_once_and_respect_the_limits() {
    let mut grid = grid(&format!("{STUDY}seeds = [0, 1, 2]\n"));
    let mut ids: Vec<_> = grid.cells.iter().map(|c| c.cell.id.clone()).collect();
    ids.sort();
    for width in [1, 2, 3, 8] {
        let limits = StackLimits { memory_bytes: None, ..unbounded(width) };
        grid.restack(limits, None);
        let mut stacked: Vec<_> =
            grid.stacks.iter().flat_map(|s| s.cells.iter().map(|c| c.id.clone())).collect();
        stacked.sort();
        assert_eq!(stacked, ids);
        for stack in &grid.stacks {
            assert!(stack.cells.len() <= width);
            for pair in stack.cells.windows(2) {
                assert!(pair[0].steps >= pair[1].steps);
                assert_eq!(pair[0].shape, pair[1].shape);
                assert_eq!(pair[0].hyper.batch_sequences, pair[1].hyper.batch_sequences);
            }
        }
    }
    let widest = grid.stacks.iter().map(|s| s.cells.len()).max().unwrap();
    assert!(widest >= 3);
    // What was measured takes the place of the default, each model's own.
    let steps: Vec<f64> = grid.alike().iter().map(|cells| cells[0].step_flops()).collect();
    assert!(steps.len() > 2 && steps.is_sorted());
    let costliest = *steps.last().unwrap();
    let widths = |step: f64| Some(if step < costliest { 3 } else { 1 });
    let limits = StackLimits { memory_bytes: None, ..unbounded(8) };
    grid.restack(limits, Some(&widths));
    let width = |step: f64| {
        let stacks = grid.stacks.iter().filter(|s| s.cells[0].step_flops() == step);
        stacks.map(|s| s.cells.len()).max().unwrap()
    };
    assert_eq!((width(steps[0]), width(*steps.last().unwrap())), (3, 1));
    let limits = StackLimits { memory_bytes: Some(1), ..unbounded(8) };
    grid.restack(limits, None);
    assert_eq!(grid.stacks.len(), grid.cells.len());
    let short = |g: &Grid| {
        g.warnings.iter().filter(|w| matches!(w, PlanWarning::MemoryShort { .. })).count()
    };
    assert_eq!(short(&grid), 1);
    grid.restack(StackLimits { memory_bytes: Some(1 << 40), ..limits }, None);
    assert_eq!(short(&grid), 0);
    // Room for a part of a batch alone: it is cut, which is said, and is not short.
    let text = format!("{STUDY}[train]\nbatch_tokens = 2048\n").replace("[5e10", "[2e12");
    let mut grid = self::grid(&text.replace(", 1.1e11, 2.4e11, 5.5e11, 1.2e12", ", 4e12"));
    let one = |g: &Grid, l: StackLimits| g.stacks.iter().map(|s| l.stack_bytes(s)).max().unwrap();
    let single = StackLimits { max_width: 1, memory_bytes: Some(1), ..limits };
    grid.restack(single, None);
    let most = one(&grid, single);
    let limits = StackLimits { memory_bytes: Some(most), ..single };
    grid.restack(limits, None);
    assert_eq!(short(&grid), 0);
    let cut =
        |w: &&PlanWarning| matches!(w, PlanWarning::MicroBatches { passes, .. } if *passes > 1);
    assert_eq!(grid.warnings.iter().filter(cut).count(), 1, "{:?}", grid.warnings);
    assert!(one(&grid, limits) <= most);
    assert!(grid.stacks.iter().any(|s| limits.micro_batch(s).is_some()));
}

#[test]
fn a_law_of_n_and_d_gives_the_runs_of_one_trunk_one_rate() {
    let text = "[grid]\nwidths = [32]\ntokens_per_param = [40, 80, 160]\n[train]\nschedule = \"wsd\"\nbatch_tokens = 1024\n\
                learning_rate = { coefficient = 40, exponent = -0.25, tokens_exponent = -0.47 }\n";
    let grid = grid(text);
    let rates: Vec<f64> = grid.cells.iter().map(|c| c.cell.hyper.learning_rate).collect();
    assert!(rates.len() == 3 && rates.iter().all(|r| *r == rates[0]), "{rates:?}");
    let whole: f64 = grid.stacks.iter().map(Stack::cost_flops).sum();
    assert!(whole < 0.8 * grid.train_flops(), "trunks are shared");
}

#[test]
fn runs_that_share_a_trunk_stay_together_however_narrow_stacks_pay() {
    let text = "[grid]\nwidths = [32]\ntokens_per_param = [40, 80, 160]\nseeds = [0, 1]\n\
                [train]\nschedule = \"wsd\"\nbatch_tokens = 1024\n";
    let mut grid = grid(text);
    let limits = StackLimits { memory_bytes: None, ..unbounded(8) };
    let alone = |_: f64| Some(1);
    let whole: f64 = grid.stacks.iter().map(Stack::cost_flops).sum();
    assert!(whole < 0.8 * grid.train_flops(), "trunks are shared");
    grid.restack(limits, Some(&alone));
    // A stack for each seed, with the three lengths of it.
    let seeds: Vec<Vec<u64>> =
        grid.stacks.iter().map(|s| s.cells.iter().map(|c| c.seed).collect()).collect();
    assert_eq!(seeds.len(), 2);
    assert!(seeds.iter().all(|s| s.len() == 3 && s.iter().all(|x| *x == s[0])), "{seeds:?}");
    let steps: Vec<u64> = grid.stacks[0].cells.iter().map(|c| c.steps).collect();
    assert!(steps.is_sorted_by(|a, b| a > b), "{steps:?}");
    let apart: f64 = grid.stacks.iter().map(Stack::cost_flops).sum();
    assert!((apart / whole - 1.0).abs() < 1e-12);
    // Without the memory for that, apart.
    let one = StackLimits { memory_bytes: Some(1), ..limits };
    grid.restack(one, Some(&alone));
    assert_eq!(grid.stacks.len(), 6);
}
