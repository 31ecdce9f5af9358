//! What a stack's work is, and how much of it is done.

use std::collections::BTreeSet;

use isoflop_plan::{Cell, CellId, Evaluation, Stack};

/// FLOPs of training a stack, and of its evaluations.
pub(crate) fn total_flops(stack: &Stack, evaluation: Evaluation) -> f64 {
    let evaluated = |cell: &Cell| evaluation.points as f64 * once_flops(cell, evaluation);
    stack.cost_flops() + stack.cells.iter().map(evaluated).sum::<f64>()
}

/// Of these, those done after so many steps; what is left for cells that ended counts as done.
pub(super) fn done_flops(
    stack: &Stack,
    evaluation: Evaluation,
    done: &BTreeSet<CellId>,
    step: u64,
) -> f64 {
    let to_come = |cell: &&Cell| !done.contains(&cell.id);
    let left = |cell: &Cell| {
        let points = evaluation.points as u64;
        let passed = step.min(cell.steps) * points / cell.steps.max(1);
        (points - passed) as f64 * once_flops(cell, evaluation)
    };
    let evaluations: f64 = stack.cells.iter().filter(to_come).map(left).sum();
    let training = stack.cost_flops() - trained_flops(stack, done, step);
    total_flops(stack, evaluation) - evaluations - training
}

/// Training FLOPs done of a stack after so many steps; what is left for cells that ended counts as done.
pub(super) fn trained_flops(stack: &Stack, done: &BTreeSet<CellId>, step: u64) -> f64 {
    let open = |cell: &Cell| !done.contains(&cell.id);
    let left = stack.spent_flops(open, u64::MAX) - stack.spent_flops(open, step);
    stack.cost_flops() - left
}

/// One evaluation of one cell: forward passes alone.
fn once_flops(cell: &Cell, evaluation: Evaluation) -> f64 {
    evaluation.tokens as f64 * cell.shape.flops_per_token().forward()
}

#[cfg(test)]
mod tests {
    use isoflop_plan::{Family, Hyper, Precision, Shape};

    use super::*;

    #[test]
    fn evaluations_are_work_too() {
        let (family, heads, hidden, vocab, context) = (Family::Llama, 2, 176, 256, 64);
        let shape = Shape { family, depth: 2, width: 64, heads, hidden, vocab, context };
        let cell = |steps, seed| {
            Cell::new(None, shape, steps, Hyper::for_timing(8, Precision::F32), seed, "")
        };
        let stack = Stack { id: "s".into(), cells: vec![cell(10, 0), cell(20, 1)] };
        let evaluation = Evaluation { tokens: 640, points: 2 };
        let once = 640.0 * shape.flops_per_token().forward();
        let total = total_flops(&stack, evaluation);
        assert_eq!(total, stack.cost_flops() + 4.0 * once);
        let none = BTreeSet::new();
        let at = |step| done_flops(&stack, evaluation, &none, step);
        let trained = |step| trained_flops(&stack, &none, step);
        let close = |a: f64, b: f64| assert!((a - b).abs() <= 1e-9 * total, "{a} {b}");
        close(at(0), 0.0);
        close(at(4), trained(4));
        close(at(10), trained(10) + 3.0 * once);
        close(at(20), total);
        let first = BTreeSet::from([stack.cells[0].id.clone()]);
        close(done_flops(&stack, evaluation, &first, 0), 10.0 * shape_step(&stack) + 2.0 * once);
    }

    fn shape_step(stack: &Stack) -> f64 {
        stack.cells[0].step_flops()
    }
}
