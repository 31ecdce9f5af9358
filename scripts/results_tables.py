#!/usr/bin/env python3
"""The tables of results/README.md, from the ledgers beside it.

    python scripts/results_tables.py            # prints them
    python scripts/results_tables.py --check    # fails where the README has another
    python scripts/results_tables.py --write    # puts them into the README

Each stands between `<!-- NAME -->` and `<!-- /NAME -->`. Needs nothing but Python. Intervals are Student's t over seeds.
"""

from __future__ import annotations

import argparse
import collections
import csv
import json
import math
import pathlib
import re
import statistics
import sys

RESULTS = pathlib.Path(__file__).resolve().parent.parent / "results"


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--check", action="store_true", help="compare with the README")
    args.add_argument("--write", action="store_true", help="write them into the README")
    args = args.parse_args()
    readme = RESULTS / "README.md"
    text, wrong = readme.read_text(), []
    for name, table in TABLES.items():
        place = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.S)
        found = place.search(text)
        if found is None:
            sys.exit(f"error: {readme} has no place for {name}\nhint: write <!-- {name} --> and <!-- /{name} -->, a line each")
        new = "\n".join(table())
        filled = place.sub(lambda m: m[1] + new + m[2], text)
        if filled != text:
            wrong.append(name)
        text = filled
        if not (args.check or args.write):
            print(f"{name}\n\n{new}\n")
    if args.write:
        readme.write_text(text)
    if args.check and wrong:
        sys.exit(f"error: {readme} differs from the ledgers in {', '.join(wrong)}\nhint: --write puts them right")
    return 0


def ledger(folder: str) -> list[dict]:
    """What was found for every cell."""
    with open(RESULTS / folder / "ledger.jsonl") as lines:
        found = [json.loads(line)["result"] for line in lines]
    return [row for row in found if row["status"]["kind"] == "finished"]


def rates(folder: str, first_heads: list[str], row_of) -> list[str]:
    """Held-out losses: a row for each size and batch, a column for each rate, the best of a row bold."""
    rows, columns = collections.defaultdict(dict), set()
    for cell in ledger(folder):
        rate = round(cell["cell"]["hyper"]["learning_rate"], 12)
        rows[row_of(cell)][rate] = cell["valid"]["loss_nats"]
        columns.add(rate)
    columns = sorted(columns)
    yield from head(first_heads + [scientific(rate) for rate in columns])
    for key, losses in sorted(rows.items()):
        best = min(losses.values())
        cells = [f"**{losses[c]:.3f}**" if losses[c] == best else f"{losses[c]:.3f}" for c in columns]
        yield line(list(key[-1]) + cells)


def batch_tokens(cell: dict) -> int:
    return cell["cell"]["hyper"]["batch_sequences"] * cell["cell"]["shape"]["context"]


def calibration():
    def row(cell):
        budget, width, batch = cell["cell"]["budget_flops"], cell["cell"]["shape"]["width"], batch_tokens(cell)
        return budget, width, batch, (f"{scientific(budget)}, {width}, {scientific(cell['tokens'])}", str(batch))

    return rates("calibration", ["budget, width, D", "batch, tokens"], row)


def batches():
    def row(cell):
        width, batch = cell["cell"]["shape"]["width"], batch_tokens(cell)
        return width, batch, (f"{width}, {scientific(cell['tokens'])}", str(batch))

    return rates("batch", ["width, D", "batch, tokens"], row)


def hyperparameters():
    """Changes of the loss for the same seed against the middle of each budget's rates and batches."""
    slices = collections.defaultdict(lambda: collections.defaultdict(dict))
    for cell in ledger("hyperparameters"):
        hyper = cell["cell"]["hyper"]
        key = hyper["learning_rate"], hyper["batch_sequences"]
        budget = cell["cell"]["budget_flops"], cell["cell"]["shape"]["width"]
        slices[budget][key][cell["cell"]["seed"]] = cell["valid"]["loss_nats"]
    yield from head(["budget", "width", "rate", "loss", "rate / 2", "rate x 2", "batch / 2", "batch x 2"])
    for (budget, width), settings in sorted(slices.items()):
        batch = statistics.median_low(sorted({b for _, b in settings}))
        rate = statistics.median_low(sorted({r for r, b in settings if b == batch}))
        base = settings[rate, batch]
        changes = []
        for r, b in ((0.5, 1), (2, 1), (1, 0.5), (1, 2)):
            other = next(s for (r2, b2), s in settings.items() if math.isclose(r2, r * rate, rel_tol=0.01) and b2 == b * batch)
            changes.append(interval([100 * (other[seed] / base[seed] - 1) for seed in base], "{:+.1f}", "%"))
        yield line([scientific(budget), str(width), scientific(rate), f"{statistics.mean(base.values()):.4f}"] + changes)


def half_precision():
    """Changes of the held-out loss by f16 for the same seed, and the seeds' scatter."""
    curves = {
        precision: {
            cell["cell"]["seed"]: {point["step"]: point["loss_nats"] for point in cell["valid_curve"]}
            for cell in ledger(f"half-precision/{precision}")
        }
        for precision in ("f32", "f16")
    }
    whole, half = curves["f32"], curves["f16"]
    yield from head(["step", "loss, f32", "over seeds", "change in f16"])
    for step in next(iter(whole.values())):
        losses = [curve[step] for curve in whole.values()]
        change = interval([half[seed][step] - whole[seed][step] for seed in whole], "{:+.4f}")
        yield line([str(step), f"{statistics.mean(losses):.4f}", f"{statistics.stdev(losses):.4f}", change])


def runs(path: str) -> list[dict]:
    """Rows of a table of runs."""
    with open(RESULTS / path) as lines:
        return list(csv.DictReader(lines))


def losses_by_shape() -> dict:
    """Held-out losses of every shape of the architecture study, by (family, context, budget)."""
    found = collections.defaultdict(lambda: collections.defaultdict(dict))
    for run in runs("architecture/runs.csv"):
        where = run["family"], int(run["context"]), float(run["budget_flops"])
        shape = tuple(int(run[k]) for k in ("depth", "width", "heads", "hidden"))
        found[where][shape][run["seed"]] = float(run["loss"])
    return found


def architecture():
    """Sizes of heads at the depth of the rule: loss of each against the best of the width."""
    yield from head(["family, context, budget", "width", "layers", "loss at each head size (seeds)", "rule", "rule against the best"])
    for (family, context, budget), shapes in sorted(losses_by_shape().items()):
        sizes = collections.defaultdict(dict)
        for (depth, width, heads, hidden), seeds in shapes.items():
            ladder = sizes[depth, width].setdefault(hidden, {})
            ladder[width // heads] = statistics.mean(seeds.values()), len(seeds)
        for (depth, width), by_hidden in sorted(sizes.items()):
            ladder = max(by_hidden.values(), key=len)
            if len(ladder) < 2:
                continue
            best = min(loss for loss, _ in ladder.values())
            cells = [f"{'**' if loss == best else ''}{size}: {loss:.3f}{'**' if loss == best else ''} ({n})" for size, (loss, n) in sorted(ladder.items())]
            rule = head_size(width)
            change = f"{100 * (ladder[rule][0] / best - 1):+.1f}%" if rule in ladder else "not run"
            yield line([f"{family}, {context}, {scientific(budget)}", str(width), str(depth), ", ".join(cells), str(rule), change])


def minima():
    """The rule's shape at the quickstart's minima, the first of each budget, against the best of the shapes trained there."""
    yield from head(["budget", "shape by rule", "loss", "best shape found", "loss", "rule against the best", "shapes"])
    by_budget = collections.defaultdict(lambda: collections.defaultdict(list))
    for run in runs("architecture/minima.csv"):
        shape = tuple(int(run[k]) for k in ("depth", "width", "heads", "hidden"))
        by_budget[float(run["budget_flops"])][shape].append(float(run["loss"]))
    name = lambda s: f"L{s[0]} d{s[1]} h{s[2]} m{s[3]}"
    for budget, shapes in sorted(by_budget.items()):
        means = {shape: statistics.mean(losses) for shape, losses in shapes.items()}
        rule, best = next(iter(shapes)), min(means, key=means.get)
        yield line([scientific(budget), name(rule), f"{means[rule]:.4f}", name(best), f"{means[best]:.4f}",
                    f"{100 * (means[rule] / means[best] - 1):+.1f}%", str(len(shapes))])


def head_size(width: int) -> int:
    """The even divisor nearest to 1.6 sqrt(width), 4 to 128 (crates/plan/src/architecture.rs)."""
    sizes = [h for h in range(4, min(width, 128) + 1, 2) if width % h == 0]
    return min(sizes, key=lambda h: abs(math.log(h / (1.6 * math.sqrt(width)))))


def forecasts():
    """Runs beyond the ladders against what was forecast of them."""
    with open(RESULTS / "forecast" / "forecasts.json") as text:
        told = {(f["text"], f["budget_flops"]): f for f in json.load(text)}
    yield from head(["text", "FLOPs", "width", "losses of three seeds", "forecast of a new run", "off, mean", "inside", "law alone, off"])
    off, inside = [], []
    for name in ("rust", "english", "synthetic"):
        by_budget = collections.defaultdict(list)
        for run in runs(f"forecast/beyond-{name}.csv"):
            by_budget[float(run["budget_flops"])].append(run)
        for budget, found in sorted(by_budget.items()):
            f, losses = told[name, budget], [float(run["loss"]) for run in found]
            errors = [f["loss"] / loss - 1 for loss in losses]
            held = [f["lo"] <= loss <= f["hi"] for loss in losses]
            off += [abs(e) for e in errors]
            inside += held
            yield line([name, scientific(budget), found[0]["width"], ", ".join(f"{loss:.3f}" for loss in losses),
                        f"{f['loss']:.3f} [{f['lo']:.3f}, {f['hi']:.3f}]", f"{100 * statistics.mean(errors):+.1f}%",
                        f"{sum(held)} of {len(held)}", f"{100 * (f['law'] / statistics.mean(losses) - 1):+.1f}%"])
    yield line(["all", "", "", "", "", f"median size {100 * statistics.median(off):.1f}%", f"{sum(inside)} of {len(inside)}", ""])


def interval(values: list[float], form: str, unit: str = "") -> str:
    """Their mean and its 95% interval by Student's t."""
    mean = statistics.mean(values)
    reach = student(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return f"{form.format(mean)}{unit} [{form.format(mean - reach)}, {form.format(mean + reach)}]"


def student(freedom: int) -> float:
    """The 97.5% quantile of Student's t."""
    scale = math.gamma((freedom + 1) / 2) / (math.sqrt(freedom * math.pi) * math.gamma(freedom / 2))

    def below(t: float, parts: int = 2000) -> float:  # Simpson's rule from 0
        density = lambda x: scale * (1 + x * x / freedom) ** (-(freedom + 1) / 2)
        inner = sum((4 if i % 2 else 2) * density(i * t / parts) for i in range(1, parts))
        return 0.5 + t / parts / 3 * (density(0) + inner + density(t))

    low, high = 0.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < 0.975 else (low, middle)
    return low


def scientific(value: float) -> str:
    """Three digits at most: 8e-4, 5.92e5."""
    digits, exponent = f"{value:.2e}".split("e")
    return f"{digits.rstrip('0').rstrip('.')}e{int(exponent)}"


def head(names: list[str]) -> list[str]:
    return [line(names), line(["---"] * len(names))]


def line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


TABLES = {
    "calibration": calibration,
    "batch": batches,
    "hyperparameters": hyperparameters,
    "half-precision": half_precision,
    "architecture": architecture,
    "minima": minima,
    "forecasts": forecasts,
}

if __name__ == "__main__":
    sys.exit(main())
