"""CUDA graphs: what saves small models the launches of their kernels. Two ways, which differ in what is in the graph."""

from __future__ import annotations

import torch

from torch_model import Model
from torch_train import Trainer, set_rate


class Graphs(Trainer):
    """torch.compile's own CUDA graphs (`mode="reduce-overhead"`)."""

    how = ("in CUDA graphs: the compiled forward and backward pass, one graph each; outside: the copy of the batch, clipping "
           "and the fused AdamW, a few launches each")

    def __init__(self, model: Model, hyper: dict, device: str):
        super().__init__(model, hyper, device, "reduce-overhead")
        self.batch = None

    def step(self, inputs, targets, rate: float | None = None):
        if self.batch is None:
            # Marked static, so that the graph reads them in place; others it would copy to a place of its own every time.
            self.batch = inputs.clone(), targets.clone()
            for part in self.batch:
                torch._dynamo.mark_static_address(part)
        for part, new in zip(self.batch, (inputs, targets)):
            part.copy_(new)
        # The last step's loss and gradients are done with: their memory may be written again.
        torch.compiler.cudagraph_mark_step_begin()
        return super().step(*self.batch, rate)


class StepGraph(Trainer):
    """The whole step captured as one CUDA graph, as PyTorch's notes on CUDA graphs have it for a whole network."""

    how = ("in one CUDA graph: the compiled forward and backward pass, clipping and the fused, capturable AdamW; outside: "
           "the copy of the batch")

    def __init__(self, model: Model, hyper: dict, device: str):
        super().__init__(model, hyper, device, "default", capturable=True)
        self.graph = None

    def step(self, inputs, targets, rate: float | None = None):
        if self.graph is None:
            self.capture(inputs, targets)
        if rate is not None:
            set_rate(self.optimizer, rate)
        for part, new in zip(self.batch, (inputs, targets)):
            part.copy_(new)
        self.graph.replay()
        return self.loss

    def capture(self, inputs, targets):
        """Compiles, then records a step without doing it. The steps before it, which make the optimizer's state and fill
        the libraries' caches, are undone."""
        self.batch = inputs.clone(), targets.clone()
        before = [param.detach().clone() for param in self.params]
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):
                super().step(*self.batch)
        torch.cuda.current_stream().wait_stream(aside)
        with torch.no_grad():
            for param, value in zip(self.params, before):
                param.copy_(value)
            for state in self.optimizer.state.values():
                for value in state.values():
                    value.zero_()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.loss = super().step(*self.batch).detach()
        self.graph = graph
