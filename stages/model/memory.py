"""Too little memory for a training: which knobs to turn, in one line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from ..errors import UserError

# As torch says it: of a GPU, of the machine, and of the kernel's refusal.
_SAID = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """Raises UserError, which says what to turn, when the memory of a GPU or of the machine is not enough."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        known = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not known and not any(words in str(error).lower() for words in _SAID):
            raise
        raise UserError(
            "out of memory in training; halve model_adapter.batch_size (and double gradient_accumulation), set"
            " model_adapter.gradient_checkpointing=true, or lower model_adapter.context; on a GPU"
            " model_adapter.method=qlora needs least"
        ) from None
