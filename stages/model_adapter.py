"""Train an adapter on the base model, in one phase or several: loss on the answers and their end tokens only.

In:   trainset (train.jsonl, val.jsonl), the base model; mixes of the corpus and pairs where the plan has phases of them
Out:  a PEFT adapter folder (safetensors, adapter_config.json, lineage.json, phases.json; taint.json if any of its data
      or the base are for research alone), loss curve and metrics
Holds: the same bytes on the same kind of machine; a killed run goes on from its last checkpoint, and repeats no phase.
Run:  python -m stages.model_adapter --trainset data/lamp/trainset --base models/base
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import click
from typing_extensions import TypedDict

from . import files, params
from .command import stage
from .errors import UserError
from .model import allocator, determinism
from .model.plan import Phase, Sources, Task, resolve
from .tracking import lineage, taint

if TYPE_CHECKING:
    from .model.phases import Job, Record
    from .tracking.runs import Tracker

_PHASES = "phases.json"
# Knobs that change nothing, or of which the chain has what they name.
_NOT_OF_THE_RESULT = ("plan", "plans", "preset", "presets", "corpus", "pairs", "price_per_hour")


@dataclass(frozen=True)
class Preference:
    """How phases of kind dpo learn; the keys are those of preference_training.Preference."""

    beta: float
    losses: tuple[str, ...]
    weights: tuple[float, ...]
    held_out: float


class Preset(TypedDict, total=False):
    """Keys of the section that a preset sets to other values."""

    __pydantic_config__ = {"extra": "forbid"}  # type: ignore[misc]  # noqa: RUF012

    method: Literal["lora", "qlora"]
    rank: int
    alpha: int
    dropout: float
    dora: bool
    rslora: bool
    precision: Literal["auto", "fp32", "bf16"]
    gradient_checkpointing: bool
    context: int
    epochs: int
    batch_size: int
    gradient_accumulation: int
    learning_rate: float
    packing: bool


@dataclass(frozen=True)
class Params:
    """Section model_adapter of params.yaml; its comments say what each key does."""

    plan: str
    plans: dict[str, tuple[Phase, ...]]
    preset: str
    presets: dict[str, Preset]
    seed: int
    method: Literal["lora", "qlora"]
    rank: int
    alpha: int
    dropout: float
    dora: bool
    rslora: bool
    target_modules: tuple[str, ...] | None
    precision: Literal["auto", "fp32", "bf16"]
    gradient_checkpointing: bool
    context: int | None
    too_long: Literal["drop", "truncate"]
    epochs: int
    batch_size: int
    gradient_accumulation: int
    learning_rate: float
    warmup_share: float
    weight_decay: float
    packing: bool
    patience: int
    keep: Literal["last", "best"]
    corpus: str
    pairs: str
    validation_share: float
    preference: Preference
    save_steps: int
    threads: int
    launch: Literal["single", "ddp", "fsdp"]
    processes: int
    price_per_hour: float


@stage(
    __doc__,
    trainset="data/lamp/trainset",
    base="models/base",
    out="models/adapters/lamp",
    metrics="metrics/model_adapter.json",
    curves="metrics/plots/model_adapter",
    checkpoints=".lampforge/checkpoints/model_adapter",
)
def main(
    trainset: Path, base: Path, out: Path, metrics: Path, curves: Path, checkpoints: Path, params_path: Path
) -> None:
    knobs = with_preset(params.load(Params, "model_adapter", params_path))
    tasks = planned(knobs, trainset)
    chain, mark = _chain(trainset, base, tasks, knobs), taint.of(trainset, base, *(task.path for task in tasks))
    determinism.pin_environment(knobs.threads)
    allocator.keep_freed_memory()
    from .model import adapters, cost, distributed, phases, training
    from .tracking import runs

    adapters.check(adapters.Options.of(knobs))
    workplace = training.workplace(checkpoints, chain)
    tracker = runs.Tracker("lamp-training", "model_adapter", chain)
    launch = distributed.launcher(knobs.launch, knobs.processes)
    trained, records = phases.run(tasks, workplace, _job(knobs, base, chain), launch)
    _publish(trained, phases.listed(records), chain, mark, out)
    summary, took = phases.summary(records), cost.figures([each["taken"] for each in records], knobs.price_per_hour)
    training.write_curves(curves, phases.joined(records))
    files.write_json(metrics, summary)
    _track(tracker, knobs, tasks, records, summary | took, {"base": base, "adapter": out}, trainset)
    shutil.rmtree(workplace)
    click.echo(f"{out}: {summary['trained_parameters']:,} trained, validation loss {summary['val_loss']}")
    click.echo(cost.line(took, knobs.price_per_hour))


def with_preset(knobs: Params) -> Params:
    """The parameters with those of the chosen preset in their place."""
    if knobs.preset not in knobs.presets:
        raise UserError(f"params.yaml, model_adapter.preset: {knobs.preset!r} is none of {', '.join(knobs.presets)}")
    return replace(knobs, **cast(dict[str, Any], knobs.presets[knobs.preset]))


def planned(knobs: Params, trainset: Path) -> list[Task]:
    """The phases of the chosen plan, with their data found."""
    if knobs.plan not in knobs.plans:
        raise UserError(f"params.yaml, model_adapter.plan: {knobs.plan!r} is none of {', '.join(knobs.plans)}")
    sources = Sources(trainset, Path(knobs.corpus), Path(knobs.pairs))
    return resolve(knobs.plans[knobs.plan], sources, knobs.epochs, knobs.learning_rate)


def _chain(trainset: Path, base: Path, tasks: Sequence[Task], knobs: Params) -> dict[str, str]:
    """The hashes of all that goes in: nothing else may change the result, and none of them leaves it as it is."""
    effective = {key: value for key, value in asdict(knobs).items() if key not in _NOT_OF_THE_RESULT}
    phases = [{**asdict(task), "path": lineage.dvc_hash(task.path)} for task in tasks]
    others = {task.data: lineage.dvc_hash(task.path) for task in tasks if task.path != trainset}
    return {
        "trainset": lineage.dvc_hash(trainset),
        "base": lineage.dvc_hash(base),
        "params": lineage.params_hash(lineage.read(base)["params"], effective, phases),
        **{f"data.{name.replace(':', '.')}": digest for name, digest in others.items()},
    }


def _job(knobs: Params, base: Path, chain: dict[str, str]) -> Job:
    from .model import adapters, phases, training

    return phases.Job(
        task={},
        base=str(base),
        chain=chain,
        options=asdict(adapters.Options.of(knobs)),
        schedule=asdict(training.Schedule.of(knobs)),
        preference=asdict(knobs.preference),
        too_long=knobs.too_long,
        validation_share=knobs.validation_share,
        threads=knobs.threads,
        start=None,
        checkpoints="",
        out="",
    )


def _publish(trained: Path, phases: Sequence[Record], chain: dict[str, str], mark: str | None, out: Path) -> None:
    """Publish the adapter that the last phase left, with what it was trained on."""
    with files.published_folder(out) as folder:
        for name in ("adapter_config.json", "adapter_model.safetensors"):
            shutil.copyfile(trained / name, folder / name)
        files.write_json(folder / _PHASES, phases)
        lineage.write(folder, chain)
        taint.write(folder, mark)


def _track(
    tracker: Tracker,
    knobs: Params,
    tasks: Sequence[Task],
    records: Sequence[Record],
    figures: dict[str, Any],
    models: dict[str, Path],
    trainset: Path,
) -> None:
    """One MLflow run, and below it one for each phase where there are several."""
    from .model import cost, phases

    effective = {key: value for key, value in asdict(knobs).items() if key not in ("plans", "presets", "preference")}
    effective |= {f"preference.{key}": value for key, value in asdict(knobs.preference).items()}
    run = tracker.log(effective, figures, phases.joined(records), trainset, models)
    if len(records) == 1:
        return
    for task, record in zip(tasks, records, strict=True):
        said = {key: record[key] for key in ("kind", "data", "epochs", "learning_rate")}
        took = cost.figures([record["taken"]], knobs.price_per_hour)
        nested = tracker.nested(run, task.name)
        nested.log(said, record["counted"] | took, record["history"], task.path, {})


if __name__ == "__main__":
    main()
