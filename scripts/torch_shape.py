"""One model architecture and its exact counts: the same as `isoflop_plan::Shape`. Needs no PyTorch."""

from __future__ import annotations

import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Shape:
    """Everything that fixes the size of every weight. `as_dict` is the JSON form of the Rust struct."""

    family: str  # "llama" or "gpt2"
    depth: int
    width: int
    heads: int
    hidden: int
    vocab: int
    context: int

    @property
    def head_dim(self) -> int:
        return self.width // self.heads

    def params(self) -> dict[str, int]:
        """Exact parameter count by group."""
        l, d, h, v, t = self.depth, self.width, self.hidden, self.vocab, self.context
        if self.family == "llama":
            return {
                "embedding": v * d,
                "attention": l * 4 * d * d,
                "mlp": l * 3 * d * h,
                "norms": l * (2 * d + 2 * self.head_dim) + d,
                "head": v * d,
            }
        return {
            "embedding": v * d + t * d,
            "attention": l * (4 * d * d + 4 * d),
            "mlp": l * (2 * d * h + h + d),
            "norms": l * 4 * d + 2 * d,
            "head": v * d,
        }

    def train_flops_per_token(self) -> float:
        """Matrix-product FLOPs of a training step per token: forward x 3, full-context attention."""
        l, d, h, v, t = self.depth, self.width, self.hidden, self.vocab, self.context
        mlp = 3 if self.family == "llama" else 2
        forward = l * (8 * d * d + 4 * t * d + 2 * mlp * d * h) + 2 * v * d
        return 3.0 * forward

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)


def default_hidden(family: str, width: int) -> int:
    """Hidden width where none is given, by `isoflop_plan`'s rule: 8/3 (llama) or 4 (gpt2) times the width, to the
    nearest multiple of 8, 16 or 64."""
    grain = 8 if width < 128 else 16 if width < 512 else 64
    thirds = 8 if family == "llama" else 12
    return max((2 * thirds * width + 3 * grain) // (6 * grain), 1) * grain


PATTERN = re.compile(r"(?:(llama|gpt2):)?L(\d+)d(\d+)h(\d+)(?:H(\d+))?V(\d+)x(\d+)x(\d+)")


def parse(text: str) -> tuple[Shape, int]:
    """`[family:]L<depth>d<width>h<heads>[H<hidden>]V<vocab>x<sequences>x<context>` -> shape and sequences per batch."""
    match = PATTERN.fullmatch(text)
    if not match:
        raise ValueError(
            f"shape {text!r} is not of the form L4d64h2V256x16x128 "
            "(depth, width, heads, vocabulary, sequences, context; optional H<hidden> after the heads, "
            "optional gpt2: in front)\nhint: write for example --shapes L2d32h1V256x16x64"
        )
    family = match[1] or "llama"
    depth, width, heads = (int(match[i]) for i in (2, 3, 4))
    if width % heads or (width // heads) % 2:
        raise ValueError(
            f"shape {text!r}: {heads} heads do not divide width {width} into heads of even size\n"
            f"hint: heads must divide {width // 2}"
        )
    hidden = int(match[5]) if match[5] else default_hidden(family, width)
    shape = Shape(family, depth, width, heads, hidden, int(match[6]), int(match[8]))
    return shape, int(match[7])
