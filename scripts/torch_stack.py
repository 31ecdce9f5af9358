"""A stack of replicas trained in lock-step by `torch.func`: stacked weights, `functional_call`, `vmap`, torch.compile."""

from __future__ import annotations

import torch
from torch.func import functional_call, stack_module_state, vmap

from torch_model import Attention, Model, product_attention, slots
from torch_train import adamw_of, autocast, compiled, set_rate


class Stack:
    """R models of one shape, their weights `[R, ...]`, one AdamW over them; each is clipped by its own norm.

    The gradient is that of the sum of the losses over the vmapped models, not a vmap of each one's gradient: replicas share
    nothing, so both are the same numbers, and torch.compile gets the forward and backward pass that it has for one model.
    It also keeps PyTorch's attention kernels, which have a rule for vmap in the forward pass alone (PyTorch 2.15).
    """

    def __init__(self, models: list[Model], hyper: dict, device: str, inductor: str = "default"):
        self.hyper, self.device, self.inductor = hyper, device, inductor
        if device == "cuda":
            # cuDNN's attention, which compiled models take otherwise, has no rule for vmap (PyTorch 2.11).
            torch.backends.cuda.enable_cudnn_sdp(False)
        self.replicas = len(models)
        # A missing rule is an error instead of a silent loop over the replicas.
        torch._C._functorch._set_vmap_fallback_enabled(False)
        stacked, _ = stack_module_state(models)
        self.params = {name: p.detach().to(device).requires_grad_() for name, p in stacked.items()}
        # The order of the computation, without weights of its own; the rotary table is the same for all.
        self.buffers = {name: buffer.to(device) for name, buffer in models[0].named_buffers()}
        self.frame = models[0].to("meta")
        place = {id(param): name for name, param in self.frame.named_parameters()}
        self.optimizer = adamw_of({ours: self.params[place[id(p)]] for ours, p in slots(self.frame).items()}, hyper)
        fused = fused_attention_vmaps(self.frame.shape, device, hyper["precision"])
        if not fused:
            for module in self.frame.modules():
                if isinstance(module, Attention):
                    module.attend = product_attention
        self.how = (
            f"{self.replicas} replicas by vmap, tokens of all of them together; attention "
            + ("by PyTorch's kernel" if fused else "as products and softmax, its kernel has no rule for vmap here")
            + "; compiled: the forward and backward pass, clipping; not: the fused AdamW"
        )
        self.forward = compiled(vmap(self.losses), inductor)
        self.clip = compiled(clip_each, inductor)

    def losses(self, params, inputs, targets):
        """Loss of one replica, and what to differentiate."""
        with autocast(self.device, self.hyper["precision"]):
            return functional_call(self.frame, (params, self.buffers), (inputs, targets))

    def step(self, inputs, targets, rate: float | None = None):
        """One step of all on `[R, B, T]` tokens. Returns their losses, `[R]`, to be read before the next step."""
        if rate is not None:
            set_rate(self.optimizer, rate)
        if self.inductor != "default":
            torch.compiler.cudagraph_mark_step_begin()
        losses, objectives = self.forward(self.params, inputs, targets)
        objectives.sum().backward()
        if self.hyper["clip_norm"] is not None:
            self.clip([param.grad for param in self.params.values()], self.hyper["clip_norm"])
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return losses.detach()


@torch.no_grad()
def clip_each(grads: list[torch.Tensor], limit: float):
    """`clip_grad_norm_` for each replica of gradients `[R, ...]`, in place."""
    norms = torch.stack([torch.linalg.vector_norm(grad.flatten(1), dim=1) for grad in grads])  # [weights, R]
    factors = (limit / (torch.linalg.vector_norm(norms, dim=0) + 1e-6)).clamp(max=1.0)  # [R]
    for grad in grads:
        grad.mul_(factors.view(-1, *[1] * (grad.dim() - 1)))


def fused_attention_vmaps(shape, device: str, precision: str) -> bool:
    """Whether the attention kernel for such heads has a rule for vmap: on CUDA it has, on the CPU not (PyTorch 2.15)."""
    dtype = {"f32": torch.get_default_dtype(), "bf16": torch.bfloat16, "f16": torch.float16}[precision]
    q = torch.zeros(2, 1, shape.heads, shape.context, shape.head_dim, dtype=dtype, device=device, requires_grad=True)
    try:
        vmap(Attention.attend)(q, q, q).sum().backward()
    except RuntimeError:
        return False
    return True
