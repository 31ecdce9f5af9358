#!/usr/bin/env python3
"""PyTorch against Isoflop on one machine, alternating in one run.

Model for model (forward + backward + clipping + AdamW on random tokens):

    python scripts/compare_pytorch.py --shapes L2d32h1V256x16x64 L4d64h2V256x16x128 \\
        --ours "target/release/sweep bench" --out results/bench/cpu

Sweep for sweep (the same cells, trained one by one as a plain PyTorch loop would):

    python scripts/compare_pytorch.py --cells cells.json --train-tokens T --valid-tokens V \\
        --ours "target/release/sweep --config configs/quickstart.toml --results runs/compare-{round}" --out results/sweep/cpu

Writes OUT.json (all rounds, settings, passports of both) and OUT.md (medians and ratios); the table goes to stdout,
progress to stderr. Without --ours only PyTorch is measured. Needs torch; --cells needs numpy too.

MODES   of PyTorch, by commas or blanks apart; what fails or has no meaning here is a row that says so:
    eager, compile[:MODE]  a plain loop; the model by torch.compile, MODE being inductor's
    graphs                 the compiled forward and backward pass as CUDA graphs (reduce-overhead), static places for the batch
    graphs:step            the whole step, clipping and AdamW with it, captured as one CUDA graph
    vmap[:MODE][@R]        a stack of R replicas (8) trained in lock-step by torch.func; tokens of all of them together, to be
                           set beside `ours@R`
--self-check says instead, for each shape and mode, whether five steps in f64 have the losses of a plain loop, replica by replica.

SHAPES  `[gpt2:]L<depth>d<width>h<heads>[H<hidden>]V<vocab>x<sequences>x<context>`.

WHAT --ours MUST DO, with --shapes: it is run once per shape and round, as `COMMAND --shapes <shape> --json`, and prints
one JSON object on stdout:

    {"L4d64h2V256x16x128": 61000.0,                        tokens per second of training, warm-up left out
     "L4d64h2V256x16x128@8": {"tokens_per_second": 2.1e5,   a stack of 8 replicas: tokens of all of them together
                              "peak_memory_bytes": 1.2e8,   (optional)
                              "precision": "f32",           (optional; a table of mixed precisions says so)
                              "shape": {...}},              (optional; isoflop_plan::Shape, checked against ours)
     "L4d64h2V256x16x128@2w": {"failed": "..."},            instead of the speed, where there is none
     "passport": {...}}                                     (optional; kept as it is)

Every key that is the shape, or the shape followed by `@...`, becomes a contender: `ours`, `ours@8` a stack of 8 replicas,
`ours@2w` two stacks at once on the CPU, `ours@8x2w` both. Which ones `sweep bench` measures is part of the command:
--ours "target/release/sweep bench --device cpu --replicas 1,4 --stacks-at-once 1,2". With --cells it is run once per
round, must train the whole grid from nothing, and is timed from outside; `{round}` in it becomes the round's number, so
that every round can have a fresh results folder. Its stdout goes to stderr.

CELLS   what `sweep plan --config FILE --json` prints, or a JSON list (or {"cells": [...]}) of cells:
    {"id": "..", "shape": {"family": "llama", "depth": 2, "width": 64, "heads": 2, "hidden": 168, "vocab": 512,
     "context": 128}, "steps": 400, "seed": 1, "hyper": {"batch_sequences": 16, "learning_rate": 3e-3,
     "warmup_steps": 20, "schedule": {"kind": "cosine", "final_fraction": 0.1}, "optimizer": "adamw", "beta1": 0.9,
     "beta2": 0.95, "epsilon": 1e-8, "weight_decay": 0.1, "clip_norm": 1.0, "z_loss": 0.0, "precision": "f32"}}
Token files are those of `sweep`'s data cache, or bare little-endian u16 ids; without them tokens are random.

Ends with code 1 where --ours never came to a figure, or a self-check failed.
"""

from __future__ import annotations

import argparse
import copy
import datetime
import json
import os
import pathlib
import shlex
import subprocess
import sys
import time
import traceback

import compare_report
import torch_modes
import torch_shape

SETTLE_SECONDS = 0.5
# Losses of a self-check may differ by this, relative: what is left of f64 with a rate in f32.
SAME = 1e-6
HYPER = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8, "weight_decay": 0.1}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--shapes", nargs="+", metavar="SHAPE", help="measure these shapes")
    what.add_argument("--cells", metavar="FILE", help="train these cells one after the other")
    parser.add_argument("--ours", metavar="COMMAND", help="the contender, see above")
    parser.add_argument("--out", metavar="PATH", help="where to write PATH.json and PATH.md")
    parser.add_argument("--rounds", type=int, help="alternations (default: 5 with --shapes, 1 with --cells)")
    parser.add_argument("--modes", nargs="+", help="PyTorch's modes, see above (default: eager,compile, on a GPU graphs too)")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--precision", choices=["f32", "bf16"], help="default: f32 on the CPU, bf16 autocast on CUDA")
    parser.add_argument("--limit", type=float, metavar="SECONDS", help="begin no round of a shape later than this, nor "
                        "another cell in PyTorch (default: none); what is left out is told")
    parser.add_argument("--threads", type=int, help="threads of both (sets RAYON_NUM_THREADS for ours too)")
    parser.add_argument("--torch-threads", type=int, help="threads of PyTorch alone (default: those of both): small models train "
                        "faster on one than on several")
    group = parser.add_argument_group("with --shapes")
    group.add_argument("--seconds", type=float, default=5.0, help="length of one PyTorch measurement (default 5)")
    group.add_argument("--warm-up", type=float, default=3.0, help="seconds before the first one (default 3)")
    group.add_argument("--mode-limit", type=float, default=300.0, metavar="SECONDS", help="end a mode that takes longer than this to "
                       "compile and warm up, and go on with the others (default 300)")
    group.add_argument("--self-check", action="store_true", help="compare losses instead of speeds, see above")
    group.add_argument("--clip", type=float, default=1.0, help="gradient-norm limit; 0 leaves clipping out (default 1)")
    group.add_argument("--z-loss", type=float, default=0.0, help="weight of the z-loss (default 0: left out)")
    group = parser.add_argument_group("with --cells")
    group.add_argument("--train-tokens", metavar="FILE")
    group.add_argument("--valid-tokens", metavar="FILE")
    group.add_argument("--valid-limit", type=int, metavar="TOKENS", help="held-out tokens to use (default: all)")
    group.add_argument("--valid-points", type=int, default=1, help="held-out evaluations per cell (default 1)")
    group.add_argument("--eval-sequences", type=int, default=32, help="sequences per evaluation pass (default 32)")
    return parser.parse_args()


def note(text: str):
    print(text, file=sys.stderr, flush=True)


def environment(options) -> dict:
    extra = {"RAYON_NUM_THREADS": str(options.threads)} if options.threads else {}
    return os.environ | extra


def ask_ours(options, name: str, shape: torch_shape.Shape) -> dict[str, dict]:
    """Runs the contender on one shape. Returns its measurements by contender, and its passport."""
    command = shlex.split(options.ours) + ["--shapes", name, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment(options))
    try:
        printed = json.loads(done.stdout)
    except ValueError:
        return {"ours": {"failed": f"{shlex.join(command)} ended with code {done.returncode} and printed no JSON"}}
    out = {}
    for key, value in printed.items():
        if key == "passport":
            out["passport"] = value
        if key != name and not key.startswith(name + "@"):
            continue
        value = value if isinstance(value, dict) else {"tokens_per_second": value}
        if value.get("shape", shape.as_dict()) != shape.as_dict():
            sys.exit(f"{name}: ours measured {value['shape']}, PyTorch {shape.as_dict()}\n"
                     "hint: name the hidden width in the shape: L4d64h2H168V256x16x128")
        out["ours" + key[len(name):]] = value
    if not any(key.startswith("ours") for key in out):
        out["ours"] = {"failed": f"{shlex.join(command)} printed no figure for {name}"}
    return out


def compare_shape(options, name: str, keep) -> dict:
    """All rounds of one shape: the modes of PyTorch and ours take turns, each round starting with another. A mode is compiled
    right before its first turn, so that the figures of the modes before it are there whatever comes of it. `keep` is given
    what there is after every turn."""
    from torch_bench import Worker

    shape, sequences = torch_shape.parse(name)
    hyper = HYPER | {"clip_norm": options.clip or None, "z_loss": options.z_loss, "precision": options.precision}
    workers, contenders, passport = {}, {}, None

    def found_so_far() -> dict:
        return {
            "name": name,
            "shape": shape.as_dict(),
            "sequences": sequences,
            "params": shape.params(),
            "train_flops_per_token": shape.train_flops_per_token(),
            "contenders": copy.deepcopy(contenders),
            "ours_passport": passport,
        }

    def take(number: int, turn: str):
        nonlocal passport
        time.sleep(SETTLE_SECONDS)
        if turn == "ours":
            found = ask_ours(options, name, shape)
            passport = found.pop("passport", passport)
        else:
            found = {turn: workers[turn].measure(options.seconds)}
            if "failed" in found[turn]:
                workers.pop(turn).stop()
        for key, value in found.items():
            contenders.setdefault(key, {"rounds": []})["rounds"].append(value)
            speed = value.get("tokens_per_second")
            note(f"{name}: round {number + 1}, {key}: "
                 + (f"{speed:,.0f} tokens/s" if speed else compare_report.reason(value["failed"])))
        keep(found_so_far())

    def begin(mode: str):
        """Compiles a mode and warms it up."""
        turn = f"torch {torch_modes.full_name(mode)}"
        contenders[turn] = {"rounds": []}
        if why := torch_modes.inapplicable(mode, options.device):
            contenders[turn]["inapplicable"] = why
            note(f"{name}: PyTorch {mode}: not applicable, {why}")
            return keep(found_so_far())
        note(f"{name}: PyTorch {mode}, warm-up")
        worker = Worker(options.mode_limit, shape, sequences, mode, hyper, options.device, options.torch_threads, options.warm_up)
        contenders[turn] |= worker.ready
        if "failed" in worker.ready:
            note(f"{name}: PyTorch {mode}: {compare_report.reason(worker.ready['failed'])}")
            return keep(found_so_far())
        workers[turn] = worker
        take(0, turn)

    try:
        for mode in options.modes:
            begin(mode)
        start = time.perf_counter()
        for number in range(options.rounds):
            if number and options.limit and time.perf_counter() - start > options.limit:
                note(f"{name}: {number} of {options.rounds} rounds, then the time was up")
                break
            # The modes of PyTorch have had their first turns.
            turns = (list(workers) if number else []) + (["ours"] if options.ours else [])
            shift = number % max(len(turns), 1)
            for turn in turns[shift:] + turns[:shift]:
                take(number, turn)
    finally:
        for worker in workers.values():
            worker.stop()
    return found_so_far()


def compare_cells(options) -> tuple[dict, dict | None]:
    """All rounds of the grid, and the passport of ours."""
    import torch_bench
    import torch_cells

    torch_bench.prepare(options.device, options.torch_threads)
    cells = torch_cells.read_cells(options.cells)
    vocab = min(cell["shape"]["vocab"] for cell in cells)
    tokens = torch_cells.Tokens(options.train_tokens, options.valid_tokens, options.valid_limit, vocab)
    contenders: dict[str, dict] = {}
    passport = None
    for number in range(options.rounds):
        if options.ours:
            found, passport = time_ours(options, number)
            contenders.setdefault("ours", {"rounds": []})["rounds"].append(found)
        for mode in options.modes:
            contender = contenders.setdefault(f"torch {torch_modes.full_name(mode)}", {"rounds": []})
            if why := torch_modes.inapplicable(mode, options.device, one_by_one=True):
                contender["inapplicable"] = why
                note(f"{mode}: not applicable, {why}")
                continue
            done, failed, start = [], {}, time.perf_counter()
            for index, cell in enumerate(spread(cells) if options.limit else cells):
                if options.limit and time.perf_counter() - start > options.limit:
                    note(f"{mode}: {index} of {len(cells)} cells, then the time was up")
                    break
                try:
                    result = torch_cells.train_cell(cell, tokens, mode, options.device, options.precision, options)
                except Exception:  # a row of the table, as with shapes
                    failed = {"failed": traceback.format_exc()}
                    note(f"{mode}: cell {index + 1} of {len(cells)}: {compare_report.reason(failed['failed'])}")
                    break
                done.append(result)
                note(f"{mode}: cell {index + 1} of {len(cells)}, {result['seconds']:.1f} s, "
                     f"{result['tokens_per_second']:,.0f} tokens/s, held-out loss {result['valid_loss_nats']:.4f}")
            seconds, flops = time.perf_counter() - start, sum(r["flops"] for r in done)
            contender["rounds"].append({"seconds": seconds, "flops": flops, "cells": done} | failed)
    flops = sum(torch_cells.flops(cell) for cell in cells)
    return {"cells": len(cells), "flops": flops, "contenders": contenders}, passport


def time_ours(options, number: int) -> tuple[dict, dict | None]:
    """Trains the whole grid with the contender, timed from outside; of a grid that was stopped it counts what was trained.
    Returns its passport too, where the command names the results folder."""
    command = shlex.split(options.ours.replace("{round}", str(number + 1)))
    begun, start = datetime.datetime.now(datetime.UTC), time.perf_counter()
    code = subprocess.run(command, stdout=sys.stderr, env=environment(options)).returncode
    seconds = time.perf_counter() - start
    records, passport = recorded(command, begun)
    flops = sum(r["run"]["flops_per_second"] * r["run"]["train_seconds"] for r in records)
    if not code:
        round_ = {"seconds": seconds}
    elif flops:
        round_ = {"seconds": seconds, "flops": flops, "done": len(records), "stopped": f"ended with code {code}"}
    else:
        round_ = {"seconds": seconds, "failed": f"{shlex.join(command)} ended with code {code}"}
    note(f"ours: {seconds:.1f} s" + "".join(f", {round_[k]}" for k in ("stopped", "failed") if k in round_))
    return round_, passport


def recorded(command: list[str], begun: datetime.datetime) -> tuple[list[dict], dict | None]:
    """The cells that the contender has trained since, and the passport of the last one."""
    folder = next((command[i + 1] for i, word in enumerate(command[:-1]) if word == "--results"), None)
    if folder is None or not os.path.exists(f"{folder}/ledger.jsonl"):
        return [], None
    with open(f"{folder}/ledger.jsonl") as file:
        records = [json.loads(line) for line in file if line.endswith("\n")]
    parse = datetime.datetime.fromisoformat
    # The ledger tells whole seconds.
    since = begun.replace(microsecond=0)
    records = [r for r in records if r["run"]["flops_per_second"] and parse(r["run"]["started_utc"]) >= since]
    if not records:
        return [], None
    with open(f"{folder}/passport.json") as file:
        passports = json.load(file)
    return records, passports.get(records[-1]["run"]["passport"])


def spread(cells: list) -> list:
    """The cells in an order of which every beginning holds small and large ones alike."""
    order = sorted(range(len(cells)), key=lambda i: int(f"{i:032b}"[::-1], 2))
    return [cells[i] for i in order]


def resolve(options):
    """Fills in what was left to the machine."""
    import torch

    if options.device == "auto":
        options.device = "cuda" if torch.cuda.is_available() else "cpu"
    options.precision = options.precision or ("bf16" if options.device == "cuda" else "f32")
    graphs = ["graphs"] if options.device == "cuda" else []
    options.torch_threads = options.torch_threads or options.threads
    options.modes = [mode for word in options.modes or [] for mode in word.split(",") if mode]
    options.modes = options.modes or ["eager", "compile"] + graphs
    for mode in options.modes:
        torch_modes.parse(mode)
    options.rounds = options.rounds or (5 if options.shapes else 1)
    if (options.train_tokens is None) != (options.valid_tokens is None):
        sys.exit("--train-tokens and --valid-tokens go together\nhint: give both, or neither for random tokens")
    for name in options.shapes or []:
        torch_shape.parse(name)


def main() -> int:
    options = arguments()
    try:
        resolve(options)
    except ValueError as error:
        sys.exit(str(error))
    import torch_bench

    if options.self_check:
        return self_check(options)
    result = {
        "made_by": "scripts/compare_pytorch.py",
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "settings": vars(options),
        # With all threads, before PyTorch is kept to fewer.
        "gemm_flops_per_second": torch_bench.gemm_peak(options.device, options.precision, options.threads),
        "torch_passport": torch_bench.passport(options.device, options.torch_threads),
    }
    if options.cells:
        result["sweep"], result["ours_passport"] = compare_cells(options)
        save(options, result)
        return int(bool(options.ours) and not has_figure(result["sweep"], "seconds"))
    result["shapes"] = []
    done: list[dict] = []

    def keep(shape: dict):
        """Writes the shapes that are done, and this one as far as it is."""
        result["ours_passport"] = shape.pop("ours_passport") or result.get("ours_passport")
        result["shapes"] = done + [compare_report.summarise(shape, result["gemm_flops_per_second"])]
        save(options, result, last=False)

    for name in options.shapes:
        keep(compare_shape(options, name, keep))
        done = result["shapes"]
    print(compare_report.markdown(result), end="")
    return int(bool(options.ours) and not all(has_figure(shape, "tokens_per_second") for shape in result["shapes"]))


def self_check(options) -> int:
    """Says for every shape and mode whether it trains as a plain loop does."""
    import torch_bench

    if not options.shapes:
        sys.exit("--self-check compares models of given shapes\nhint: give --shapes instead of --cells")
    torch_bench.prepare(options.device, options.torch_threads)
    hyper, code = HYPER | {"clip_norm": options.clip or None, "z_loss": options.z_loss}, 0
    for name in options.shapes:
        shape, sequences = torch_shape.parse(name)
        for mode in options.modes:
            if why := torch_modes.inapplicable(mode, options.device):
                print(f"{name}, {mode}: not applicable, {why}", flush=True)
                continue
            try:
                apart = torch_bench.check_losses(shape, sequences, mode, hyper, options.device)
                good, told = apart < SAME, f"losses differ by {apart:.1e} of themselves"
            except Exception:
                good, told = False, compare_report.reason(traceback.format_exc())
            code |= not good
            print(f"{name}, {mode}: {'same' if good else 'NOT THE SAME'}, {told}", flush=True)
    return code


def has_figure(found: dict, key: str) -> bool:
    """Whether the contender came to its end in a round, in one of its widths at least."""
    ours = [value for name, value in found["contenders"].items() if name.startswith("ours")]
    return any(key in round_ and "failed" not in round_ for value in ours for round_ in value["rounds"])


def save(options, result: dict, last: bool = True):
    """Writes what there is, whole at every moment; prints the table at the end."""
    table = compare_report.markdown(result)
    if options.out:
        for ending, text in ((".json", json.dumps(result, indent=1) + "\n"), (".md", table)):
            path = pathlib.Path(options.out + ending)
            path.parent.mkdir(parents=True, exist_ok=True)
            aside = path.with_name(path.name + ".tmp")
            aside.write_text(text)
            aside.replace(path)
    if last:
        print(table, end="")


if __name__ == "__main__":
    sys.exit(main())
