"""Make the base model: nano from scratch on the training text, a miniature, or a model from the hub.

In:   trainset (train.jsonl, val.jsonl); what is chosen is a row of model_base.bases
Out:  a Hugging Face model folder (safetensors, tokenizer with its chat template, base.json, lineage.json), loss curve
      and metrics
Holds: the same bytes on the same kind of machine; a killed run goes on from its last checkpoint; the
      validation rows are never trained on; a model from the hub is that of its pinned revision.
Run:  python -m stages.model_base --trainset data/lamp/trainset --out models/base
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from . import files, params
from .command import stage
from .errors import UserError
from .lamp import asking
from .model import allocator, bases, determinism, hub
from .model.bases import Base, Entry
from .tracking import lineage, taint

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Made = tuple[dict[str, Any], list[dict[str, float]]]
"""The figures of a base model and the history of its training."""


@dataclass(frozen=True)
class Params:
    """Section model_base of params.yaml; its comments say what each key does."""

    base: str
    miniature: bool
    unpinned: Literal["refuse", "allow"]
    bases: dict[str, Entry]
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


_CHOICE = ("base", "miniature", "unpinned", "bases")
_NANO_ONLY = ("atom_min_count", "hidden_size", "layers", "heads", "kv_heads", "intermediate_size")


@stage(
    __doc__,
    trainset="data/lamp/trainset",
    primer="data/lamp/primer.jsonl",
    out="models/base",
    metrics="metrics/model_base.json",
    curves="metrics/plots/model_base",
    checkpoints=".lampforge/checkpoints/model_base",
)
def main(
    trainset: Path, primer: Path, out: Path, metrics: Path, curves: Path, checkpoints: Path, params_path: Path
) -> None:
    knobs = params.load(Params, "model_base", params_path)
    entry = bases.chosen(knobs.bases, knobs.base, knobs.miniature)
    fetched = source(knobs, entry, trainset)  # before what follows shuts the network out
    determinism.pin_environment(knobs.threads)
    allocator.keep_freed_memory()
    from .model import training
    from .tracking import runs

    used = what_counts(knobs, entry)
    base = bases.described(knobs.base, entry, knobs.miniature, fetched.name if fetched else None)
    chain = {"trainset": lineage.dvc_hash(trainset), "params": lineage.params_hash(used)}
    chain |= {"revision": base.revision} if base.revision else {"primer": lineage.dvc_hash(primer)}
    tracker = runs.Tracker("lamp-training", "model_base", chain)
    workplace = training.workplace(checkpoints, chain)
    finish = partial(complete, base, trainset / asking.FILE, chain)
    data = (trainset, primer)
    summary, history = (
        adopt(fetched, entry, finish, out) if fetched else train(knobs, entry, data, workplace, finish, out)
    )
    training.write_curves(curves, history)
    files.write_json(metrics, summary)
    tracker.log(used, summary, history, trainset, {"base": out})
    shutil.rmtree(workplace)
    loss = "not trained" if summary["val_loss"] is None else f"validation loss {summary['val_loss']}"
    click.echo(f"{out}: {summary['parameters']:,} parameters, {loss}")


def made_here(knobs: Params, entry: Entry) -> bool:
    """Whether nothing is needed from the hub."""
    return entry.hub is None or knobs.miniature


def source(knobs: Params, entry: Entry, trainset: Path) -> Path | None:
    """The folder with the files of a model on the hub, named by its commit; None for a base that is made here.

    Raises UserError for a base that is not pinned, and for one that would be made of data for research alone.
    """
    if made_here(knobs, entry):
        taint.refuse_tainted(trainset, "no base model")
        return None
    assert entry.hub is not None
    if entry.revision is None and knobs.unpinned == "refuse":
        raise UserError(
            f"params.yaml, model_base.bases, {knobs.base}: not pinned to a revision; run HF_HUB_OFFLINE=0 lampforge"
            f" base pin {knobs.base}, or set model_base.unpinned to allow"
        )
    return hub.fetched(entry.hub, entry.revision)


def what_counts(knobs: Params, entry: Entry) -> dict[str, Any]:
    """The parameters that the chosen base hangs on, and no others: they are its lineage."""
    if not made_here(knobs, entry):
        return {"base": knobs.base, **asdict(entry)}
    own = {key: value for key, value in asdict(knobs).items() if key not in _CHOICE}
    if not knobs.miniature:
        return own
    own = {key: value for key, value in own.items() if key not in _NANO_ONLY}
    return {"base": knobs.base, "miniature": True, **asdict(entry), **own}


def adopt(fetched: Path, entry: Entry, finish: Callable[[Path], None], out: Path) -> Made:
    """Publish a model from the hub: nothing is trained."""
    from .model import hub_base

    with files.published_folder(out) as folder:
        hub_base.adopt(fetched, entry, folder)
        finish(folder)
    return _untrained(hub_base.parameters(out)), []


def train(
    knobs: Params, entry: Entry, data: tuple[Path, Path], workplace: Path, finish: Callable[[Path], None], out: Path
) -> Made:
    """Make tokenizer and model, train them, and publish them. data: the trainset and the primer."""
    from .model import training
    from .model.tokenizer import copy_tokenizer

    trainset, primer = data
    tokenizer = _tokenizer(knobs, entry, (trainset / "train.jsonl", primer), workplace / "tokenizer")
    model = _model(knobs, entry, tokenizer)
    if knobs.epochs == 0:
        made: Made = _untrained(model.num_parameters()), []
    else:
        rows, validation, too_long = training.datasets(
            tokenizer, trainset, knobs.context, completion_only=False, further=primer
        )
        schedule = training.Schedule.of(knobs)
        model, history = training.train(model, tokenizer, rows, validation, schedule, workplace)
        made = training.summary(model, rows, history, too_long), history
    with files.published_folder(out) as folder:
        model.save_pretrained(folder)
        copy_tokenizer(workplace / "tokenizer", folder)
        finish(folder)
    return made


def _tokenizer(knobs: Params, entry: Entry, data: Sequence[Path], folder: Path) -> PreTrainedTokenizerBase:
    from .model import family_tokenizers, tokenizer

    messages = [row["messages"] for file in data for row in files.read_rows(file, ("messages",))]
    with files.published_folder(folder) as temporary:
        if entry.family == bases.NANO:
            tokenizer.train(messages, knobs.vocabulary, knobs.atom_min_count, knobs.context, temporary)
        else:
            family_tokenizers.train(entry.family, messages, knobs.vocabulary, knobs.context, temporary)
            tokenizer.settle(temporary, entry)
    return tokenizer.load(folder)


def _model(knobs: Params, entry: Entry, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    from transformers import LlamaConfig, LlamaForCausalLM

    from .model import miniatures

    determinism.pin_torch(knobs.threads, knobs.seed)
    if entry.family != bases.NANO:
        return miniatures.build(entry.family, tokenizer, entry.stop)
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


def _untrained(parameters: int) -> dict[str, Any]:
    """The figures that training.summary gives, of a model that was not trained."""
    none = dict.fromkeys(("rows", "rows_too_long", "tokens", "steps"), 0)
    return {**none, "parameters": parameters, "trained_parameters": 0, "train_loss": None, "val_loss": None}


def complete(base: Base, request_format: Path, chain: dict[str, str], folder: Path) -> None:
    """Put beside a model what later stages need to know of it."""
    shutil.copyfile(request_format, folder / asking.FILE)
    bases.write(folder, base)
    lineage.write(folder, chain)


if __name__ == "__main__":
    main()
