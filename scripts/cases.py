#!/usr/bin/env python3
"""Runs `sweep` on the inputs of crates/sweep/tests/cases and tells which answers are not those that case.toml expects.

    python scripts/cases.py target/release/sweep            # a line a case
    python scripts/cases.py SWEEP --table                   # as a Markdown table, with what was said before and now
    python scripts/cases.py SWEEP --write                   # puts the table into the README beside the cases
    python scripts/cases.py SWEEP --only text-bad-lines     # those whose name has this in it; --show prints all that was said

Needs Python 3.11 and nothing else. The README beside the cases says what case.toml holds.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib

CASES = pathlib.Path(__file__).resolve().parent.parent / "crates/sweep/tests/cases"
LIMIT_SECONDS = 120


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("sweep", help="the program")
    args.add_argument("--table", action="store_true", help="print a Markdown table")
    args.add_argument("--write", action="store_true", help="write the table into the README beside the cases")
    args.add_argument("--only", default="", metavar="TEXT", help="cases with this in their name")
    args.add_argument("--show", action="store_true", help="print what the program said")
    args.add_argument("--jobs", type=int, default=2, help="cases at once [default: 2]")
    args = args.parse_args()
    if args.write and args.only:
        sys.exit("error: --write needs every case\nhint: leave --only out")
    sweep = shutil.which(args.sweep)
    if sweep is None:
        sys.exit(f"error: {args.sweep} is no program\nhint: build it with `cargo build --release`")
    jobs = [(folder, case) for folder in sorted(CASES.iterdir()) if folder.is_dir() for case in cases(folder)]
    jobs = [(folder, case) for folder, case in jobs if args.only in f"{folder.name}/{case['name']}"]
    answers, known = [], 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for answer in pool.map(lambda job: run(os.path.abspath(sweep), *job), jobs):
            answers.append(answer)
            known += answer.verdict == "known"
            if not args.table:
                print(f"{answer.verdict:6}  {answer.folder}/{answer.case['name']}  {answer.seconds:.1f} s", flush=True)
                for line in answer.wrong:
                    print(f"        {line}")
            if args.show or answer.verdict == "failed":
                print(re.sub("^", "        | ", answer.said.rstrip(), flags=re.M), file=sys.stderr)
    failed = sum(answer.verdict == "failed" for answer in answers)
    if args.table:
        print(table(answers))
    if args.write:
        write(table(answers))
    print(f"{len(answers) - failed - known} of {len(answers)} as expected, {failed} failed, {known} known to fail", file=sys.stderr)
    return 1 if failed else 0


@dataclasses.dataclass
class Answer:
    folder: str
    case: dict
    codes: list[int]
    said: str
    wrong: list[str]
    seconds: float

    @property
    def verdict(self) -> str:
        if "known" in self.case:
            return "known" if self.wrong else "failed"
        return "failed" if self.wrong else "ok"


def cases(folder: pathlib.Path) -> list[dict]:
    return tomllib.loads((folder / "case.toml").read_text(encoding="utf-8"))["case"]


def run(sweep: str, folder: pathlib.Path, case: dict) -> Answer:
    """Runs the commands of a case in a scratch copy of its folder."""
    began = time.monotonic()
    said, codes, last = "", [], ""
    with tempfile.TemporaryDirectory() as scratch:
        work = pathlib.Path(scratch) / "work"
        shutil.copytree(folder, work, ignore=shutil.ignore_patterns("case.toml"))
        for what in case.get("make", []):
            make(work, what)
        for command in case["run"]:
            if command[0].startswith("@"):
                change(work, command)
                continue
            try:
                done = subprocess.run([sweep, *command], cwd=work, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                said += f"no end within {LIMIT_SECONDS} s\n"
                codes.append(124)
                break
            last, errors = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
            said += last + errors
            codes.append(done.returncode)
    seconds = time.monotonic() - began
    return Answer(folder.name, case, codes, said, judge(case, codes, said, last, seconds), seconds)


def make(work: pathlib.Path, what: dict) -> None:
    """A link, a small file, or a long one of random letters."""
    path = work / what.get("link", what.get("file"))
    path.parent.mkdir(parents=True, exist_ok=True)
    if "link" in what:
        path.symlink_to(what["to"])
    elif "text" in what:
        path.write_text(what["text"], encoding="utf-8")
    else:
        state, letters = what["seed"], what["letters"]
        with path.open("w", encoding="utf-8") as file:
            for _ in range(what["count"]):
                state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
                file.write(letters[(state >> 33) % len(letters)])


def change(work: pathlib.Path, command: list[str]) -> None:
    """What happens to the files between two calls."""
    name, *paths = command
    paths = [work / path for path in paths]
    if name == "@copy":
        shutil.copy(paths[0], paths[1])
    elif name == "@append":
        with paths[1].open("ab") as file:
            file.write(paths[0].read_bytes())
    elif name == "@move":
        paths[0].rename(paths[1])
    elif name == "@remove":
        paths[0].unlink()
    else:
        sys.exit(f"error: {name} is none of @copy, @append, @move, @remove")


def judge(case: dict, codes: list[int], said: str, last: str, seconds: float) -> list[str]:
    """What is not as expected."""
    wrong = []
    if codes != case["code"]:
        wrong.append(f"exit codes {codes}, expected {case['code']}")
    flat = " ".join(said.split())
    wrong += [f"not said: {text}" for text in case.get("says", []) if " ".join(text.split()) not in flat]
    wrong += [f"said: {text}" for text in case.get("never", []) if " ".join(text.split()) in flat]
    if seconds > case.get("seconds", LIMIT_SECONDS):
        wrong.append(f"{seconds:.0f} s, expected {case['seconds']} s at most")
    for within in case.get("within", []):
        value = number(last, within["at"])
        if value is None or not within["least"] <= value <= within["most"]:
            wrong.append(f"{within['at']} is {value}, expected {within['least']} to {within['most']}")
    return wrong


def number(text: str, pointer: str) -> float | None:
    """A number of a JSON value by its pointer, as in RFC 6901."""
    try:
        value = json.loads(text)
        for key in pointer.split("/")[1:]:
            value = value[int(key)] if isinstance(value, list) else value[key]
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def table(answers: list[Answer]) -> str:
    rows = ["| case | before | now |", "| --- | --- | --- |"]
    for answer in answers:
        codes = ", ".join(map(str, answer.codes))
        now = {"failed": "**not as expected**; ", "known": f"**{answer.case.get('known')}**; "}.get(answer.verdict, "")
        now += f"{codes}: {telling(answer)}"
        cells = [f"{answer.folder}/{answer.case['name']}", answer.case.get("before", ""), now]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def telling(answer: Answer) -> str:
    """The line of the answer that holds the first text expected of it."""
    text = (answer.case.get("says") or [""])[0]
    lines = [" ".join(line.split()) for line in answer.said.splitlines()]
    line = next((line for line in lines if text in line), text)
    return line if len(line) <= 160 else line[:160].rsplit(" ", 1)[0] + " .."


def write(text: str) -> None:
    readme = CASES / "README.md"
    place = re.compile(r"(<!-- table -->\n).*?(<!-- /table -->)", re.S)
    new, found = place.subn(lambda m: f"{m[1]}{text}\n{m[2]}", readme.read_text(encoding="utf-8"))
    if not found:
        sys.exit(f"error: {readme} has no place for the table\nhint: write <!-- table --> and <!-- /table -->, a line each")
    readme.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
