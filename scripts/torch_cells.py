"""Trains the cells of a grid one after the other, as a plain PyTorch loop would: memory-mapped tokens, random windows,
held-out evaluations along the way, loss read every few steps."""

from __future__ import annotations

import json
import time

import numpy
import torch

import torch_modes
from torch_bench import synchronise
from torch_shape import Shape
from torch_train import Trainer, autocast, learning_rate

LOG_EVERY = 10


def read_cells(path: str) -> list[dict]:
    """Cells as `isoflop_plan::Cell` writes them: `{id, shape: {..}, steps, hyper: {..}, seed}`; other keys are left
    alone. A bare list, or under the key `cells`, or what `sweep plan --json` prints."""
    with open(path) as file:
        data = json.load(file)
    if isinstance(data, dict) and "grid" in data:
        data = [planned["cell"] for planned in data["grid"]["cells"]]
    cells = data["cells"] if isinstance(data, dict) else data
    for index, cell in enumerate(cells):
        missing = {"shape", "steps", "hyper", "seed"} - set(cell)
        if missing:
            raise ValueError(f"{path}: cell {index} has no {', '.join(sorted(missing))}\nhint: see --help for the form")
        if cell["hyper"].get("optimizer", "adamw") != "adamw":
            raise ValueError(f"{path}: cell {index} wants {cell['hyper']['optimizer']}\nhint: only adamw is compared")
    return cells


def flops(cell: dict) -> float:
    """Exact training FLOPs of a cell."""
    shape = Shape(**cell["shape"])
    return cell["steps"] * cell["hyper"]["batch_sequences"] * shape.context * shape.train_flops_per_token()


def map_tokens(path: str) -> numpy.ndarray:
    """A token file of `sweep`'s data cache (64-byte header), or bare little-endian u16 ids."""
    with open(path, "rb") as file:
        header = file.read(64)
    if header[:8] != b"isoflop\x01":
        return numpy.memmap(path, dtype="<u2", mode="r")
    width, count = (int.from_bytes(header[at:at + 8], "little") for at in (8, 16))
    return numpy.memmap(path, dtype=f"<u{width}", mode="r", offset=64, shape=(count,))


class Tokens:
    """Token files, memory-mapped; or random tokens where there is no file. `limit`: held-out tokens at most."""

    def __init__(self, train: str | None, valid: str | None, limit: int | None, vocab: int):
        if train is None:
            rng = numpy.random.default_rng(1)
            self.train = rng.integers(vocab, size=1 << 22, dtype=numpy.uint32)
            self.valid = rng.integers(vocab, size=(limit or 1 << 17) + 1, dtype=numpy.uint32)
            return
        self.train, self.valid = map_tokens(train), map_tokens(valid)
        if limit:
            self.valid = self.valid[: limit + 1]

    def batch(self, rng: numpy.random.Generator, sequences: int, context: int) -> torch.Tensor:
        """Random windows, `[sequences, context + 1]`."""
        starts = rng.integers(len(self.train) - context, size=sequences)
        return torch.from_numpy(numpy.stack([self.train[s:s + context + 1] for s in starts]).astype(numpy.int64))

    def held_out(self, sequences: int, context: int):
        """All held-out windows, in passes."""
        total = (len(self.valid) - 1) // context
        for start in range(0, total, sequences):
            rows = range(start, min(start + sequences, total))
            yield torch.from_numpy(
                numpy.stack([self.valid[r * context:(r + 1) * context + 1] for r in rows]).astype(numpy.int64)
            )


def to_device(ids: torch.Tensor, device: str):
    if device == "cuda":
        ids = ids.pin_memory().to(device, non_blocking=True)
    return ids[:, :-1].contiguous(), ids[:, 1:].contiguous()


@torch.no_grad()
def evaluate(trainer: Trainer, tokens: Tokens, context: int, sequences: int) -> float:
    """Mean held-out loss, nats per token."""
    total, count = torch.zeros((), dtype=torch.float64, device=trainer.device), 0
    for ids in tokens.held_out(sequences, context):
        with autocast(trainer.device, trainer.hyper["precision"]):
            # The model as it is: a compiled one would be compiled anew for evaluation.
            loss, _ = trainer.model(*to_device(ids, trainer.device))
        total += loss.double() * len(ids)
        count += len(ids)
    return (total / count).item()


def train_cell(cell: dict, tokens: Tokens, mode: str, device: str, precision: str, options) -> dict:
    """One cell from scratch. Seconds are wall time; `seconds` holds everything."""
    start = time.perf_counter()
    shape, steps = Shape(**cell["shape"]), cell["steps"]
    hyper = cell["hyper"] | {"precision": precision}
    trainer = torch_modes.trainer(shape, hyper, device, mode, cell["seed"])
    rng = numpy.random.default_rng(cell["seed"])
    points = {-(-steps * (i + 1) // options.valid_points) for i in range(options.valid_points)}
    eval_seconds, first, losses, valid = 0.0, None, [], []
    for step in range(steps):
        batch = to_device(tokens.batch(rng, hyper["batch_sequences"], shape.context), device)
        loss = trainer.step(*batch, learning_rate(hyper, step, steps))
        if step == 0:
            synchronise(device)
            first = time.perf_counter() - start
        if step % LOG_EVERY == 0 or step + 1 == steps:
            losses.append(loss.item())
        if step + 1 in points:
            synchronise(device)
            eval_start = time.perf_counter()
            valid.append((step + 1, evaluate(trainer, tokens, shape.context, options.eval_sequences)))
            eval_seconds += time.perf_counter() - eval_start
    synchronise(device)
    seconds = time.perf_counter() - start
    trained = steps * hyper["batch_sequences"] * shape.context
    return {
        "id": cell.get("id"),
        "shape": cell["shape"],
        "steps": steps,
        "tokens": trained,
        "seconds": seconds,
        "eval_seconds": eval_seconds,
        "first_step_seconds": first,
        "tokens_per_second": trained / (seconds - eval_seconds),
        "flops": trained * shape.train_flops_per_token(),
        "last_loss_nats": losses[-1],
        "valid_loss_nats": valid[-1][1] if valid else None,
        "valid_curve": valid,
    }
