"""Train the nano base model from scratch on the training text: tokenizer and a small Llama.

In:   trainset (train.jsonl, val.jsonl)
Out:  a Hugging Face model folder (tokenizer.model, safetensors, chat template, lineage.json), loss curve
      and metrics
Holds: the same bytes on the same kind of machine; a killed run goes on from its last checkpoint; the
      validation rows are never trained on.
Run:  python -m stages.model_base --trainset data/lamp/trainset --out models/base
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import files, params
from .command import stage
from .lamp import asking
from .model import allocator, determinism
from .tracking import lineage, taint

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Params:
    """Section model_base of params.yaml; its comments say what each key does."""

    seed: int
    vocabulary: int
    atom_min_count: int
    hidden_size: int
    layers: int
    heads: int
    kv_heads: int
    intermediate_size: int
    context: int
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
    out="models/base",
    metrics="metrics/model_base.json",
    curves="metrics/plots/model_base",
    checkpoints=".lampforge/checkpoints/model_base",
)
def main(trainset: Path, out: Path, metrics: Path, curves: Path, checkpoints: Path, params_path: Path) -> None:
    knobs = params.load(Params, "model_base", params_path)
    taint.refuse_tainted(trainset, "no base model")
    determinism.pin_environment(knobs.threads)
    allocator.keep_freed_memory()
    from .model import training
    from .tracking import runs

    chain = {"trainset": lineage.dvc_hash(trainset), "params": lineage.params_hash(asdict(knobs))}
    workplace = training.workplace(checkpoints, chain)
    tracker = runs.Tracker("lamp-training", "model_base", chain)
    tokenizer = _tokenizer(trainset, knobs, workplace / "tokenizer")
    rows, validation, too_long = training.datasets(tokenizer, trainset, knobs.context, completion_only=False)
    schedule = training.Schedule.of(knobs)
    model, history = training.train(_model(knobs, tokenizer), tokenizer, rows, validation, schedule, workplace)
    _publish(model, workplace / "tokenizer", trainset / asking.FILE, chain, out)
    summary = training.summary(model, rows, history, too_long)
    training.write_curves(curves, history)
    files.write_json(metrics, summary)
    tracker.log(asdict(knobs), summary, history, trainset, {"base": out})
    shutil.rmtree(workplace)
    click.echo(f"{out}: {summary['parameters']:,} parameters, validation loss {summary['val_loss']}")


def _tokenizer(trainset: Path, knobs: Params, folder: Path) -> PreTrainedTokenizerBase:
    from .model import tokenizer

    messages = [row["messages"] for row in files.read_rows(trainset / "train.jsonl", ("messages",))]
    with files.published_folder(folder) as temporary:
        tokenizer.train(messages, knobs.vocabulary, knobs.atom_min_count, knobs.context, temporary)
    return tokenizer.load(folder)


def _model(knobs: Params, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    from transformers import LlamaConfig, LlamaForCausalLM

    determinism.pin_torch(knobs.threads, knobs.seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=knobs.hidden_size,
        intermediate_size=knobs.intermediate_size,
        num_hidden_layers=knobs.layers,
        num_attention_heads=knobs.heads,
        num_key_value_heads=knobs.kv_heads,
        max_position_embeddings=knobs.context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def _publish(model: Any, tokenizer_folder: Path, request_format: Path, chain: dict[str, str], out: Path) -> None:
    with files.published_folder(out) as folder:
        model.save_pretrained(folder)
        # As trained: saving a loaded tokenizer would leave tokenizer.model out, which the GGUF converter needs.
        for file in (*tokenizer_folder.iterdir(), request_format):
            shutil.copyfile(file, folder / file.name)
        lineage.write(folder, chain)


if __name__ == "__main__":
    main()
