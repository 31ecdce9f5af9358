//! What a stack may ask of a device.

use isoflop_device::TrainDevice;
use isoflop_plan::{Cell, Config, Grid, Kept, Stack, StackLimits, stack_memory};
use isoflop_report::number;
use isoflop_train::Workers;

use crate::error::StudyError;

/// Share of the device's memory that the planner may count on: the rest is for the system and for what no estimate covers.
const MEMORY_SHARE: f64 = 0.8;

/// Most of the device's memory, in bytes; `None` where it does not tell.
pub fn usable_memory_bytes(device: &TrainDevice) -> Option<u64> {
    device.info.memory_bytes.map(|bytes| (bytes as f64 * MEMORY_SHARE) as u64)
}

/// What the device's operations keep, as kernels or as tensor operations.
pub fn kept(device: &TrainDevice, kernels: bool) -> Kept {
    match kernels {
        _ if device.info.is_cpu() => Kept::All,
        true => Kept::Pieces,
        false => Kept::Scores,
    }
}

/// How large a stack of a study may become on a device: memory is what the user says, or most of what the device has.
pub fn stack_limits(config: &Config, device: &TrainDevice) -> StackLimits {
    StackLimits {
        memory_bytes: config.device.memory_bytes().or_else(|| usable_memory_bytes(device)),
        tensor_bytes: device.tensor_bytes,
        kept: kept(device, device.choices.kernels),
        ..StackLimits::of(config)
    }
}

/// Replicas of a stack that are evaluated side by side, at most; the CPU's estimates are too high to go by.
pub(crate) fn evaluated_at_once(
    limits: StackLimits,
    device: &TrainDevice,
    stack: &Stack,
    sequences: usize,
) -> Option<usize> {
    (!device.info.is_cpu()).then(|| limits.evaluated_at_once(stack, sequences))
}

/// Refuses models whose weights, gradients and moments alone are more than the device's memory: no batch is small enough.
pub(crate) fn refuse_too_large(
    grid: &Grid,
    limits: StackLimits,
    device: &str,
) -> Result<(), StudyError> {
    let Some(available) = limits.memory_bytes else { return Ok(()) };
    let needed = |cell: &Cell| {
        let estimate = stack_memory(&cell.shape, &cell.hyper, 1, 1, Kept::Pieces);
        estimate.weights + estimate.gradients + estimate.moments
    };
    let cells = grid.cells.iter().map(|planned| &planned.cell);
    match cells.map(|cell| (needed(cell), cell)).max_by_key(|(bytes, _)| *bytes) {
        Some((bytes, cell)) if bytes > available => Err(StudyError::Misuse(format!(
            "{} needs {} for its weights, gradients and moments alone, and training may use {} of {device}\nhint: take smaller models, or say with `device.memory_gib` how much memory there is",
            cell.shape,
            number::bytes(bytes as f64),
            number::bytes(available as f64),
        ))),
        _ => Ok(()),
    }
}

/// The workers among which these stacks share the device.
pub(crate) fn workers<'a>(
    config: &Config,
    limits: StackLimits,
    device: &TrainDevice,
    stacks: impl Iterator<Item = &'a Stack>,
) -> Result<Workers, StudyError> {
    let (mut count, mut bytes) = (0, 0);
    for stack in stacks {
        count += 1;
        bytes = limits.stack_bytes(stack).max(bytes);
    }
    let wanted = config.device.stacks_at_once;
    Workers::new(&device.device, wanted, count, bytes, limits.memory_bytes)
        .map_err(StudyError::Workers)
}
