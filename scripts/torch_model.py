"""The two model families of `crates/model` in PyTorch, for one replica.

Equal in architecture, parameters and loss: pre-norm decoder with a fused query-key-value projection and an untied head;
`llama` with RMSNorm, QK-norm (an RMSNorm with gains per head, before the rotation), rotary positions on half-split heads,
SwiGLU from a fused `[gate, up]` projection and no biases; `gpt2` with LayerNorm, learned positions, GELU (tanh form) and
biases. Written as one would for speed: `scaled_dot_product_attention`, `rms_norm`, `cross_entropy`, `nn.Linear`.

Weights go in and out by the names and layouts of the Rust model (`blocks.0.qkv`, projections `[inputs, outputs]`, vectors
`[1, n]`), see `load_named` and `named`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from torch_shape import Shape

EPSILON = 1e-5
ROPE_BASE = 10_000.0


class Norm(nn.Module):
    """RMSNorm, or LayerNorm where there are biases, over the last axis."""

    def __init__(self, size: int, bias: bool):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(size))
        self.bias = nn.Parameter(torch.zeros(size)) if bias else None
        self.size = (size,)

    def forward(self, x):
        if self.bias is None:
            # Under autocast queries and keys are bf16; the fused kernel wants the gain alike.
            return F.rms_norm(x, self.size, self.gain.to(x.dtype), EPSILON)
        return F.layer_norm(x, self.size, self.gain, self.bias, EPSILON)


def fused_attention(q, k, v):
    """Causal attention of `[B, H, T, hd]` by PyTorch's own kernel."""
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def product_attention(q, k, v):
    """The same as two products and a softmax, for what does not take the kernel."""
    t = q.shape[-2]
    scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
    later = torch.ones(t, t, dtype=torch.bool, device=q.device).triu(1)
    return scores.masked_fill(later, -torch.inf).softmax(-1).to(v.dtype) @ v


class Attention(nn.Module):
    """Causal self-attention, `[B, T, D] -> [B, T, D]`."""

    attend = staticmethod(fused_attention)

    def __init__(self, shape: Shape):
        super().__init__()
        bias = shape.family == "gpt2"
        self.heads, self.head_dim = shape.heads, shape.head_dim
        self.qkv = nn.Linear(shape.width, 3 * shape.width, bias=bias)
        self.out = nn.Linear(shape.width, shape.width, bias=bias)
        self.rotary = shape.family == "llama"
        if self.rotary:
            self.q_norm = Norm(shape.head_dim, False)
            self.k_norm = Norm(shape.head_dim, False)

    def forward(self, x, rope):
        b, t, d = x.shape
        # [B, T, H, hd] each: norms and rotations are faster here than after the swap of heads and positions.
        q, k, v = self.qkv(x).view(b, t, 3 * self.heads, self.head_dim).split(self.heads, 2)
        if self.rotary:
            q, k = rotate(self.q_norm(q), rope), rotate(self.k_norm(k), rope)
        q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        y = self.attend(q, k, v)
        return self.out(y.transpose(1, 2).reshape(b, t, d))


def rope_table(context: int, head_dim: int, device=None) -> torch.Tensor:
    """Cosines and sines of the rotary angles, `[2, context, 1, head_dim]` in f64; the sine's first half is negative."""
    half = head_dim // 2
    rate = ROPE_BASE ** (-torch.arange(half, dtype=torch.float64, device=device) / half)
    angle = torch.arange(context, dtype=torch.float64, device=device)[:, None] * rate
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([torch.cat([cos, cos], -1), torch.cat([-sin, sin], -1)])[:, :, None]


def rotate(x, rope):
    """Turns the two halves of each head, `(a, b) -> (a cos - b sin, b cos + a sin)`."""
    a, b = x.chunk(2, -1)
    return x * rope[0] + torch.cat([b, a], -1) * rope[1]


class Mlp(nn.Module):
    """SwiGLU or GELU between two projections."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.gated = shape.family == "llama"
        bias = not self.gated
        self.up = nn.Linear(shape.width, shape.hidden * (2 if self.gated else 1), bias=bias)
        self.down = nn.Linear(shape.hidden, shape.width, bias=bias)

    def forward(self, x):
        x = self.up(x)
        if self.gated:
            gate, up = x.chunk(2, -1)
            return self.down(F.silu(gate) * up)
        return self.down(F.gelu(x, approximate="tanh"))


class Block(nn.Module):
    """Pre-norm block: attention and MLP, each around a residual."""

    def __init__(self, shape: Shape):
        super().__init__()
        bias = shape.family == "gpt2"
        self.norm1 = Norm(shape.width, bias)
        self.attention = Attention(shape)
        self.norm2 = Norm(shape.width, bias)
        self.mlp = Mlp(shape)

    def forward(self, x, rope):
        x = x + self.attention(self.norm1(x), rope)
        return x + self.mlp(self.norm2(x))


class Model(nn.Module):
    """The decoder. `forward(inputs, targets)` gives the mean loss in nats, and the loss to differentiate."""

    def __init__(self, shape: Shape, z_loss: float = 0.0):
        super().__init__()
        self.shape, self.z_loss = shape, z_loss
        bias = shape.family == "gpt2"
        self.embedding = nn.Embedding(shape.vocab, shape.width)
        if bias:
            self.positions = nn.Parameter(torch.zeros(shape.context, shape.width))
        else:
            table = rope_table(shape.context, shape.head_dim)
            self.register_buffer("rope", table.to(torch.get_default_dtype()), persistent=False)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.depth))
        self.norm = Norm(shape.width, bias)
        self.head = nn.Linear(shape.width, shape.vocab, bias=False)

    def logits(self, inputs):
        """`[B, T]` token ids -> `[B, T, V]`."""
        x = self.embedding(inputs)
        rope = None
        if self.shape.family == "gpt2":
            x = x + self.positions
        elif torch.is_autocast_enabled(x.device.type):
            rope = self.rope.to(torch.get_autocast_dtype(x.device.type))
        else:
            rope = self.rope
        for block in self.blocks:
            x = block(x, rope)
        return self.head(self.norm(x))

    def forward(self, inputs, targets):
        logits = self.logits(inputs).flatten(0, 1)
        # Autocast does so itself on CUDA, but not under vmap.
        logits = logits if logits.dtype == torch.float64 else logits.float()
        loss = F.cross_entropy(logits, targets.flatten())
        if self.z_loss == 0.0:
            return loss, loss
        log_z = torch.logsumexp(logits, -1)
        return loss.detach(), loss + self.z_loss * log_z.square().mean()

    @torch.no_grad()
    def initialise(self, seed: int):
        """The initial distributions of `param_specs` (other variates than the Rust model's)."""
        s, rng = self.shape, torch.Generator().manual_seed(seed)
        for name, param in slots(self).items():
            last = name.rsplit(".", 1)[-1]
            if last in ("embedding", "positions"):
                std = 0.3
            elif last == "head":
                std = 0.1 / math.sqrt(s.width)
            elif last in ("qkv", "gate_up", "up"):
                std = 1 / math.sqrt(s.width)
            elif last in ("out", "down"):
                std = 0.0
            else:
                continue  # gains are one, biases zero
            param.copy_(torch.randn(param.shape, generator=rng) * std)
        for name, param in slots(self).items():
            if name.endswith("_bias"):
                param.zero_()
        return self


def slots(model: Model) -> dict[str, nn.Parameter]:
    """Parameters by the Rust model's names, in its order."""
    s, gpt2 = model.shape, model.shape.family == "gpt2"
    out: dict[str, nn.Parameter] = {"embedding": model.embedding.weight}

    def add(name, module):
        out[name] = module.gain if isinstance(module, Norm) else module.weight
        if gpt2:
            out[name + "_bias"] = module.bias

    if gpt2:
        out["positions"] = model.positions
    for i in range(s.depth):
        block, at = model.blocks[i], f"blocks.{i}."
        add(at + "norm1", block.norm1)
        add(at + "qkv", block.attention.qkv)
        if not gpt2:
            out[at + "q_norm"] = block.attention.q_norm.gain
            out[at + "k_norm"] = block.attention.k_norm.gain
        add(at + "out", block.attention.out)
        add(at + "norm2", block.norm2)
        add(at + ("up" if gpt2 else "gate_up"), block.mlp.up)
        add(at + "down", block.mlp.down)
    add("norm", model.norm)
    out["head"] = model.head.weight
    return out


def is_projection(name: str) -> bool:
    """Whether PyTorch holds the transpose, `[outputs, inputs]`."""
    return name.rsplit(".", 1)[-1] in ("qkv", "out", "gate_up", "up", "down", "head")


def decays(name: str) -> bool:
    """Whether weight decay applies: to matrices, not to gains and biases."""
    return is_projection(name) or name in ("embedding", "positions")


def ours(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """A parameter (or its gradient) in the Rust model's layout, `[rows, cols]`."""
    if is_projection(name):
        return tensor.detach().T
    return tensor.detach().reshape(-1, tensor.shape[-1])


def named(model: Model) -> dict[str, torch.Tensor]:
    """All weights in the Rust model's names and layout."""
    return {name: ours(name, param) for name, param in slots(model).items()}


@torch.no_grad()
def load_named(model: Model, weights: dict[str, torch.Tensor]):
    """Takes weights by the Rust model's names, as from its safetensors files (one replica of `weights/<name>`)."""
    params = slots(model)
    if set(params) != set(weights):
        raise ValueError(f"weights do not fit the shape: {sorted(set(params) ^ set(weights))} on one side only")
    for name, param in params.items():
        value = weights[name]
        param.copy_((value.T if is_projection(name) else value).reshape(param.shape))
