"""Which rows share a batch, and that packed rows do not see each other."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import LlamaConfig, LlamaForCausalLM

from stages.model import packing
from stages.model.packing import LengthBuckets

# The order of rows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 7, 8, 9, 160, 161, 500])
def test_every_row_comes_once_an_epoch(count: int) -> None:
    buckets = LengthBuckets([number * 37 % 101 for number in range(count)], 8, seed=7)
    assert len(buckets) == count
    assert sorted(buckets) == list(range(count))


def test_the_order_hangs_on_seed_and_epoch_alone() -> None:
    def order(seed: int, epoch: int, before: tuple[int, ...] = ()) -> list[int]:
        buckets = LengthBuckets([number * 37 % 101 for number in range(100)], 8, seed)
        for earlier in before:
            buckets.set_epoch(earlier)
            list(buckets)
        buckets.set_epoch(epoch)
        return list(buckets)

    assert order(7, 1) == order(7, 1) == order(7, 1, before=(0, 3, 1))
    assert order(7, 0) != order(7, 1) != order(7, 2)
    assert order(7, 1) != order(8, 1)
    torch.manual_seed(5)
    assert order(7, 1) == order(7, 1)


def test_rows_of_like_length_share_a_batch() -> None:
    lengths = [number * 37 % 160 for number in range(160)]
    order = list(LengthBuckets(lengths, 8, seed=7))
    for start in range(0, 160, 8):
        batch = [lengths[row] for row in order[start : start + 8]]
        assert max(batch) - min(batch) < 8
    starts = [lengths[row] for row in order[::8]]
    assert starts != sorted(starts), "short and long batches are mixed"


def test_only_the_last_batch_is_short() -> None:
    lengths = [number % 10 + 100 * (number % 7) for number in range(165)]
    order = list(LengthBuckets(lengths, 8, seed=7))
    for start in range(0, 160, 8):
        batch = sorted(lengths[row] for row in order[start : start + 8])
        assert batch[-1] - batch[0] < 200, "a batch that is cut askew mixes lengths"


# Packing ----------------------------------------------------------------------------------------------------

VOCABULARY = 50
PAD = 0


def rows(lengths: list[int]) -> Dataset:
    """Rows of random tokens, whose first third is the prompt."""
    generator = torch.Generator().manual_seed(3)
    return Dataset.from_list(
        [
            {
                "input_ids": torch.randint(1, VOCABULARY, (length,), generator=generator).tolist(),
                "completion_mask": [int(place >= length // 3) for place in range(length)],
            }
            for length in lengths
        ]
    )


def batch_of(dataset: Dataset) -> dict[str, Any]:
    """All rows of a dataset as one batch, as the trainer makes it."""
    examples = [
        {
            **{key: row[key] for key in ("input_ids", "seq_lengths") if key in row},
            "labels": [
                token if mask else -100 for token, mask in zip(row["input_ids"], row["completion_mask"], strict=True)
            ],
        }
        for row in dataset
    ]
    return packing.collator(PAD)(examples)


def small_model(attention: str) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        attn_implementation=attention,
        initializer_range=0.5,  # so that what a token attends to shows
    )
    return LlamaForCausalLM(config).eval()


LENGTHS = [5, 17, 3, 9, 24, 12, 7, 31, 4]


def test_packing_cuts_no_row_and_loses_none() -> None:
    single = rows(LENGTHS)
    packed = packing.packed(single, 32)
    assert len(packed) < len(single)
    assert max(map(len, packed["input_ids"])) <= 32
    found = []
    for row in packed:
        assert sum(row["seq_lengths"]) == len(row["input_ids"])
        start = 0
        for length in row["seq_lengths"]:
            found.append((row["input_ids"][start : start + length], row["completion_mask"][start : start + length]))
            start += length
    assert sorted(found) == sorted((row["input_ids"], row["completion_mask"]) for row in single)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_packed_rows_get_the_logits_that_they_get_alone(attention: str) -> None:
    model = small_model(attention)
    packed = packing.packed(rows(LENGTHS), 32)
    batch = batch_of(packed)
    with torch.no_grad():
        together = model(input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False).logits
        for number, row in enumerate(packed):
            start = 0
            for length in row["seq_lengths"]:
                alone = model(
                    input_ids=torch.tensor([row["input_ids"][start : start + length]]), use_cache=False
                ).logits
                assert torch.allclose(together[number, start : start + length], alone[0], atol=1e-4)
                start += length


def test_without_positions_that_start_again_the_logits_would_be_others() -> None:
    model = small_model("sdpa")
    batch = batch_of(packing.packed(rows(LENGTHS), 32))
    with torch.no_grad():
        right = model(input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False).logits
        wrong = model(input_ids=batch["input_ids"], use_cache=False).logits
    assert not torch.allclose(right, wrong, atol=1e-1)


def test_the_loss_of_packed_rows_is_the_mean_over_the_tokens_of_the_rows_alone() -> None:
    model = small_model("sdpa")
    single = rows(LENGTHS)
    with torch.no_grad():
        together = model(**batch_of(packing.packed(single, 32)), use_cache=False).loss
        total, tokens = 0.0, 0
        for row in single:
            batch = batch_of(Dataset.from_list([row]))
            learnt = int((batch["labels"][:, 1:] != -100).sum())
            total += float(model(**batch, use_cache=False).loss) * learnt
            tokens += learnt
    assert float(together) == pytest.approx(total / tokens, rel=1e-5)


def test_the_first_token_of_a_row_is_not_learnt_from_the_end_of_another() -> None:
    whole = rows([6, 6]).map(lambda row: {"completion_mask": [1] * len(row["input_ids"])})
    batch = batch_of(packing.packed(whole, 12))
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3, 4, 5] * 2]
    assert (batch["labels"][0] == -100).nonzero().flatten().tolist() == [0, 6]
    assert "attention_mask" not in batch
