#!/usr/bin/env python3
"""Makes the golden numbers that `crates/model/tests/golden.rs` holds the Rust model against.

    python scripts/golden_pytorch.py            # writes crates/model/tests/golden/{llama,gpt2}.json
    python scripts/golden_pytorch.py --check    # makes them anew and compares, writes nothing

For each family a tiny shape is trained for a few steps under several settings in float64 (the reference) and again in
float32 (how far PyTorch itself is off at that precision). Weights and batches follow from integer hashes, so the files
hold none of them; the Rust test repeats the formulas below. Needs torch.
"""

from __future__ import annotations

import argparse
import json
import math
import pathlib
import sys

import torch

import torch_model
import torch_train
from torch_shape import Shape

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "crates/model/tests/golden"
SHAPES = {
    "llama": Shape("llama", depth=2, width=16, heads=2, hidden=40, vocab=32, context=12),
    "gpt2": Shape("gpt2", depth=2, width=16, heads=2, hidden=64, vocab=32, context=12),
}
SEQUENCES, STEPS, MUON_STEPS, Z_LOSS = 3, 20, 6, 1e-4
ENTRIES = 3

COMMON = {"batch_sequences": SEQUENCES, "optimizer": "adamw", "beta1": 0.9, "epsilon": 1e-8, "z_loss": Z_LOSS,
          "precision": "f32"}
# Key of the hashes, steps, hyper-parameters (as `isoflop_plan::Hyper` writes them).
RUNS = [
    (1, STEPS, {"learning_rate": 3e-3, "warmup_steps": 5, "beta2": 0.95, "weight_decay": 0.1, "clip_norm": 1.0,
                "schedule": {"kind": "cosine", "final_fraction": 0.1}}),
    (2, STEPS, {"learning_rate": 1e-2, "warmup_steps": 2, "beta2": 0.99, "weight_decay": 0.3, "clip_norm": 1.3,
                "schedule": {"kind": "cosine", "final_fraction": 0.0}}),
    (3, STEPS, {"learning_rate": 1e-3, "warmup_steps": 4, "beta2": 0.95, "weight_decay": 0.0, "clip_norm": None,
                "schedule": {"kind": "wsd", "cooldown_fraction": 0.25}}),
    (4, MUON_STEPS, {"learning_rate": 5e-3, "warmup_steps": 2, "beta2": 0.95, "weight_decay": 0.1, "clip_norm": 1.0,
                     "schedule": {"kind": "cosine", "final_fraction": 0.1}, "optimizer": "muon"}),
    (5, MUON_STEPS, {"learning_rate": 2e-2, "warmup_steps": 1, "beta2": 0.98, "weight_decay": 0.3, "clip_norm": None,
                     "schedule": {"kind": "constant"}, "optimizer": "muon"}),
]
MASK = (1 << 64) - 1


# --- formulas that the Rust test repeats -----------------------------------------------------------------------------

def scramble(key: int, tensor: int, index: int) -> int:
    """SplitMix64's output function over (key, tensor, index)."""
    z = ((key << 48) + (tensor << 32) + index + 1) * 0x9E3779B97F4A7C15 & MASK
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def unit(key: int, tensor: int, index: int) -> float:
    """A number in [-1, 1) on a grid of 2^-23: exact in float32."""
    return (scramble(key, tensor, index) >> 40) / 2**23 - 1.0


def weight(name: str, rows: int, key: int, tensor: int, index: int) -> float:
    """Initial value, rounded to float32. Gains and biases are far from 1 and 0, so that they count."""
    last, u = name.rsplit(".", 1)[-1], unit(key, tensor, index)
    if torch_model.is_projection(name):
        value = u * math.sqrt(3.0 / rows)
    elif last in ("embedding", "positions"):
        value = u * 0.5
    elif last.endswith("_bias"):
        value = u * 0.1
    else:
        value = 1.0 + u * 0.25
    return torch.tensor(value, dtype=torch.float32).item()


def token(key: int, step: int, index: int, vocab: int) -> int:
    """Token id `index` of a step's windows (context + 1 ids each): small ids are frequent."""
    h = scramble(key, 1000 + step, index)
    return (h & 0xFFFF) % vocab * ((h >> 16 & 0xFFFF) % vocab) // vocab


# --- digests of tensors ----------------------------------------------------------------------------------------------

def free_of_gradient(shape: Shape, name: str) -> list[int] | None:
    """Elements that the loss does not depend on: a bias added to every key shifts all scores of a query alike. Their
    gradient is rounding noise, which AdamW blows up, so they are left out everywhere."""
    if shape.family == "gpt2" and name.endswith("qkv_bias"):
        return [shape.width, 2 * shape.width]
    return None


def short(x: float) -> float:
    return float(f"{x:.10g}")


def digest(shape: Shape, name: str, tensor: int, values: torch.Tensor) -> dict:
    """Sum, Euclidean norm, product with hashed numbers (which sees every element and its place) and a few entries."""
    flat = values.reshape(-1).to(torch.float64).clone()
    hole = free_of_gradient(shape, name)
    keep = list(range(len(flat)))
    if hole:
        flat[hole[0]:hole[1]] = 0.0
        keep = [i for i in keep if not hole[0] <= i < hole[1]]
    signs = torch.tensor([unit(0, tensor, i) for i in range(len(flat))], dtype=torch.float64)
    at = [keep[(2 * e + 1) * len(keep) // (2 * ENTRIES)] for e in range(ENTRIES)]
    out = {
        "name": name,
        "sum": short(flat.sum().item()),
        "norm": short(flat.norm().item()),
        "dot": short((flat * signs).sum().item()),
        "entries": [[i, short(flat[i].item())] for i in at],
    }
    return out | ({"without": hole} if hole else {})


# --- training --------------------------------------------------------------------------------------------------------

def orthogonal(g: torch.Tensor) -> torch.Tensor:
    """Muon's Newton-Schulz iteration, in the precision of `g`."""
    x = g.T if g.shape[0] > g.shape[1] else g
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.T if g.shape[0] > g.shape[1] else x


def muon_parts(name: str) -> int:
    """Matrices that stand side by side in one weight: query, key and value; gate and up."""
    return {"qkv": 3, "gate_up": 2}.get(name.rsplit(".", 1)[-1], 1)


def in_muon(name: str) -> bool:
    """Muon updates the blocks' matrices; AdamW the rest."""
    return name.startswith("blocks.") and torch_model.is_projection(name)


@torch.no_grad()
def muon_step(params: dict, momenta: dict, rate: float, decay: float):
    """Nesterov momentum 0.95, orthogonalised part by part, scaled by 0.2 sqrt(max(rows, cols))."""
    for name, p in params.items():
        momenta[name] = momenta.get(name, torch.zeros_like(p)) * 0.95 + p.grad
        ahead = p.grad + 0.95 * momenta[name]
        p.mul_(1 - rate * decay)
        parts = muon_parts(name)
        for part, go in zip(p.chunk(parts), ahead.chunk(parts)):
            part.sub_(rate * 0.2 * math.sqrt(max(go.shape)) * orthogonal(go))


def train(shape: Shape, key: int, steps: int, hyper: dict, dtype: torch.dtype) -> dict:
    """One run. What it returns is compared entry by entry."""
    torch.set_default_dtype(dtype)
    model = torch_model.Model(shape, hyper["z_loss"])
    params = torch_model.slots(model)
    initial = {}
    for tensor, (name, p) in enumerate(params.items()):
        rows, cols = torch_model.ours(name, p).shape
        values = [weight(name, rows, key, tensor, i) for i in range(rows * cols)]
        initial[name] = torch.tensor(values).reshape(rows, cols)
    torch_model.load_named(model, initial)
    muon = {n: p for n, p in params.items() if hyper["optimizer"] == "muon" and in_muon(n)}
    optimizer, momenta = torch_train.adamw(model, hyper, lambda name: name not in muon), {}
    out = {"rates": [], "losses": [], "grad_norms": [], "gradients": [], "weights": []}
    for step in range(steps):
        count = SEQUENCES * (shape.context + 1)
        ids = torch.tensor([token(key, step, i, shape.vocab) for i in range(count)]).reshape(SEQUENCES, -1)
        loss, objective = model(ids[:, :-1], ids[:, 1:])
        objective.backward()
        if step == 0:
            for tensor, (name, p) in enumerate(params.items()):
                out["gradients"].append(digest(shape, name, tensor, torch_model.ours(name, p.grad)))
        limit = hyper["clip_norm"] if hyper["clip_norm"] is not None else math.inf
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), limit)
        rate = torch_train.learning_rate(hyper, step, steps)
        torch_train.set_rate(optimizer, rate)
        optimizer.step()
        muon_step(muon, momenta, rate, hyper["weight_decay"])
        model.zero_grad()
        out["rates"].append(short(rate))
        out["losses"].append(short(loss.item()))
        out["grad_norms"].append(short(norm.item()))
    for tensor, (name, value) in enumerate(torch_model.named(model).items()):
        out["weights"].append(digest(shape, name, tensor, value))
    return out


def deviations(exact: dict, other: dict) -> dict:
    """Largest relative deviations: of losses and norms; of digests, in units of the tensor's norm."""
    def series(name):
        return max(abs(a - b) / abs(b) for a, b in zip(other[name], exact[name]))

    def tensors(name):
        worst = 0.0
        for a, b in zip(other[name], exact[name]):
            numbers = lambda d: [d["sum"], d["norm"], d["dot"]] + [v for _, v in d["entries"]]
            worst = max([worst] + [abs(x - y) / b["norm"] for x, y in zip(numbers(a), numbers(b))])
        return worst

    out = {name: series(name) for name in ("losses", "grad_norms")}
    out |= {name: tensors(name) for name in ("gradients", "weights")}
    return {name: float(f"{value:.2g}") for name, value in out.items()}


def check_muon_against_torch():
    """The hand-written Muon (torch's own works in bfloat16 only) against `torch.optim.Muon`, to bfloat16's precision."""
    torch.set_default_dtype(torch.float32)
    grads = torch.randn(3, 24, 10, generator=torch.Generator().manual_seed(0))
    start = torch.ones(24, 10)
    a, b, momenta = start.clone(), torch.nn.Parameter(start.clone()), {}
    theirs = torch.optim.Muon([b], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for grad in grads:
        a.grad, b.grad = grad, grad.clone()
        muon_step({"blocks.0.out": a}, momenta, 0.01, 0.1)
        theirs.step()
    error = ((a - b.detach()).norm() / (a - start).norm()).item()
    if error > 0.02:
        sys.exit(f"the Muon of this script and torch.optim.Muon differ by {error:.3f} of the update")
    return error


def golden(family: str) -> dict:
    shape = SHAPES[family]
    runs = []
    for key, steps, settings in RUNS:
        hyper = COMMON | settings
        exact, single = (train(shape, key, steps, hyper, dtype) for dtype in (torch.float64, torch.float32))
        about = {"key": key, "steps": steps, "hyper": hyper, "float32_deviation": deviations(exact, single)}
        runs.append(about | exact)
    return {
        "made_by": "scripts/golden_pytorch.py; float64; do not edit",
        "torch": torch.__version__,
        "shape": shape.as_dict(),
        "runs": runs,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the files there are, write nothing")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"Muon against torch.optim.Muon: {check_muon_against_torch():.4f} of the update", file=sys.stderr)
    failed = False
    for family in SHAPES:
        made, path = golden(family), FOLDER / f"{family}.json"
        for run in made["runs"]:
            print(family, run["key"], json.dumps(run["float32_deviation"]), file=sys.stderr)
        if arguments.check:
            old = json.loads(path.read_text())
            for a, b in zip(made["runs"], old["runs"], strict=True):
                moved = deviations(b, a)
                failed |= max(moved.values()) > 1e-7
                print(family, a["key"], "moved by", json.dumps(moved))
            continue
        FOLDER.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".tmp")
        aside.write_text(compact(made) + "\n")
        aside.replace(path)
        print(path)
    sys.exit(1 if failed else 0)


def compact(value, indent: int = 0) -> str:
    """JSON in which whatever fits on a line stays on it."""
    line = json.dumps(value)
    if len(line) + indent <= 240 or not isinstance(value, (dict, list)):
        return line
    pad = "\n" + " " * (indent + 1)
    if isinstance(value, dict):
        items = [f"{json.dumps(k)}: {compact(v, indent + 1)}" for k, v in value.items()]
        return "{" + pad + ("," + pad).join(items) + pad[:-1] + "}"
    return "[" + pad + ("," + pad).join(compact(v, indent + 1) for v in value) + pad[:-1] + "]"


if __name__ == "__main__":
    main()
