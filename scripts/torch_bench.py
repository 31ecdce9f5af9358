"""Measures the PyTorch model: one process per (shape, mode), idle between rounds, so that memory is each mode's own."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import platform
import resource
import signal
import sys
import time
import traceback

import torch

import torch_modes
from torch_shape import Shape
from torch_train import autocast

BATCHES = 8


def synchronise(device: str):
    if device == "cuda":
        torch.cuda.synchronize()


def prepare(device: str, threads: int | None):
    """Process-wide settings that PyTorch's own guides recommend."""
    if threads:
        torch.set_num_threads(threads)
    if device == "cuda":
        torch.set_float32_matmul_precision("high")


def peak_memory_bytes(device: str) -> int:
    """Most memory the GPU's allocator held, or the process's largest resident set (PyTorch itself included)."""
    if device == "cuda":
        return torch.cuda.max_memory_reserved()
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes if sys.platform == "darwin" else kilobytes * 1024


class Bench:
    """A trainer on random tokens; each replica of a stack has its own."""

    def __init__(self, shape: Shape, sequences: int, mode: str, hyper: dict, device: str):
        self.trainer, self.device = torch_modes.trainer(shape, hyper, device, mode, 1), device
        replicas = torch_modes.parse(mode).replicas
        self.tokens_per_step = replicas * sequences * shape.context
        self.batches = [
            tuple(part[0] if replicas == 1 and not mode.startswith("vmap") else part for part in batch)
            for batch in random_batches(shape, replicas, sequences, BATCHES, device)
        ]
        self.at = 0

    def run(self, seconds: float, least: int) -> dict:
        """Steps for `seconds`, and at least `least`."""
        synchronise(self.device)
        start, steps, chunk = time.perf_counter(), 0, 1
        while True:
            for _ in range(chunk):
                loss = self.trainer.step(*self.batches[self.at % BATCHES])
                self.at += 1
            steps += chunk
            synchronise(self.device)
            elapsed = time.perf_counter() - start
            if elapsed >= seconds and steps >= least:
                break
            # Look at the clock about ten times in all, so that a GPU's queue stays full.
            chunk = max(1, int(steps / elapsed * seconds / 10))
        return {
            "tokens_per_second": steps * self.tokens_per_step / elapsed,
            "steps": steps,
            "seconds": elapsed,
            "loss": loss.mean().item(),
        }


def random_batches(shape: Shape, replicas: int, sequences: int, count: int, device: str) -> list[tuple]:
    """Inputs and targets, `[R, B, T]` each."""
    rng = torch.Generator().manual_seed(1)
    ids = torch.randint(shape.vocab, (count, replicas, sequences, shape.context + 1), generator=rng).to(device)
    return [(b[..., :-1].contiguous(), b[..., 1:].contiguous()) for b in ids]


def check_losses(shape: Shape, sequences: int, mode: str, hyper: dict, device: str, steps: int = 5) -> float:
    """Trains some steps in f64, in a mode and each replica alone in a plain loop on the same tokens. Returns the largest
    difference of a loss, relative."""
    hyper = hyper | {"precision": "f32"}  # no autocast
    replicas, stacked = torch_modes.parse(mode).replicas, mode.startswith("vmap")
    batches = random_batches(shape, replicas, sequences, steps, device)
    trainer = torch_modes.trainer(shape, hyper, device, mode, 1, torch.float64)
    # Read at once: a CUDA graph writes the next one to the same place.
    found = [trainer.step(*(part if stacked else part[0] for part in batch)).reshape(-1).tolist() for batch in batches]
    worst = 0.0
    for replica in range(replicas):
        alone = torch_modes.trainer(shape, hyper, device, "eager", 1 + replica, torch.float64)
        for losses, batch in zip(found, batches):
            loss = alone.step(*(part[replica] for part in batch)).item()
            worst = max(worst, abs(losses[replica] / loss - 1))
    return worst


def end_with_parent():
    """Has the system end this process when the one that started it ends, however that comes: it would go on computing beside
    what is measured next."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def serve(pipe, shape, sequences, mode, hyper, device, threads, warm_seconds):
    """The process: warms up, then measures on request."""
    end_with_parent()
    try:
        prepare(device, threads)
        start = time.perf_counter()
        bench = Bench(shape, sequences, mode, hyper, device)
        bench.run(0.0, 1)
        first = time.perf_counter() - start
        bench.run(warm_seconds, 5)
        how = {"how": bench.trainer.how} if bench.trainer.how else {}
        pipe.send({"first_step_seconds": first} | how)
        while (seconds := pipe.recv()) is not None:
            pipe.send(bench.run(seconds, 3) | {"peak_memory_bytes": peak_memory_bytes(device)})
    except EOFError:
        pass
    except Exception:  # a failed mode is a row of the table, not the end of the comparison
        pipe.send({"failed": traceback.format_exc()})


class Worker:
    """Handle of a measuring process. What takes it longer than `limit` seconds ends it."""

    def __init__(self, limit: float | None, *arguments):
        context = multiprocessing.get_context("spawn")
        self.limit = limit
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, *arguments), daemon=True)
        self.process.start()
        theirs.close()
        self.ready = self.receive(limit)

    def receive(self, limit: float | None) -> dict:
        try:
            if self.pipe.poll(limit):
                return self.pipe.recv()
        except EOFError:
            self.process.join(10)
            return {"failed": f"the process ended with code {self.process.exitcode}"}
        self.process.kill()
        return {"failed": f"stopped: no answer in {limit:.0f} s"}

    def measure(self, seconds: float) -> dict:
        try:
            self.pipe.send(seconds)
        except OSError:
            return {"failed": "the process has ended"}
        return self.receive(self.limit and self.limit + seconds)

    def stop(self):
        try:
            self.pipe.send(None)
        except (BrokenPipeError, OSError):
            pass
        self.process.join(10)
        if self.process.is_alive():
            self.process.kill()


def gemm_peak(device: str, precision: str, threads: int | None) -> float:
    """Best FLOP/s of a large square matrix product: what the machine can do at this moment."""
    prepare(device, threads)
    n = 8192 if device == "cuda" else 2048
    a, b = torch.randn(n, n, device=device), torch.randn(n, n, device=device)
    best = float("inf")
    with autocast(device, precision):
        a, b = (x.to(torch.bfloat16) if precision == "bf16" else x for x in (a, b))
        for _ in range(12):
            synchronise(device)
            start = time.perf_counter()
            a @ b
            synchronise(device)
            best = min(best, time.perf_counter() - start)
    return 2 * n**3 / best


def cpu_name() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        return names[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def passport(device: str, threads: int | None) -> dict:
    """What a figure needs to be compared across machines."""
    prepare(device, threads)
    out = {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "load_average": os.getloadavg() if hasattr(os, "getloadavg") else None,
    }
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        out |= {
            "gpu": properties.name,
            "gpu_memory_bytes": properties.total_memory,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }
    return out
