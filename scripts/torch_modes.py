"""Ways of training in PyTorch by the names that `--modes` has. Needs PyTorch only to make a trainer."""

from __future__ import annotations

import dataclasses
import re

NAMES = "eager, compile, graphs, graphs:step, vmap, vmap@32, compile:<inductor mode>, vmap:<inductor mode>"
REPLICAS = 8


@dataclasses.dataclass(frozen=True)
class Mode:
    """A parsed name: `kind[:detail][@replicas]`."""

    kind: str
    detail: str
    replicas: int


def parse(text: str) -> Mode:
    """A mode by its name."""
    match = re.fullmatch(r"(eager|compile|graphs|vmap)(?::([a-z-]+))?(?:@([1-9]\d*))?", text)
    kind, detail = (match[1], match[2] or "") if match else ("", "")
    if not match or (kind == "eager" and detail) or (kind == "graphs" and detail not in ("", "step")):
        raise ValueError(f"there is no mode {text!r}\nhint: --modes takes {NAMES}")
    if match[3] and kind != "vmap":
        raise ValueError(f"mode {text!r}: {kind} trains one model\nhint: only vmap trains several, such as vmap@8")
    return Mode(kind, detail, int(match[3] or REPLICAS) if kind == "vmap" else 1)


def full_name(text: str) -> str:
    """The name of a contender: a stack's says how many replicas it has, as ours does."""
    return f"{text}@{REPLICAS}" if parse(text).kind == "vmap" and "@" not in text else text


def inapplicable(text: str, device: str, one_by_one: bool = False) -> str | None:
    """Why a mode has no meaning here; `None` where it has one."""
    mode = parse(text)
    if mode.kind == "graphs" and device != "cuda":
        return "CUDA graphs need a CUDA device"
    if mode.kind == "vmap" and one_by_one:
        return "vmap trains models of one shape together; here cells train one by one"
    return None


def trainer(shape, hyper: dict, device: str, text: str, seed: int, dtype=None):
    """A trainer of that mode, its weights drawn by `seed` (and the numbers after it where there are several)."""
    import torch

    from torch_graphs import Graphs, StepGraph
    from torch_model import Model
    from torch_stack import Stack
    from torch_train import Trainer

    mode = parse(text)
    dtype = dtype or torch.get_default_dtype()
    models = [Model(shape, hyper["z_loss"]).initialise(seed + i).to(dtype) for i in range(mode.replicas)]
    if mode.kind == "vmap":
        return Stack(models, hyper, device, mode.detail or "default")
    if mode.kind == "graphs":
        return (StepGraph if mode.detail else Graphs)(models[0], hyper, device)
    return Trainer(models[0], hyper, device, None if mode.kind == "eager" else mode.detail or "default")
