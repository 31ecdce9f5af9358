#!/usr/bin/env python3
"""Records the progress of a run, beside a load that comes and goes, for the tests of the time left (crates/speed/tests/recorded).

    record_progress.py CONFIG OUT [--sweep PATH] [--load LOOPS ON OFF] [--delay S] [--until S] [--kill S] [--note TEXT]

LOOPS busy loops are on for ON seconds and off for OFF, from --delay until --until. With --kill the run is killed after so many
seconds and what continues it is recorded. OUT says of every stack, in the order in which they are taken up, FLOPs of a step, FLOPs
of all its work, FLOPs done before, FLOP/s measured beforehand; then seconds, what happened to which stack, FLOPs done of it, and
the seconds left that were told.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from multiprocessing import Process


def busy(on, off, delay, until):
    began = time.time()
    time.sleep(delay)
    while time.time() - began < until:
        end = time.time() + on
        while time.time() < end:
            pass
        time.sleep(off)


def short(value):
    return "-" if value is None else f"{value:.5g}".replace("e+", "e")


def lines(events):
    """A recording of `--json` events, line by line."""
    index = {}
    for event in events:
        kind, overall = event["event"], event.get("overall", {})
        told = short(overall.get("seconds_left"))
        at = f"{overall.get('seconds', 0):.2f}"
        if kind == "started":
            yield f"workers {event['workers']}"
            for stack in event["work"]:
                index[stack["id"]] = len(index)
                numbers = (stack[key] for key in ("step_flops", "flops", "done_flops", "flops_per_second"))
                yield " ".join(["stack", *map(short, numbers)])
        elif kind in ("stack_begun", "stack_ready", "step", "stack_ended"):
            what = {"stack_begun": "begin", "stack_ready": "ready", "step": "step", "stack_ended": "end"}[kind]
            done = short(event.get("done_flops"))
            yield f"{at} {what} {index[event['stack']['id']]} {done} {told}"
        elif kind == "stopped":
            yield f"{at} stop - - {told}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("config")
    parser.add_argument("out")
    parser.add_argument("--sweep", default="target/release/sweep")
    parser.add_argument("--load", nargs=3, type=float, default=(0, 0, 0), metavar=("LOOPS", "ON", "OFF"))
    parser.add_argument("--delay", type=float, default=0)
    parser.add_argument("--until", type=float, default=1e9)
    parser.add_argument("--kill", type=float)
    parser.add_argument("--note", default="")
    args = parser.parse_args()
    loops, on, off = args.load
    load = [Process(target=busy, args=(on, off, args.delay, args.until), daemon=True) for _ in range(int(loops))]
    with tempfile.TemporaryDirectory() as folder:
        command = [args.sweep, "--config", args.config, "--results", f"{folder}/results", "--json"]
        if args.kill:
            child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(args.kill)
            child.kill()
            child.wait()
        for process in load:
            process.start()
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for process in load:
            process.kill()
    if done.returncode:
        sys.exit(done.stderr)
    recorded = list(lines(map(json.loads, done.stderr.splitlines())))
    with open(args.out, "w") as out:
        out.write(f"# {args.note}\n" + "\n".join(recorded) + "\n")
    print(f"{args.out}: {len(recorded)} lines, {recorded[-1].split()[0]} s; {done.stderr.splitlines()[-1]}")


if __name__ == "__main__":
    main()
