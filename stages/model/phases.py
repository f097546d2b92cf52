"""A training in phases: one adapter is carried through them, each with its own data, schedule and checkpoints.

Every phase starts from what the one before left on the disk, so it starts from the same bytes whether that was just now
or before a kill. What is carried is the adapter; each phase has its own warm-up, cosine and optimiser state, by the
same rules. A finished phase is a folder: the adapter, lineage.json and record.json (history and figures).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from .. import files
from ..tracking import lineage
from . import mixes
from .plan import LAMP, Task

if TYPE_CHECKING:
    from .training import Schedule, TooLong

_RECORD = "record.json"
_DONE = "done"

Record = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """What the process, or processes, that train one phase need to know. All of it can be said in JSON.

    options, schedule, preference: fields of adapters.Options, training.Schedule and preference_training.Preference.
    start: the folder of the adapter to carry on, None for a new one. checkpoints: a folder; out: becomes one.
    """

    task: dict[str, Any]
    base: str
    chain: dict[str, str]
    options: dict[str, Any]
    schedule: dict[str, Any]
    preference: dict[str, Any]
    too_long: TooLong
    validation_share: float
    threads: int
    start: str | None
    checkpoints: str
    out: str

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        files.write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> Job:
        """What `write` has written."""
        return cls(**orjson.loads(path.read_bytes()))


Launcher = Callable[[Job], None]
"""Trains one phase, to the end."""


def run(tasks: Sequence[Task], workplace: Path, job: Job, launch: Launcher) -> tuple[Path, list[Record]]:
    """Train the phases that are not finished yet. Returns the folder of the last one and the records of all.

    job: what all phases have in common. launch: trains one, here or in other processes.
    """
    start: Path | None = None
    records = []
    for number, task in enumerate(tasks, start=1):
        place = workplace / f"{number}-{task.name}"
        done = place / _DONE
        if not (done / _RECORD).exists():
            schedule = {**job.schedule, "epochs": task.epochs, "learning_rate": task.learning_rate}
            own = replace(job, task={**asdict(task), "path": str(task.path)}, schedule=schedule)
            launch(replace(own, start=str(start) if start else None, checkpoints=str(place), out=str(done)))
            for checkpoint in place.glob("checkpoint-*"):
                shutil.rmtree(checkpoint)  # gigabytes, of a large base
        records.append(files.read_json(done / _RECORD))
        start = done
    assert start is not None, "a plan has a phase"
    return start, records


def train(job: Job) -> None:
    """Train one phase in this process, which may be one of several, and publish it as the folder job.out."""
    from accelerate import PartialState

    from . import adapters, determinism, memory, training
    from . import tokenizer as tokenizing

    base, options, schedule = Path(job.base), adapters.Options(**job.options), training.Schedule(**job.schedule)
    determinism.pin_torch(job.threads, schedule.seed)
    tokenizer = tokenizing.load(base)
    with memory.reported():
        model = adapters.base_model(base, options)
        schedule = replace(schedule, context=_context(model, schedule.context))
        teach = _prefer if job.task["kind"] == "dpo" else _teach
        if job.start is None:
            model = adapters.new(model, base, options)
        else:
            model = adapters.carried_on(model, Path(job.start), job.chain["base"])
        model, record = teach(model, tokenizer, job, schedule)
    if PartialState().is_main_process:
        with files.published_folder(Path(job.out)) as folder:
            adapters.save(model, base, folder, training.weights_elsewhere(schedule, Path(job.checkpoints)))
            lineage.write(folder, job.chain)
            # Last: a folder without it is not finished.
            files.write_json(folder / _RECORD, record)
    PartialState().wait_for_everyone()


def _context(model: Any, wanted: int | None) -> int:
    """The longest row, in tokens: what the base can take, or less where that is wanted."""
    limit = int(model.config.get_text_config().max_position_embeddings)
    return limit if wanted is None else min(wanted, limit)


def _teach(model: Any, tokenizer: Any, job: Job, schedule: Schedule) -> tuple[Any, Record]:
    """A phase of rows: each answer is learnt."""
    from . import cost, training

    path, clock = Path(job.task["path"]), cost.Clock()
    if job.task["data"] == LAMP:
        rows, validation, too_long = training.datasets(tokenizer, path, schedule.context, True, job.too_long)
    else:
        rows, validation, too_long = mixes.datasets(
            tokenizer, path, schedule.context, job.too_long, job.validation_share, schedule.seed
        )
    trained, history = training.train(model, tokenizer, rows, validation, schedule, Path(job.checkpoints), [clock])
    counted = training.summary(trained, rows, history, too_long)
    if schedule.keep == training.BEST:
        counted["val_loss"] = min(row["eval_loss"] for row in history if "eval_loss" in row)
    return trained, _record(job, counted, history, clock.taken(counted["tokens"]))


def _prefer(model: Any, tokenizer: Any, job: Job, schedule: Schedule) -> tuple[Any, Record]:
    """A phase of pairs: the better answer is to become the likelier one."""
    from . import preference_training as tuning

    begun = time.monotonic()
    preference = tuning.Preference(
        **{**job.preference, **{key: tuple(job.preference[key]) for key in ("losses", "weights")}}
    )
    path = Path(job.task["path"])
    trained, history = tuning.train_pairs(model, tokenizer, path, schedule, Path(job.checkpoints), preference)
    taken = {"total_s": time.monotonic() - begun, "steps_s": 0.0, "tokens": 0.0}
    counted = {
        "steps": int(history[-1]["step"]),
        "parameters": sum(weights.numel() for weights in trained.parameters()),
        "trained_parameters": sum(weights.numel() for weights in trained.parameters() if weights.requires_grad),
        **{
            name: next((row[key] for row in reversed(history) if key in row), None)
            for name, key in (("train_loss", "loss"), ("val_loss", "eval_loss"))
        },
    }
    return trained, _record(job, counted, history, taken)


def _record(job: Job, counted: Record, history: list[dict[str, float]], taken: dict[str, float]) -> Record:
    said = {key: job.task[key] for key in ("name", "kind", "data", "epochs", "learning_rate")}
    return {**said, "counted": counted, "history": history, "taken": taken}


def listed(records: Sequence[Record]) -> list[Record]:
    """The phases for phases.json: what each trained on, how, and the losses that it ended with."""
    said = ("name", "kind", "data", "epochs", "learning_rate")
    losses = ("train_loss", "val_loss")
    return [
        {**{key: record[key] for key in said}, **{key: record["counted"].get(key) for key in losses}}
        for record in records
    ]


def joined(records: Sequence[Record]) -> list[dict[str, float]]:
    """The histories of all phases as one: the steps of a phase are counted on from the one before.

    The losses of a phase of pairs are other ones, and have names of their own.
    """
    history: list[dict[str, float]] = []
    before = 0.0
    for record in records:
        names = {"loss": "preference_loss", "eval_loss": "eval_preference_loss"} if record["kind"] == "dpo" else {}
        for row in record["history"]:
            history.append({names.get(key, key): value for key, value in row.items()} | {"step": row["step"] + before})
        before = history[-1]["step"] if history else 0.0
    return history


def summary(records: Sequence[Record]) -> dict[str, Any]:
    """The figures for metrics/model_adapter.json: sums over the phases, the last phase's losses, and each phase's own.

    A plan of one phase has that phase's figures alone.
    """
    last = records[-1]["counted"]
    if len(records) == 1:
        return dict(last)
    sums = {
        key: sum(record["counted"].get(key, 0) for record in records)
        for key in ("rows", "rows_too_long", "tokens", "steps")
    }
    return {**sums, **{key: value for key, value in last.items() if key not in sums}} | {
        "phases": {record["name"]: record["counted"] for record in records}
    }
