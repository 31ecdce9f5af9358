"""Medians, ratios and tables of `compare_pytorch.py`. Needs no PyTorch."""

from __future__ import annotations

import re
import statistics


def speeds(contender: dict) -> list[float | None]:
    """Tokens per second of every round; `None` where a round failed."""
    return [r.get("tokens_per_second") for r in contender["rounds"]]


def spread(values: list[float]) -> dict | None:
    """Median and range over the rounds."""
    if not values:
        return None
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def paired_ratio(above: list[float | None], below: list[float | None]) -> dict | None:
    """Ratios round by round, so that a change of the machine's mood hits both sides."""
    return spread([a / b for a, b in zip(above, below) if a and b])


def is_ours(name: str) -> bool:
    return name.startswith("ours")


def summarise(shape: dict, peak: float) -> dict:
    """Adds medians, achieved FLOP/s and ratios to one shape's rounds."""
    contenders = shape["contenders"]
    for contender in contenders.values():
        speed = spread([s for s in speeds(contender) if s])
        memory = [r["peak_memory_bytes"] for r in contender["rounds"] if r.get("peak_memory_bytes")]
        contender["tokens_per_second"] = speed
        contender["peak_memory_bytes"] = max(memory, default=None)
        if speed:
            contender["flops_per_second"] = speed["median"] * shape["train_flops_per_token"]
            contender["share_of_gemm_peak"] = contender["flops_per_second"] / peak
    shape["ratios"] = {
        f"{a} / {b}": paired_ratio(speeds(contenders[a]), speeds(contenders[b]))
        for a in contenders if is_ours(a) for b in contenders if not is_ours(b)
    }
    return shape


def number(value: float | None, form: str = ",.0f") -> str:
    return "-" if value is None else format(value, form)


def ratio(value: dict | None) -> str:
    return "-" if value is None else f"{value['median']:.2f} ({value['least']:.2f}-{value['most']:.2f})"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)] + rows
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def shapes_table(shapes: list[dict]) -> str:
    """One row per shape and contender."""
    rivals = [c for c in shapes[0]["contenders"] if not is_ours(c)]
    rows = []
    for shape in shapes:
        for name, c in shape["contenders"].items():
            memory = c["peak_memory_bytes"]
            failed = c.get("failed") or next((r["failed"] for r in c["rounds"] if "failed" in r), None)
            speed = c["tokens_per_second"]
            cells = [
                f"{shape['name']}, {name}" + (" (failed)" if failed else " (not applicable)" if "inapplicable" in c else ""),
                number(speed and speed["median"]),
                f"{number(speed['least'])}-{number(speed['most'])}" if speed else "-",
                number(c["flops_per_second"] / 1e9, ",.1f") if speed else "-",
                f"{100 * c['share_of_gemm_peak']:.0f}%" if speed else "-",
                number(memory / 2**20) if memory else "-",
            ]
            rows.append(cells + [ratio(shape["ratios"].get(f"{name} / {rival}")) for rival in rivals])
    head = ["shape, contender", "tokens/s", "range", "GFLOP/s", "of GEMM peak", "peak MiB"]
    return table(head + [f"over {rival}" for rival in rivals], rows)


def sweep_table(sweep: dict) -> str:
    """One row per contender: wall time of the grid, and how many times as long as ours the same FLOPs took."""
    def rates(contender: dict) -> list[float | None]:
        rounds = contender["rounds"]
        return [None if "failed" in r else r.get("flops", sweep["flops"]) / r["seconds"] for r in rounds]

    ours, rows = sweep["contenders"].get("ours"), []
    for name, contender in sweep["contenders"].items():
        speed = spread([r for r in rates(contender) if r])
        seconds = spread([r["seconds"] for r in contender["rounds"] if "failed" not in r])
        finished = [r for r in contender["rounds"] if "failed" not in r]
        trained = {len(r["cells"]) if "cells" in r else r.get("done", sweep["cells"]) for r in finished}
        rows.append([
            name + (" (not applicable)" if "inapplicable" in contender else ""),
            "-".join(str(count) for count in sorted(trained)) or "-",
            number(seconds and seconds["median"], ",.1f"),
            number(speed and speed["median"] / 1e9, ",.1f"),
            "-" if is_ours(name) or not ours else ratio(paired_ratio(rates(ours), rates(contender))),
        ])
    return table([f"{sweep['cells']} cells", "trained", "seconds", "GFLOP/s", "times as long as ours"], rows)


def reason(failure: str) -> str:
    """The line that says why: the last exception of a traceback (compilers say more after it), the one before the hint of an
    error."""
    lines = failure.strip().splitlines()
    raised = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Unsupported|Interrupt)\b.*: .", line)]
    if lines[0].startswith("Traceback") and raised:
        return raised[-1][:300].rstrip(".")
    return ([line for line in lines if not line.startswith("hint: ")] or lines)[-1]


def warnings(result: dict) -> list[str]:
    """Reasons to distrust the figures."""
    out, p = [], result["torch_passport"]
    load = (p["load_average"] or [0.0])[0]
    if load > 0.3 * p["cores"]:
        out.append(f"the machine was busy before the start (load {load:.1f} on {p['cores']} cores): figures are provisional")
    wanted = result["settings"]["precision"]
    for shape in result.get("shapes", []):
        for name, contender in shape["contenders"].items():
            other = {r["precision"] for r in contender["rounds"] if r.get("precision", wanted) != wanted}
            if other:
                out.append(f"{shape['name']}, {name} computed in {', '.join(sorted(other))}, PyTorch in {wanted}")
    for shape in result.get("shapes", []):
        for name, contender in shape["contenders"].items():
            speed = contender["tokens_per_second"]
            if speed and speed["most"] > 1.2 * speed["least"]:
                wide = speed["most"] / speed["least"] - 1
                out.append(f"{shape['name']}, {name}: rounds differ by {100 * wide:.0f}%; more or longer rounds would help")
    for shape in result.get("shapes", []):
        for name, contender in shape["contenders"].items():
            failures = [contender.get("failed")] + [r.get("failed") for r in contender["rounds"]]
            out += [f"{shape['name']}, {name} failed: {why}" for why in dict.fromkeys(reason(f) for f in failures if f)]
            if "inapplicable" in contender:
                out.append(f"{shape['name']}, {name} is not applicable: {contender['inapplicable']}")
    for name, contender in result.get("sweep", {}).get("contenders", {}).items():
        if "inapplicable" in contender:
            out.append(f"{name} is not applicable: {contender['inapplicable']}")
        out += [f"{name} {what}: {reason(r[what])}" for r in contender["rounds"] for what in ("failed", "stopped") if what in r]
    return out


def ours_line(passport: dict | None) -> str:
    """Version, backend and measured peak of ours; nothing where it told nothing."""
    if not passport:
        return ""
    device, versions = passport.get("device", {}), passport.get("versions", {})
    parts = [device.get("backend"), device.get("shader_compiler"), device.get("driver")]
    peaks = [f"products {p['flops_per_second'] / 1e9:,.0f} GFLOP/s in {p['precision']}" for p in passport.get("peaks", [])]
    told = ", ".join([p for p in parts if p] + peaks)
    return f"Isoflop {versions.get('isoflop', '')} ({told}); "


def rounds_made(result: dict) -> str:
    """How many rounds there were: fewer than asked for where the time was up."""
    parts = [result["sweep"]] if "sweep" in result else result["shapes"]
    counts = [len(c["rounds"]) for part in parts for c in part["contenders"].values() if c["rounds"]]
    least, most = min(counts, default=0), max(counts, default=0)
    return str(least) if least == most else f"{least} to {most}"


def explanations(result: dict) -> list[str]:
    """What the modes are that do more than their names say."""
    contenders = [item for shape in result.get("shapes", []) for item in shape["contenders"].items()]
    return list(dict.fromkeys(f"{name}: {contender['how']}" for name, contender in contenders if "how" in contender))


def markdown(result: dict) -> str:
    """The page: what was measured on what, and the table."""
    p, settings = result["torch_passport"], result["settings"]
    machine = p.get("gpu") or f"{p['cpu']}, {p['threads']} threads of {p['cores']} cores, {p['cpu_capability']}"
    out = (
        f"{result['date']}: {machine}; {ours_line(result.get('ours_passport'))}PyTorch {p['torch']}, {settings['precision']}; "
        f"GEMM {result['gemm_flops_per_second'] / 1e9:,.0f} GFLOP/s; "
        f"medians of {rounds_made(result)} alternating rounds, ratios per round with their range.\n\n"
    )
    out += sweep_table(result["sweep"]) if "sweep" in result else shapes_table(result["shapes"])
    out += "".join(f"\n{line}.\n" for line in explanations(result))
    return out + "".join(f"\nWarning: {w}.\n" for w in warnings(result))
