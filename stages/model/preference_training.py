"""Preference tuning through TRL's DPOTrainer: the adapter learns to find right answers likelier than wrong ones.

Deterministic and resumable as training is. The reference is the adapter as it came in, of which TRL keeps a frozen
copy beside the one that learns.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import torch
import torch.utils.deterministic
import trl
from accelerate import PartialState
from datasets import Dataset
from jinja2 import TemplateError
from peft import PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer
from torch.utils.data import Sampler
from transformers import PreTrainedTokenizerBase

from .. import files
from ..errors import UserError
from . import tokenizer as tokenizing
from . import training

Row = training.Row

_REFERENCE = "ref"  # what TRL calls its frozen copy
_KEYS = ("id", "prompt", "chosen", "rejected")
_LOSSES = ("sigmoid", "sigmoid_norm", "hinge", "ipo", "apo_zero", "apo_down", "nca_pair", "sft")
_REWARDS = ("rewards/margins", "rewards/accuracies")
_KEPT = (
    "step",
    "epoch",
    "loss",
    "grad_norm",
    "learning_rate",
    *_REWARDS,
    "eval_loss",
    *(f"eval_{key}" for key in _REWARDS),
)


@dataclass(frozen=True)
class Preference:
    """How answers are preferred.

    beta: how dear it is to move away from the adapter as it came in; less of it moves further. losses: TRL's names,
    they are added with `weights`. `sigmoid` is DPO's own; it is content when the right answer loses less than the wrong
    one, and alone made models that knew little yet forget how to write programs. `sft`, the likelihood of the right
    answer, keeps them from that (Pang et al. 2024, "Iterative Reasoning Preference Optimization"). held_out: the share
    of requests whose pairs are only measured.
    """

    beta: float
    losses: tuple[str, ...]
    weights: tuple[float, ...]
    held_out: float

    def __post_init__(self) -> None:
        unknown = [loss for loss in self.losses if loss not in _LOSSES]
        if unknown or not self.losses:
            raise UserError(f"loss {', '.join(unknown) or 'none'} of preference tuning; take {', '.join(_LOSSES)}")
        if len(self.weights) != len(self.losses):
            raise UserError(f"{len(self.losses)} losses and {len(self.weights)} weights; give each loss one")
        if self.beta <= 0 or not 0 <= self.held_out < 1:
            raise UserError(
                f"beta {self.beta}, held_out {self.held_out}: beta is above 0, held_out from 0 to less than 1"
            )


@dataclass(frozen=True)
class Pairs:
    """Pairs as prompt_ids, chosen_ids and rejected_ids. left_out: how many are not in them, by reason."""

    taught: Dataset
    held_out: Dataset
    left_out: dict[str, int]


def read_pairs(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of id, prompt, chosen and rejected (lists of messages), and `row` where several have one request.

    path: pairs.jsonl as lamp_pairs writes it, or train.parquet of corpus_preferences, or the folder of either.
    Raises UserError for what is neither, and for a row that has not all of it.
    """
    if path.is_dir():
        found = [path / name for name in ("train.parquet", "pairs.jsonl") if (path / name).exists()]
        if not found:
            raise UserError(f"{path}: neither train.parquet nor pairs.jsonl in it; give a file or folder of pairs")
        path = found[0]
    if path.suffix != ".parquet":
        yield from files.read_rows(path, _KEYS)
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        parquet = pq.ParquetFile(path)
        if missing := {"_id", *_KEYS[1:]} - set(parquet.schema_arrow.names):
            raise UserError(f"{path}: no pairs in Parquet, it has no {', '.join(sorted(missing))}; give another file")
        for batch in parquet.iter_batches(columns=["_id", *_KEYS[1:]]):
            yield from ({**row, "id": row["_id"]} for row in batch.to_pylist())
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run the stage that makes it (dvc repro), or correct the path") from None
    except pa.ArrowException as error:
        raise UserError(f"{path}: no pairs in Parquet ({error}); make it again (dvc repro)") from None


def token_pairs(tokenizer: PreTrainedTokenizerBase, path: Path, context: int, held_out: float, seed: int) -> Pairs:
    """The pairs of a file as tokens, rendered by the tokenizer's own template, split by the hash of their request.

    Left out are pairs one of whose answers ends behind the context, and those whose chat the template refuses.
    Raises UserError when none is left to teach.
    """
    sides: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
    left_out: Counter[str] = Counter()
    for row in read_pairs(path):
        try:
            pair = _tokens(tokenizer, row)
        except TemplateError:
            left_out["template_refuses"] += 1
            continue
        if len(pair["prompt_ids"]) + max(len(pair["chosen_ids"]), len(pair["rejected_ids"])) > context:
            left_out["too_long"] += 1
            continue
        sides[_is_held_out(row.get("row", row["id"]), held_out, seed)].append(pair)
    if not sides[0]:
        raise UserError(
            f"{path}: no pair is left to learn from (left out: {dict(left_out) or 'none'}); make more pairs, or raise"
            f" the context of {context} tokens"
        )
    return Pairs(Dataset.from_list(sides[0]), Dataset.from_list(sides[1]), dict(sorted(left_out.items())))


def _tokens(tokenizer: PreTrainedTokenizerBase, row: dict[str, Any]) -> dict[str, Any]:
    prompt = tokenizing.token_ids(tokenizer, row["prompt"], add_generation_prompt=True)
    pair = {"prompt_ids": prompt}
    for side in ("chosen", "rejected"):
        whole = tokenizing.token_ids(tokenizer, [*row["prompt"], *row[side]])
        if whole[: len(prompt)] != prompt:
            raise AssertionError(f"{row['id']}: the prompt is not the beginning of the chat's tokens")
        pair[f"{side}_ids"] = whole[len(prompt) :]
    return pair


def _is_held_out(request: str, share: float, seed: int) -> bool:
    place = int.from_bytes(hashlib.sha256(f"{seed}:held-out:{request}".encode()).digest()[:8], "big")
    return place < share * 2**64


class _Trainer(trl.DPOTrainer):  # type: ignore[misc]
    batch_size: int

    def _prepare_dataset(self, dataset: Dataset, *arguments: Any, **options: Any) -> Dataset:
        return dataset  # of tokens already, the same ones as in training and in serving

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler[int]:
        rows = train_dataset if train_dataset is not None else self.train_dataset
        columns = (map(len, rows[f"{name}_ids"]) for name in ("prompt", "chosen", "rejected"))
        lengths = [prompt + max(chosen, rejected) for prompt, chosen, rejected in zip(*columns, strict=True)]
        # Of all processes together: each takes its part of what one process would see.
        return training.LengthBuckets(lengths, self.batch_size, self.args.data_seed)

    def create_model_card(self, *arguments: Any, **options: Any) -> None:
        """A checkpoint needs none."""


def train_pairs(
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    pairs_file: Path,
    schedule: training.Schedule,
    checkpoints: Path,
    preference: Preference,
) -> tuple[PeftModel, list[Row]]:
    """Tune the adapter of `model` on pairs, going on from the last whole checkpoint in the folder `checkpoints`.

    pairs_file: see `read_pairs`. model: base and adapter as they are at the start of the phase, also when it goes on:
    that adapter is the reference. Returns the model with the tuned adapter alone (see also
    `training.weights_elsewhere`), and the history: rows of step, epoch and either loss, grad_norm, learning_rate,
    rewards/margins and rewards/accuracies, or the same of the pairs that were held out (eval_loss, ...). Raises
    UserError when no pair fits, the adapter is one that TRL cannot tune, or the loss is no number any more.
    """
    if isinstance(model.get_output_embeddings(), BaseTunerLayer):
        raise UserError("the adapter changes lm_head, which preference tuning cannot; leave it out of target_modules")
    pairs = token_pairs(tokenizer, pairs_file, schedule.context, preference.held_out, schedule.seed)
    if PartialState().is_main_process:
        counted = f"{len(pairs.taught)} pairs, {len(pairs.held_out)} held out, left out {pairs.left_out or 0}"
        click.echo(f"{pairs_file}: {counted}")
    plain = vars(model.get_base_model()).get("forward")
    with _without_filling():
        trainer = _trainer(model, tokenizer, pairs, schedule, checkpoints, preference)
        training.go_on(trainer, checkpoints)
    _undress(model, plain)
    return model, training.finite(training.history_of(trainer.state.log_history, _KEPT))


@contextmanager
def _without_filling() -> Iterator[None]:
    """Memory that nobody has written to yet is not filled first, as deterministic mode does so that reading it shows.

    TRL's loss takes large blocks and writes before it reads; filling them took half of the time of a step.
    """
    switches: Any = torch.utils.deterministic
    before = switches.fill_uninitialized_memory
    switches.fill_uninitialized_memory = False
    try:
        yield
    finally:
        switches.fill_uninitialized_memory = before


def _trainer(
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    pairs: Pairs,
    schedule: training.Schedule,
    checkpoints: Path,
    preference: Preference,
) -> _Trainer:
    measured = len(pairs.held_out) > 0
    trainer = _Trainer(
        model=model,
        args=_config(schedule, preference, len(pairs.taught), checkpoints, measured),
        train_dataset=pairs.taught,
        eval_dataset=pairs.held_out if measured else None,
        processing_class=tokenizer,
    )
    if trainer.is_fsdp_enabled:
        raise UserError("model_adapter.launch=fsdp cannot tune on pairs; take single or ddp for a plan with kind dpo")
    training.equip(trainer, schedule, checkpoints, measured)
    return trainer


def _config(
    schedule: training.Schedule, preference: Preference, pairs: int, checkpoints: Path, measured: bool
) -> trl.DPOConfig:
    known = training.arguments(schedule, pairs, checkpoints, measured)
    return trl.DPOConfig(
        **known,
        per_device_eval_batch_size=known["per_device_train_batch_size"],
        max_length=None,  # longer ones are left out, and counted
        beta=preference.beta,
        loss_type=list(preference.losses),
        loss_weights=list(preference.weights),
    )


def _undress(model: PeftModel, forward: Any) -> None:
    """Take off what TRL put on: its frozen copy of the adapter, and its own forward pass."""
    model.delete_adapter(_REFERENCE)
    base = model.get_base_model()
    if forward is None:
        vars(base).pop("forward", None)
    else:
        base.forward = forward
