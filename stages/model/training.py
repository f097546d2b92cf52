"""Training through TRL's SFTTrainer: deterministic, resumable, with its history as plain rows."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
import trl
from accelerate import PartialState
from datasets import Dataset, concatenate_datasets
from torch.utils.data import DataLoader, Sampler
from transformers import (
    EarlyStoppingCallback,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
)
from transformers.trainer_utils import EvalLoopOutput
from transformers.utils import logging as transformers_logging

from .. import files
from ..errors import UserError
from ..tracking import lineage
from . import packing
from . import tokenizer as tokenizing
from .packing import LengthBuckets as LengthBuckets
from .schedule import Precision as Precision
from .schedule import Schedule as Schedule

_COMPLETE = "complete"
_LOGGING_STEPS = 10
# Rows that are held as Python lists at a time.
_CHUNK = 4096
# Validation takes so many rows at a time that their logits are at most this many numbers: 4 GiB in fp32.
_LOGITS = 1 << 30
_VALIDATION_BATCH = 64
BEST = "best"
"""Of Schedule.keep, and the folder among the checkpoints of the weights with the lowest validation loss so far."""
_GATHERED = "gathered"
_BEST_LOSS = "best.json"

Row = dict[str, float]
TooLong = Literal["drop", "truncate"]


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
    tokenizer: PreTrainedTokenizerBase,
    trainset: Path,
    context: int,
    completion_only: bool,
    too_long: TooLong = "drop",
    further: Path | None = None,
) -> tuple[Dataset, Dataset, int]:
    """Training rows, validation rows, and how many of the former are longer than the context (see `token_rows`).

    further: a file of more training rows.
    """
    rows, longer = token_rows(tokenizer, trainset / "train.jsonl", context, completion_only, too_long)
    more, longer_too = token_rows(tokenizer, further, context, completion_only, too_long) if further else ((), 0)
    if len(more):
        rows = concatenate_datasets([rows, more])
    validation, _ = token_rows(tokenizer, trainset / "val.jsonl", context, True, too_long)
    for name, side in (("train.jsonl", rows), ("val.jsonl", validation)):
        if not len(side):
            raise UserError(
                f"{trainset / name}: no row fits into {context} tokens; raise the context, or make more rows"
                " (lamp_prompts.quotas) or a larger lamp_trainset.validation_share"
            )
    return rows, validation, longer + longer_too


def token_rows(
    tokenizer: PreTrainedTokenizerBase, path: Path, context: int, completion_only: bool, too_long: TooLong = "drop"
) -> tuple[Dataset, int]:
    """Chat rows as (dataset of input_ids and completion_mask, how many rows were longer than the context).

    completion_only: the mask is 1 for the answer and the end token behind it, 0 for the rest; else 1 for all.
    too_long: rows longer than the context are dropped, or lose their end; those of which no answer is left are dropped.
    """
    return tokenised(tokenizer, files.read_rows(path, ("messages",)), str(path), context, completion_only, too_long)


def tokenised(
    tokenizer: PreTrainedTokenizerBase,
    rows: Iterable[files.Row],
    where: str,
    context: int,
    completion_only: bool,
    too_long: TooLong = "drop",
) -> tuple[Dataset, int]:
    """As `token_rows`, of rows that come from anywhere. where: named in errors."""
    chunks: list[Dataset] = []
    kept: list[dict[str, list[int]]] = []
    longer = 0
    for row in rows:
        messages = row["messages"]
        ids = tokenizing.token_ids(tokenizer, messages)
        prompt = tokenizing.token_ids(tokenizer, messages[:-1], add_generation_prompt=True)
        if ids[: len(prompt)] != prompt:
            raise AssertionError(f"{where}: {row.get('id')}: the prompt is not the beginning of the chat's tokens")
        if len(ids) > context:
            longer += 1
            if too_long == "drop" or len(prompt) >= context:
                continue
            ids = ids[:context]
        unlearnt = len(prompt) if completion_only else 0
        kept.append({"input_ids": ids, "completion_mask": [0] * unlearnt + [1] * (len(ids) - unlearnt)})
        if len(kept) == _CHUNK:
            chunks.append(Dataset.from_list(kept))
            kept = []
    if kept or not chunks:
        chunks.append(Dataset.from_list(kept))
    return (chunks[0] if len(chunks) == 1 else concatenate_datasets(chunks)), longer


class _Trainer(trl.SFTTrainer):  # type: ignore[misc]
    batch_size: int

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler[int]:
        rows = train_dataset if train_dataset is not None else self.train_dataset
        lengths = [len(ids) for ids in rows["input_ids"]]
        # Of all processes together: each takes its part of what one process would see.
        return LengthBuckets(lengths, self.batch_size, self.args.data_seed)

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        # TRL also computes the entropy and accuracy of every token of every step, which nobody looks at and
        # which takes a tenth of the training time of a model whose vocabulary is most of its work.
        # With a cache the positions of packed rows would not be looked at.
        return Trainer.compute_loss(self, model, {**inputs, "use_cache": False}, *args, **kwargs)

    def evaluation_loop(self, dataloader: DataLoader[Any], *args: Any, **kwargs: Any) -> EvalLoopOutput:
        # Shared out, other rows would stand in a batch, and the mean over batches would be another one. So each of
        # several processes looks at all rows; validation is a small part of the work.
        if self.accelerator.num_processes == 1:
            return super().evaluation_loop(dataloader, *args, **kwargs)
        rows = self._remove_unused_columns(self.eval_dataset, "evaluation")
        losses = []
        self.model.eval()
        for batch in DataLoader(rows, batch_size=self.args.eval_batch_size, collate_fn=self.data_collator):
            loss = self.prediction_step(self.model, batch, prediction_loss_only=True)[0]
            losses.append(loss.float().cpu().repeat(len(batch["input_ids"])))
        mean = float(torch.cat(losses).mean())
        return EvalLoopOutput(predictions=None, label_ids=None, metrics={"eval_loss": mean}, num_samples=len(rows))


class _MarkComplete(TrainerCallback):  # type: ignore[misc]
    """Marks a checkpoint when all of it is on the disk, so that a half-written one is never resumed from."""

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        PartialState().wait_for_everyone()
        if state.is_world_process_zero:
            with files.published_file(folder / _COMPLETE) as marker:
                marker.write_text(str(state.global_step))


class _KeepBest(TrainerCallback):  # type: ignore[misc]
    """Keeps the weights of the validation with the lowest loss, through kills: what is repeated is no better."""

    def __init__(self, trainer: Trainer, folder: Path) -> None:
        self._trainer, self._folder = trainer, folder

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        known = self._folder / _BEST_LOSS
        loss = float(metrics["eval_loss"])
        if known.exists() and loss >= files.read_json(known)["eval_loss"]:
            return
        staging = self._folder.with_name("better")
        PartialState().wait_for_everyone()  # all have read the loss so far
        self._trainer.save_model(str(staging))  # in which all processes take part
        if state.is_world_process_zero:
            with files.published_folder(self._folder) as folder:
                shutil.copytree(staging, folder, dirs_exist_ok=True)
                files.write_json(folder / _BEST_LOSS, {"eval_loss": loss, "step": state.global_step})
            shutil.rmtree(staging)


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
    callbacks: Sequence[TrainerCallback] = (),
) -> tuple[Any, list[Row]]:
    """Train `model`, which may be wrapped by PEFT, going on from the last whole checkpoint in `checkpoints`.

    callbacks: what they write beside a checkpoint is there before it counts as whole. Returns the model after the last
    step (see also `weights_elsewhere`) and the history: rows of step, epoch and either loss, grad_norm and
    learning_rate or eval_loss. Raises UserError when the loss has become infinite or no number.
    """
    if schedule.packing:
        rows = packing.packed(rows, schedule.context)
    trainer = _Trainer(
        model=model,
        args=_config(schedule, len(rows), checkpoints, model.config.get_text_config().vocab_size),
        train_dataset=rows,
        eval_dataset=validation,
        processing_class=tokenizer,
        data_collator=packing.collator(tokenizer.pad_token_id) if schedule.packing else None,
        callbacks=list(callbacks),
    )
    equip(trainer, schedule, checkpoints)
    go_on(trainer, checkpoints)
    if trainer.is_fsdp_enabled:
        trainer.save_model(str(checkpoints / _GATHERED))  # each process has a part of the weights
    return trainer.model, finite(history_of(trainer.state.log_history))


def equip(trainer: Any, schedule: Schedule, checkpoints: Path, measured: bool = True) -> None:
    """Give a trainer of TRL what all of ours have: whole checkpoints, one progress bar, patience, the best weights.

    measured: whether there are rows to validate with, which the last two hang on.
    """
    trainer.batch_size = schedule.batch_size
    for printing in (ProgressCallback, PrinterCallback):
        trainer.remove_callback(printing)
    trainer.add_callback(_MarkComplete())
    trainer.add_callback(_Progress())
    if schedule.patience and measured:
        trainer.add_callback(EarlyStoppingCallback(schedule.patience))
    if schedule.keep == BEST and measured:
        trainer.add_callback(_KeepBest(trainer, checkpoints / BEST))


def go_on(trainer: Any, checkpoints: Path) -> None:
    """Train from the last whole checkpoint to the end."""
    with PartialState().main_process_first():
        whole = last_whole_checkpoint(checkpoints)
    trainer.train(resume_from_checkpoint=whole)


def finite(history: list[Row]) -> list[Row]:
    """The history. Raises UserError when the loss has become infinite or no number."""
    for row in history:
        if not math.isfinite(row.get("loss", row.get("eval_loss", 0.0))):
            raise UserError(f"the loss is no number any more at step {row['step']:g}; lower the learning_rate")
    return history


def arguments(schedule: Schedule, rows: int, checkpoints: Path, measured: bool = True) -> dict[str, Any]:
    """The arguments that all trainers of TRL are given, by name. rows: to learn; measured: see `equip`."""
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    batch_size, accumulation = schedule.shares(int(os.environ.get("WORLD_SIZE", "1")))
    batches = -(-rows // schedule.batch_size)
    patient = bool(schedule.patience and measured)
    return {
        "output_dir": str(checkpoints),
        "num_train_epochs": schedule.epochs,
        "per_device_train_batch_size": batch_size,
        "gradient_accumulation_steps": accumulation,
        "learning_rate": schedule.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": schedule.warmup_share,
        "weight_decay": schedule.weight_decay,
        "adam_beta2": 0.95,
        "logging_steps": _LOGGING_STEPS,
        "logging_first_step": True,
        # Every epoch; counted in steps it comes before the checkpoint of the same step, which then holds it.
        "eval_strategy": "steps" if measured else "no",
        "eval_steps": -(-batches // schedule.gradient_accumulation),
        "save_strategy": "steps",
        "save_steps": schedule.save_steps,
        "save_total_limit": 2,
        "restore_callback_states_from_checkpoint": patient,
        "seed": schedule.seed,
        "data_seed": schedule.seed,
        "report_to": "none",
        "use_cpu": not torch.cuda.is_available(),
        "bf16": schedule.bf16,
        "gradient_checkpointing": schedule.gradient_checkpointing,
        "dataloader_pin_memory": False,
        "ddp_find_unused_parameters": False,
        **({"metric_for_best_model": "eval_loss", "greater_is_better": False} if patient else {}),
    }


def _config(schedule: Schedule, rows: int, checkpoints: Path, vocabulary: int) -> trl.SFTConfig:
    return trl.SFTConfig(
        **arguments(schedule, rows, checkpoints),
        per_device_eval_batch_size=max(1, min(_VALIDATION_BATCH, _LOGITS // (schedule.context * vocabulary))),
        max_length=schedule.context,
        completion_only_loss=True,
        loss_type="nll",
        include_num_input_tokens_seen="no",
    )


def weights_elsewhere(schedule: Schedule, checkpoints: Path) -> Path | None:
    """The folder of the trained weights where they are not those of the model that `train` returned."""
    folder = checkpoints / (BEST if schedule.keep == BEST else _GATHERED)
    return folder if folder.exists() else None


def last_whole_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint that was written to its end; those that were not are deleted."""
    whole: list[tuple[int, Path]] = []
    for checkpoint in folder.glob("checkpoint-*"):
        if (checkpoint / _COMPLETE).exists():
            whole.append((int(checkpoint.name.rpartition("-")[2]), checkpoint))
        else:
            shutil.rmtree(checkpoint)
    return str(max(whole)[1]) if whole else None


_MEASURED = ("step", "epoch", "loss", "grad_norm", "learning_rate", "eval_loss")


def history_of(log: list[dict[str, Any]], kept: Sequence[str] = _MEASURED) -> list[Row]:
    """What a trainer measured, by these names, without what changes from run to run (times and speeds)."""
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
