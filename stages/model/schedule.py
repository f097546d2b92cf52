"""How long and how hard a model is trained."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

import torch

from ..errors import UserError

Precision = Literal["auto", "fp32", "bf16"]


@dataclass(frozen=True)
class Schedule:
    """How long and how hard to train.

    warmup_share: of all steps. save_steps: steps between checkpoints. A step sees batch_size * gradient_accumulation
    rows, however many processes share them. patience: validations without progress after which training ends, 0 for
    never. keep: the weights after the last step, or those with the lowest validation loss.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    warmup_share: float
    weight_decay: float
    save_steps: int
    seed: int
    context: int
    gradient_accumulation: int = 1
    precision: Precision = "auto"
    gradient_checkpointing: bool = False
    packing: bool = False
    patience: int = 0
    keep: Literal["last", "best"] = "last"

    @classmethod
    def of(cls, knobs: Any, context: int | None = None) -> Schedule:
        """The schedule among a stage's parameters; `context` where they do not have one."""
        own = {key.name: getattr(knobs, key.name) for key in fields(cls) if hasattr(knobs, key.name)}
        return cls(**{**own, "context": own.get("context") if context is None else context})

    @property
    def bf16(self) -> bool:
        """Whether matrices are multiplied in bfloat16."""
        return self.precision == "bf16" or (self.precision == "auto" and torch.cuda.is_available())

    def shares(self, processes: int) -> tuple[int, int]:
        """The batch size and the gradient accumulation of each process, so that all of them see the rows of a step.

        Raises UserError where neither can be divided.
        """
        if self.gradient_accumulation % processes == 0:
            return self.batch_size, self.gradient_accumulation // processes
        if self.batch_size % processes == 0:
            return self.batch_size // processes, self.gradient_accumulation
        raise UserError(
            f"model_adapter.batch_size {self.batch_size}, gradient_accumulation {self.gradient_accumulation}: neither"
            f" can be shared by {processes} processes; make one a multiple of that"
        )
