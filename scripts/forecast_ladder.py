#!/usr/bin/env python3
"""What the ladders of `results/` forecast of the runs beyond them, for the table in `results/README.md`.

    python scripts/forecast_ladder.py target/release/sweep > results/forecast/forecasts.json

Needs nothing but Python.
"""

import csv
import json
import pathlib
import subprocess
import sys

RESULTS = pathlib.Path(__file__).resolve().parent.parent / "results"
LADDERS = {"rust": "quickstart", "english": "forecast/english", "synthetic": "synthetic"}


def main() -> None:
    told = []
    for text, ladder in LADDERS.items():
        with open(RESULTS / "forecast" / f"beyond-{text}.csv") as lines:
            runs = {float(run["budget_flops"]): run for run in csv.DictReader(lines)}
        for budget, run in sorted(runs.items()):
            command = [sys.argv[1], "predict", str(RESULTS / ladder), "--for-params", run["params"], "--for-tokens", run["tokens"], "--json"]
            at = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["at"]
            new = at["new_run_nats"]
            told.append({"text": text, "budget_flops": budget, "loss": new["point"], "lo": new["interval"]["lo"],
                         "hi": new["interval"]["hi"], "law": at["law_nats"]["point"]})
    json.dump(told, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
