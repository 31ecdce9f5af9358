"""Medians, ratios and tables of `compare_pytorch.py`. Needs no PyTorch."""

from __future__ import annotations

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
                f"{shape['name']}, {name}" + (" (failed)" if failed else ""),
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
    """One row per contender: wall time of the whole grid."""
    seconds = {n: [None if "failed" in r else r["seconds"] for r in c["rounds"]] for n, c in sweep["contenders"].items()}
    rows = []
    for name, all_seconds in seconds.items():
        whole = [s for s in all_seconds if s]
        median = statistics.median(whole) if whole else None
        row = [name, number(median, ",.1f"), number(sweep["flops"] / median / 1e9, ",.1f") if median else "-"]
        ours = seconds.get("ours", [])
        rows.append(row + ["-" if is_ours(name) else ratio(paired_ratio(all_seconds, ours))])
    return table([f"{sweep['cells']} cells", "seconds", "GFLOP/s", "over ours"], rows)


def warnings(result: dict) -> list[str]:
    """Reasons to distrust the figures."""
    out, p = [], result["torch_passport"]
    load = (p["load_average"] or [0.0])[0]
    if load > 0.3 * p["cores"]:
        out.append(f"the machine was busy before the start (load {load:.1f} on {p['cores']} cores): figures are provisional")
    for shape in result.get("shapes", []):
        for name, contender in shape["contenders"].items():
            speed = contender["tokens_per_second"]
            if speed and speed["most"] > 1.2 * speed["least"]:
                wide = speed["most"] / speed["least"] - 1
                out.append(f"{shape['name']}, {name}: rounds differ by {100 * wide:.0f}%; more or longer rounds would help")
    for shape in result.get("shapes", []):
        for name, contender in shape["contenders"].items():
            failures = [contender.get("failed")] + [r.get("failed") for r in contender["rounds"]]
            out += [f"{shape['name']}, {name} failed: {f.strip().splitlines()[-1]}" for f in failures if f]
    for name, contender in result.get("sweep", {}).get("contenders", {}).items():
        out += [f"{name} failed: {r['failed']}" for r in contender["rounds"] if "failed" in r]
    return out


def markdown(result: dict) -> str:
    """The page: what was measured on what, and the table."""
    p, settings = result["torch_passport"], result["settings"]
    machine = p.get("gpu") or f"{p['cpu']}, {p['threads']} threads of {p['cores']} cores, {p['cpu_capability']}"
    out = (
        f"{result['date']}: {machine}; PyTorch {p['torch']}, {settings['precision']}; "
        f"GEMM {result['gemm_flops_per_second'] / 1e9:,.0f} GFLOP/s; "
        f"medians of {settings['rounds']} alternating rounds, ratios per round with their range.\n\n"
    )
    out += sweep_table(result["sweep"]) if "sweep" in result else shapes_table(result["shapes"])
    return out + "".join(f"\nWarning: {w}.\n" for w in warnings(result))
