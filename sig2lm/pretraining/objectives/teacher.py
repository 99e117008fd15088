"""A momentum teacher: a slow copy of what is trained, without gradients.

Mean teachers (Tarvainen and Valpola 2017, arXiv 1703.01780) as in MoCo, BYOL, data2vec and I-JEPA.
"""

import copy
from typing import Self

import torch
from torch import Tensor, nn


class Teacher(nn.Module):
    """A copy of ``student`` that follows it as an exponential moving average.

    The momentum is ``min(momentum, (1 + n) / (10 + n))`` after n steps: a young teacher follows faster, so that short
    trainings are not spent on imitating random weights.
    """

    steps: Tensor

    def __init__(self, student: nn.Module, momentum: float = 0.996) -> None:
        super().__init__()
        self.copy = copy.deepcopy(student).requires_grad_(False).eval()
        self.momentum = momentum
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode, whatever is asked."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Do what the student does, without gradient."""
        output: Tensor | tuple[Tensor, ...] = self.copy(*inputs)
        return output

    @torch.no_grad()
    def follow(self, student: nn.Module) -> None:
        """Move towards the student."""
        momentum = min(self.momentum, (1 + int(self.steps)) / (10 + int(self.steps)))
        self.steps += 1
        for parameter, new in zip(self.copy.parameters(), student.parameters(), strict=True):
            parameter.lerp_(new, 1.0 - momentum)
        for buffer, current in zip(self.copy.buffers(), student.buffers(), strict=True):
            buffer.copy_(current)
