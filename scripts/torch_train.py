"""Training as `crates/train` does it, in PyTorch: schedules, AdamW on all weights, clipping, one step."""

from __future__ import annotations

import contextlib
import math

import torch

from torch_model import Model, decays, slots


def stable_steps(hyper: dict, steps: int) -> int:
    """Steps in front of a WSD run's decay; all steps for the other schedules."""
    schedule = hyper["schedule"]
    if schedule["kind"] != "wsd":
        return steps
    cooldown = math.floor(steps * schedule["cooldown_fraction"] + 0.5)
    return steps - min(max(cooldown, 1), steps)


def learning_rate(hyper: dict, step: int, steps: int) -> float:
    """Learning rate of step `step` (from 0) of `steps`, as `isoflop_train`'s schedule gives it."""
    warmup, schedule = hyper["warmup_steps"], hyper["schedule"]
    ramp = (step + 1) / warmup if step < warmup else 1.0
    factor = 1.0
    if schedule["kind"] == "cosine":
        x = min(max(step - warmup, 0) / max(steps - warmup, 1), 1.0)
        final = schedule["final_fraction"]
        factor = final + (1 - final) * 0.5 * (1 + math.cos(math.pi * x))
    elif schedule["kind"] == "wsd":
        start = stable_steps(hyper, steps)
        if step >= start:
            factor = 1 - math.sqrt((step + 1 - start) / (steps - start + 1))
    elif schedule["kind"] != "constant":
        raise ValueError(f"unknown schedule {schedule['kind']!r}\nhint: cosine, wsd or constant")
    return hyper["learning_rate"] * ramp * factor


def adamw(model: Model, hyper: dict, only=lambda name: True, fused: bool = True, capturable: bool = False) -> torch.optim.AdamW:
    """AdamW over the weights that `only` names; decay on matrices, not on gains and biases. `capturable`: may be part of a
    CUDA graph, which reads the rate from the GPU."""
    return adamw_of({name: p for name, p in slots(model).items() if only(name)}, hyper, fused, capturable)


def adamw_of(params: dict[str, torch.Tensor], hyper: dict, fused: bool = True, capturable: bool = False) -> torch.optim.AdamW:
    """AdamW over weights by the Rust model's names."""
    groups = [
        {"params": [p for n, p in params.items() if decays(n)], "weight_decay": hyper["weight_decay"]},
        {"params": [p for n, p in params.items() if not decays(n)], "weight_decay": 0.0},
    ]
    betas = (hyper["beta1"], hyper["beta2"])
    rate = hyper["learning_rate"]
    if capturable:
        rate = torch.tensor(rate, device=next(iter(params.values())).device)
    return torch.optim.AdamW(groups, lr=rate, betas=betas, eps=hyper["epsilon"], fused=fused, capturable=capturable)


def set_rate(optimizer: torch.optim.Optimizer, rate: float):
    """Sets the learning rate of all groups."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def autocast(device: str, precision: str):
    """The context of the forward pass: bf16 autocast, or nothing for f32."""
    if precision == "f32":
        return contextlib.nullcontext()
    return torch.autocast(device, dtype={"bf16": torch.bfloat16, "f16": torch.float16}[precision])


def compiled(what, inductor: str):
    """`what` by torch.compile, with the mode of inductor of that name."""
    # One program per shape; the limit would send the shapes past the eighth back to eager.
    torch._dynamo.config.recompile_limit = 1000
    return torch.compile(what, mode=inductor, dynamic=False)


class Trainer:
    """A model, its optimizer and the step of a plain PyTorch loop."""

    how = None  # What a reader must know besides the mode's name.

    def __init__(self, model: Model, hyper: dict, device: str, inductor: str | None = None, capturable: bool = False):
        """`inductor`: the mode of torch.compile ("default", "reduce-overhead"); none for eager."""
        self.model, self.hyper, self.device = model.to(device), hyper, device
        self.optimizer = adamw(self.model, hyper, capturable=capturable)
        self.params = list(self.model.parameters())
        self.forward = self.model if inductor is None else compiled(self.model, inductor)

    def step(self, inputs, targets, rate: float | None = None):
        """One optimizer step. Returns the mean loss, still on the device, to be read before the next step."""
        if rate is not None:
            set_rate(self.optimizer, rate)
        with autocast(self.device, self.hyper["precision"]):
            loss, objective = self.forward(inputs, targets)
        objective.backward()
        if self.hyper["clip_norm"] is not None:
            torch.nn.utils.clip_grad_norm_(self.params, self.hyper["clip_norm"], foreach=True)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss
