"""Which rows share a batch: those of like length side by side, or several rows end to end in one (packing)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import trl
from datasets import Dataset
from torch.utils.data import Sampler
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

# Batches are cut from runs of this many, sorted by length: little padding, still well mixed.
_BUCKET_BATCHES = 20


class LengthBuckets(Sampler[int]):
    """Row numbers in an order that hangs on (seed, epoch) alone, rows of like length side by side.

    Unlike the library's own length grouping it can start in any epoch, so a resumed run sees the rows that
    an undisturbed one would have seen.
    """

    def __init__(self, lengths: list[int], batch_size: int, seed: int) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer at the start of every epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        rng = random.Random(f"{self._seed}:{self._epoch}")
        order = list(range(len(self._lengths)))
        rng.shuffle(order)
        size = self._batch_size
        batches: list[list[int]] = []
        for start in range(0, len(order), size * _BUCKET_BATCHES):
            bucket = sorted(order[start : start + size * _BUCKET_BATCHES], key=lambda row: self._lengths[row])
            batches += [bucket[at : at + size] for at in range(0, len(bucket), size)]
        # The one short batch stays last, or all behind it would be cut askew.
        last = batches.pop()
        rng.shuffle(batches)
        return iter([row for batch in [*batches, last] for row in batch])


def packed(rows: Dataset, context: int) -> Dataset:
    """Rows of input_ids and completion_mask, end to end in as few rows of at most `context` tokens as fit well.

    Best fit, longest first: no row is cut. Column seq_lengths says where each of them ends.
    """
    return trl.pack_dataset(rows, seq_length=context, strategy="bfd")


class PackedRows(DataCollatorForLanguageModeling):  # type: ignore[misc]
    """Batches of packed rows in which none of them sees another.

    Positions start again at 0 with each row, and there is no attention mask: from these two the models take it that
    attention is block-diagonal (transformers.masking_utils), with any attention implementation. Padding stands at
    position 0, so each piece of it is a row of its own.
    """

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """Tensors input_ids, position_ids and labels, each [batch, longest]."""
        batch: dict[str, Any] = super().torch_call(examples)
        del batch["attention_mask"]
        # The first token of a row cannot be learnt: what stands before it is another row.
        batch["labels"][batch["position_ids"] == 0] = -100
        return batch


def collator(pad_token_id: int) -> PackedRows:
    """Makes batches of what `packed` gives, and of single rows."""
    return PackedRows(pad_token_id=pad_token_id, return_position_ids=True)
