#!/usr/bin/env python3
"""Where a training step's time goes on the CPU, and the least that it could take.

    python scripts/step_profile.py --sweep target/release/sweep --shapes L4d64h2V256x16x128 L6d256h4V4096x8x256

Needs Linux `perf` and PyTorch (for the measured bandwidth of copies). Prints two tables of markdown:

- the share of the threads' time by kind of work, from samples of `perf record` over `sweep bench`;
- per shape the measured step, the FLOP floor (its matrix FLOPs, of attention those that causality leaves, at the measured peak of
  a product) and the byte floor
  (its least memory traffic at the measured bandwidth of a copy, as if no cache kept anything from one use to the next).

Bytes of a step: 44 per parameter (the weight is read forward, backward and in the update and written once; the gradient is
written once and read for its norm and the update; both moments are read and written) and 16 per activation (written and
read once, and so its gradient): in a block of the llama family 8 d + 3 h per token, then 2 d + V.
"""

from __future__ import annotations

import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import torch_shape

KINDS = [  # the first that matches a symbol
    ("matrix products", r"gemm_f32::microkernel"),
    ("packing for products, their loops", r"gemm_common|gemm_f32::|gemm::"),
    ("query-key norm and rotary", r"load_rows"),
    ("softmax of attention", r"softmax_rows"),
    ("rest of attention", r"ops::attention"),
    ("SwiGLU, GELU", r"ops::activation"),
    ("RMSNorm, LayerNorm", r"ops::norm"),
    ("cross-entropy", r"ops::cross_entropy|logf|__log"),
    ("embedding", r"ops::embedding"),
    ("AdamW, clipping, sums of gradients", r"optim::|groups::"),
    ("copies, zeros, pages, allocation", r"mem(set|move|cpy)|clear_page|^mi_|_mi_|page_fault|alloc"),
    ("threads waiting for each other", r"rayon|crossbeam|sched|futex|schedule"),
]


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--sweep", default="target/release/sweep", help="the program")
    args.add_argument("--shapes", nargs="+", required=True, help="as for `sweep bench`")
    args.add_argument("--seconds", type=float, default=8.0, help="of training per shape")
    args = args.parse_args()
    bandwidth = copy_bandwidth()
    shares, floors = {}, []
    for name in args.shapes:
        shape, sequences = torch_shape.parse(name)
        shares[name], bench = profile(args.sweep, name, args.seconds)
        measured = bench[name]
        tokens = sequences * shape.context
        flops = (shape.train_flops_per_token() - hidden_flops_per_token(shape)) * tokens
        peak = max(p["flops_per_second"] for p in bench["passport"]["peaks"])
        floors.append((name, measured["step_seconds"], flops, peak, step_bytes(shape, tokens), bandwidth))
    print_shares(shares)
    print_floors(floors)
    return 0


def profile(sweep: str, name: str, seconds: float) -> tuple[dict[str, float], dict]:
    """Share of the training threads' samples by kind, and what `sweep bench` measured."""
    command = [sweep, "bench", "--json", "--device", "cpu", "--shapes", name, "--seconds", str(seconds)]
    with tempfile.TemporaryDirectory() as folder:
        data = str(pathlib.Path(folder) / "perf.data")
        record = ["perf", "record", "-q", "-F", "999", "-o", data, "--", *command]
        bench = json.loads(subprocess.run(record, check=True, capture_output=True, text=True).stdout)
        report = ["perf", "report", "-i", data, "--no-children", "--sort", "comm,sym", "--stdio", "-F", "sample,comm,sym"]
        text = subprocess.run(report, check=True, capture_output=True, text=True).stdout
    counts: collections.Counter[str] = collections.Counter()
    for line in text.splitlines():
        row = re.match(r"\s*(\d+)\s+(\S+)\s+\[.\]\s+(.*\S)", line)
        if row and row[2].startswith("worker-"):  # the peak is measured elsewhere
            kind = next((kind for kind, pattern in KINDS if re.search(pattern, row[3])), "other")
            counts[kind] += int(row[1])
    total = counts.total()
    if not total:
        sys.exit("perf saw no training thread\nhint: let perf sample (kernel.perf_event_paranoid), and check --sweep")
    return {kind: count / total for kind, count in counts.items()}, bench


def hidden_flops_per_token(shape: torch_shape.Shape) -> float:
    """What the usual count of FLOPs has for keys after their query, which nobody needs to compute."""
    keys = shape.context - (shape.context + 1) / 2
    return 3.0 * shape.depth * 4 * keys * shape.width


def step_bytes(shape: torch_shape.Shape, tokens: int) -> float:
    activations = shape.depth * (8 * shape.width + 3 * shape.hidden) + 2 * shape.width + shape.vocab
    return 44.0 * sum(shape.params().values()) + 16.0 * activations * tokens


def copy_bandwidth() -> float:
    """Bytes per second, read and written, of a copy far larger than the caches: the best of ten."""
    import torch

    a = torch.zeros(64 << 20)
    b = torch.ones_like(a)
    best = float("inf")
    for _ in range(10):
        start = time.perf_counter()
        b.copy_(a)
        best = min(best, time.perf_counter() - start)
    return 2 * a.nbytes / best


def print_shares(shares: dict[str, dict[str, float]]) -> None:
    names = list(shares)
    print("| share of the threads' time | " + " | ".join(names) + " |")
    print("| --- |" + " ---: |" * len(names))
    for kind in [kind for kind, _ in KINDS] + ["other"]:
        row = [f"{100 * shares[name].get(kind, 0.0):.1f}%" for name in names]
        print(f"| {kind} | " + " | ".join(row) + " |")
    print()


def print_floors(rows: list[tuple]) -> None:
    print("| shape | step, ms | FLOP floor, ms | byte floor, ms | GFLOP | peak, GFLOP/s | MB | copy, GB/s |")
    print("| --- |" + " ---: |" * 7)
    for name, seconds, flops, peak, size, bandwidth in rows:
        print(
            f"| {name} | {1e3 * seconds:.1f} | {1e3 * flops / peak:.1f} | {1e3 * size / bandwidth:.1f} | {flops / 1e9:.2f} "
            f"| {peak / 1e9:.0f} | {size / 1e6:.0f} | {bandwidth / 1e9:.1f} |"
        )


if __name__ == "__main__":
    sys.exit(main())
