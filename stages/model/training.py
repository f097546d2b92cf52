"""Training through TRL's SFTTrainer: deterministic, resumable, with its history as plain rows."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import trl
from datasets import Dataset
from torch.utils.data import Sampler
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
)
from transformers.utils import logging as transformers_logging

from .. import files
from ..errors import UserError
from ..tracking import lineage
from . import tokenizer as tokenizing

_COMPLETE = "complete"
# Batches are cut from runs of this many, sorted by length: little padding, still well mixed.
_BUCKET_BATCHES = 20
_LOGGING_STEPS = 10

Row = dict[str, float]


@dataclass(frozen=True)
class Schedule:
    """How long and how hard to train. warmup_share: of all steps. save_steps: steps between checkpoints."""

    epochs: int
    batch_size: int
    learning_rate: float
    warmup_share: float
    weight_decay: float
    save_steps: int
    seed: int
    context: int

    @classmethod
    def of(cls, knobs: Any, context: int | None = None) -> Schedule:
        """The schedule among a stage's parameters; `context` where they do not have one."""
        own = {key: getattr(knobs, key) for key in cls.__dataclass_fields__ if key != "context"}
        return cls(**own, context=context if context is not None else knobs.context)


def workplace(checkpoints: Path, chain: dict[str, str]) -> Path:
    """The folder for checkpoints of exactly this training; those of other trainings there are deleted.

    chain: the hashes of what goes in. A checkpoint of other data or parameters is never resumed from.
    """
    folder = checkpoints / lineage.params_hash(chain)[:16]
    for other in checkpoints.glob("*"):
        if other != folder:
            shutil.rmtree(other)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def datasets(
    tokenizer: PreTrainedTokenizerBase, trainset: Path, context: int, completion_only: bool
) -> tuple[Dataset, Dataset, int]:
    """Training rows, validation rows, and how many were left out because they are longer than the context."""
    rows, too_long = token_rows(tokenizer, trainset / "train.jsonl", context, completion_only)
    validation, _ = token_rows(tokenizer, trainset / "val.jsonl", context, completion_only=True)
    for name, side in (("train.jsonl", rows), ("val.jsonl", validation)):
        if not len(side):
            raise UserError(
                f"{trainset / name}: no row fits into {context} tokens; raise the context, or make more rows"
                " (lamp_prompts.quotas) or a larger lamp_trainset.validation_share"
            )
    return rows, validation, too_long


def token_rows(
    tokenizer: PreTrainedTokenizerBase, path: Path, context: int, completion_only: bool
) -> tuple[Dataset, int]:
    """Chat rows as (dataset of input_ids and completion_mask, how many rows were longer than the context).

    completion_only: the mask is 1 for the answer and the end token behind it, 0 for the rest; else 1 for all.
    """
    rows, too_long = [], 0
    for row in files.read_rows(path, ("messages",)):
        messages = row["messages"]
        ids = tokenizing.token_ids(tokenizer, messages)
        prompt = tokenizing.token_ids(tokenizer, messages[:-1], add_generation_prompt=True)
        if ids[: len(prompt)] != prompt:
            raise AssertionError(f"{path}: {row.get('id')}: the prompt is not the beginning of the chat's tokens")
        if len(ids) > context:
            too_long += 1
            continue
        unlearnt = len(prompt) if completion_only else 0
        rows.append({"input_ids": ids, "completion_mask": [0] * unlearnt + [1] * (len(ids) - unlearnt)})
    return Dataset.from_list(rows), too_long


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


class _Trainer(trl.SFTTrainer):  # type: ignore[misc]
    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler[int]:
        rows = train_dataset if train_dataset is not None else self.train_dataset
        lengths = [len(ids) for ids in rows["input_ids"]]
        return LengthBuckets(lengths, self.args.per_device_train_batch_size, self.args.data_seed)

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        # TRL also computes the entropy and accuracy of every token of every step, which nobody looks at and
        # which takes a tenth of the training time of a model whose vocabulary is most of its work.
        return Trainer.compute_loss(self, *args, **kwargs)


class _MarkComplete(TrainerCallback):  # type: ignore[misc]
    """Marks a checkpoint when all of it is on the disk, so that a half-written one is never resumed from."""

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        with files.published_file(folder / _COMPLETE) as marker:
            marker.write_text(str(state.global_step))


class _Progress(ProgressCallback):  # type: ignore[misc]
    """One bar with the time left and the latest loss, instead of a printed dictionary every few steps."""

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if self.training_bar is not None and logs and "loss" in logs:
            self.training_bar.set_postfix(loss=f"{float(logs['loss']):.3f}")

    def on_prediction_step(self, *arguments: Any, **kwargs: Any) -> None:
        """Validation takes seconds: no bar for it."""


def train(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Dataset,
    validation: Dataset,
    schedule: Schedule,
    checkpoints: Path,
    peft_config: Any = None,
) -> tuple[Any, list[Row]]:
    """Train `model` on `rows`, going on from the last whole checkpoint in the folder `checkpoints`.

    Returns the trained model (wrapped by PEFT when there is a `peft_config`) and the history: rows of step,
    epoch and either loss, grad_norm and learning_rate or eval_loss.
    """
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    config = trl.SFTConfig(
        output_dir=str(checkpoints),
        num_train_epochs=schedule.epochs,
        per_device_train_batch_size=schedule.batch_size,
        per_device_eval_batch_size=64,
        learning_rate=schedule.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=schedule.warmup_share,
        weight_decay=schedule.weight_decay,
        adam_beta2=0.95,
        max_length=schedule.context,
        logging_steps=_LOGGING_STEPS,
        logging_first_step=True,
        eval_strategy="epoch",
        save_strategy="steps",
        save_steps=schedule.save_steps,
        save_total_limit=2,
        seed=schedule.seed,
        data_seed=schedule.seed,
        full_determinism=False,
        report_to="none",
        use_cpu=not torch.cuda.is_available(),
        bf16=torch.cuda.is_available(),
        gradient_checkpointing=False,
        dataloader_pin_memory=False,
        completion_only_loss=True,
        loss_type="nll",
        include_num_input_tokens_seen="no",
    )
    trainer = _Trainer(
        model=model,
        args=config,
        train_dataset=rows,
        eval_dataset=validation,
        processing_class=tokenizer,
        peft_config=peft_config,
        callbacks=[_MarkComplete()],
    )
    for printing in (ProgressCallback, PrinterCallback):
        trainer.remove_callback(printing)
    trainer.add_callback(_Progress())
    trainer.train(resume_from_checkpoint=last_whole_checkpoint(checkpoints))
    if not trainer.state.log_history or "eval_loss" not in _last_logged(trainer.state.log_history):
        # Resumed from a checkpoint of the very last step, which is written before that step's validation.
        trainer.evaluate()
    return trainer.model, _history(trainer.state.log_history)


def last_whole_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint that was written to its end; those that were not are deleted."""
    whole: list[tuple[int, Path]] = []
    for checkpoint in folder.glob("checkpoint-*"):
        if (checkpoint / _COMPLETE).exists():
            whole.append((int(checkpoint.name.rpartition("-")[2]), checkpoint))
        else:
            shutil.rmtree(checkpoint)
    return str(max(whole)[1]) if whole else None


def _last_logged(log: list[dict[str, Any]]) -> dict[str, Any]:
    """The last measurement in a trainer's log, whose very last entry sums up the run."""
    return next((entry for entry in reversed(log) if "train_runtime" not in entry), {})


def _history(log: list[dict[str, Any]]) -> list[Row]:
    """What training measured, without what changes from run to run (times and speeds)."""
    kept = ("step", "epoch", "loss", "grad_norm", "learning_rate", "eval_loss")
    rows = [{key: float(f"{entry[key]:.6g}") for key in kept if key in entry} for entry in log]
    return [row for row in rows if "loss" in row or "eval_loss" in row]


def summary(model: Any, rows: Dataset, history: list[Row], too_long: int) -> dict[str, Any]:
    """The figures of a training for metrics/*.json."""
    parameters = sum(weights.numel() for weights in model.parameters())
    trained = sum(weights.numel() for weights in model.parameters() if weights.requires_grad)
    return {
        "rows": len(rows),
        "rows_too_long": too_long,
        "tokens": sum(map(len, rows["input_ids"])),
        "steps": int(history[-1]["step"]),
        "parameters": parameters,
        "trained_parameters": trained,
        "train_loss": [row["loss"] for row in history if "loss" in row][-1],
        "val_loss": [row["eval_loss"] for row in history if "eval_loss" in row][-1],
    }


def write_curves(folder: Path, history: list[Row]) -> None:
    """The loss curves as CSV for DVC's plots: train.csv and validation.csv, columns step and loss."""
    with files.published_folder(folder) as temporary:
        for name, key in (("train", "loss"), ("validation", "eval_loss")):
            lines = ["step,loss", *(f"{int(row['step'])},{row[key]}" for row in history if key in row)]
            (temporary / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
