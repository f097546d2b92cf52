"""Train a LoRA adapter on the base model: loss on the answer and its end token only.

In:   trainset (train.jsonl, val.jsonl), the base model
Out:  a PEFT adapter folder (safetensors, adapter_config.json, lineage.json; taint.json if trainset or base are for
      research alone), loss curve and metrics
Holds: the same bytes on the same kind of machine; a killed run goes on from its last checkpoint.
Run:  python -m stages.model_adapter --trainset data/lamp/trainset --base models/base
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from . import files, params
from .command import stage
from .model import allocator, determinism
from .tracking import lineage, taint


@dataclass(frozen=True)
class Params:
    """Section model_adapter of params.yaml; its comments say what each key does."""

    seed: int
    rank: int
    alpha: int
    epochs: int
    batch_size: int
    learning_rate: float
    warmup_share: float
    weight_decay: float
    save_steps: int
    threads: int


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
    knobs = params.load(Params, "model_adapter", params_path)
    determinism.pin_environment(knobs.threads)
    allocator.keep_freed_memory()
    from .model import tokenizer as tokenizing
    from .model import training
    from .tracking import runs

    chain, mark = _chain(trainset, base, knobs), taint.of(trainset, base)
    workplace = training.workplace(checkpoints, chain)
    tracker = runs.Tracker("lamp-training", "model_adapter", chain)
    determinism.pin_torch(knobs.threads, knobs.seed)
    tokenizer, model = tokenizing.load(base), _base_model(base)
    context = model.config.max_position_embeddings
    rows, validation, too_long = training.datasets(tokenizer, trainset, context, completion_only=True)
    plan = training.Schedule.of(knobs, context)
    adapted, history = training.train(model, tokenizer, rows, validation, plan, workplace, _lora(knobs))
    _publish(adapted, base, chain, mark, out)
    summary = training.summary(adapted, rows, history, too_long)
    training.write_curves(curves, history)
    files.write_json(metrics, summary)
    tracker.log(asdict(knobs), summary, history, trainset, {"base": base, "adapter": out})
    shutil.rmtree(workplace)
    click.echo(f"{out}: {summary['trained_parameters']:,} trained, validation loss {summary['val_loss']}")


def _chain(trainset: Path, base: Path, knobs: Params) -> dict[str, str]:
    return {
        "trainset": lineage.dvc_hash(trainset),
        "base": lineage.dvc_hash(base),
        "params": lineage.params_hash(lineage.read(base)["params"], asdict(knobs)),
    }


def _base_model(base: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(base, local_files_only=True)


def _lora(knobs: Params) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        r=knobs.rank,
        lora_alpha=knobs.alpha,
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def _publish(model: Any, base: Path, chain: dict[str, str], mark: str | None, out: Path) -> None:
    with files.published_folder(out) as folder:
        model.save_pretrained(folder)
        (folder / "README.md").unlink(missing_ok=True)
        config_path = folder / "adapter_config.json"
        config = json.loads(config_path.read_text(encoding="utf-8"))
        # PEFT writes sets in the order of the day.
        config["target_modules"] = sorted(config["target_modules"])
        config["base_model_name_or_path"] = base.as_posix()
        files.write_json(config_path, dict(sorted(config.items())))
        lineage.write(folder, chain)
        taint.write(folder, mark)


if __name__ == "__main__":
    main()
