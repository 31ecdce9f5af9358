#!/usr/bin/env python3
"""The long form of `crates/sweep/tests/faults`, and its last figures in results/faults.

    python scripts/faults.py                       # everything, some two hours on two cores
    python scripts/faults.py --only kills power    # those tests alone; the other figures stay
    python scripts/faults.py --number 60           # so many of each kind
    python scripts/faults.py --table               # the table anew from the figures, without a test

Needs Linux, strace, Rust and Python, nothing else. Each kind leaves a JSON file, from which the table in
results/faults/README.md is made; nothing there is written by hand. A kind that failed is in the table as what it is, and the
script's exit code is that of the tests.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results" / "faults"
# In the order of the table.
KINDS = [
    "kills", "failing-system-calls", "power-cuts", "vanished-folders-and-files", "flips-in-ledger.jsonl", "flips-in-checkpoints",
    "flips-in-passport.json", "flips-in-a-cache", "flips-in-token-files", "flips-in-config.resolved.toml", "races",
]
HEAD = """# Faults

The long form of the tests in `crates/sweep/tests/faults`, as `scripts/faults.py` ran it last. What is promised is in
[`docs/guarantees.md`](../../docs/guarantees.md); `cargo test` runs a short form of each kind. A part that failed is repeated by its
kind's seed and the part that the test names. This file is made by the script from the JSON files beside it.

| kind | disturbances | what must hold | what came of them | where it did not hold | seed | version, date |
| --- | ---: | --- | --- | ---: | ---: | --- |
"""


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--only", nargs="+", default=[], metavar="NAME", help="tests whose name contains one of these")
    args.add_argument("--number", type=int, help="disturbances of each kind, in place of the long form's")
    args.add_argument("--seed", type=int, help="another seed than the fixed ones")
    args.add_argument("--threads", type=int, default=2, help="tests at a time")
    args.add_argument("--table", action="store_true", help="only make the table again")
    args = args.parse_args()
    code = 0 if args.table else run(args)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "README.md").write_text(table())
    print(f"wrote {RESULTS.relative_to(ROOT)}/README.md")
    return code


def run(args: argparse.Namespace) -> int:
    """Runs the tests and keeps their figures."""
    test = ["cargo", "test", "--release", "--workspace", "--locked", "--test", "faults", "--"]
    test += ["--nocapture", "--test-threads", str(args.threads), *args.only]
    with tempfile.TemporaryDirectory() as folder:
        form = str(args.number) if args.number else "long"
        settings = {"ISOFLOP_FAULTS": form, "ISOFLOP_FAULTS_OUT": folder, "ISOFLOP_REQUIRE_STRACE": "1"}
        if args.seed is not None:
            settings["ISOFLOP_FAULTS_SEED"] = str(args.seed)
        code = subprocess.run(test, cwd=ROOT, env={**os.environ, **settings}).returncode
        found = sorted(pathlib.Path(folder).glob("*.json"))
        RESULTS.mkdir(parents=True, exist_ok=True)
        for path in found:
            figures = json.loads(path.read_text())
            figures |= {"version": version(), "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"}
            figures["command"] = "scripts/faults.py " + " ".join(sys.argv[1:])
            (RESULTS / path.name).write_text(json.dumps(figures, indent=2) + "\n")
    return code or int(not found)


def version() -> str:
    """The commit, and whether anything else than figures differs from it."""
    git = lambda *words: subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ":!results/faults")
    return git("rev-parse", "--short=12", "HEAD") + (" with changes" if changed else "")


def table() -> str:
    known = {path.stem: json.loads(path.read_text()) for path in RESULTS.glob("*.json")}
    unknown = sorted(set(known) - set(KINDS))
    assert not unknown, f"no place in the table for {unknown}"
    rows = [row(known[kind]) for kind in KINDS if kind in known]
    commands = sorted({figures["command"].strip() for figures in known.values()})
    lines = "".join(f"    {command}\n" for command in commands)
    return HEAD + "".join(rows) + f"\nMade by\n\n{lines}"


def row(figures: dict) -> str:
    came = ", ".join(f"{number} {outcome}" for outcome, number in figures["outcomes"].items())
    held = figures["failed"] or "none"
    made = f"{figures['version']}, {figures['date']}, {max(1, round(figures['seconds'] / 60))} min"
    return f"| {figures['kind']} | {figures['number']} | {figures['must']} | {came} | {held} | {figures['seed']} | {made} |\n"


if __name__ == "__main__":
    sys.exit(main())
