"""Merge the adapter into the base and export GGUF files for llama.cpp, with a model card and a Modelfile for Ollama.

In:   the base model, the adapter, the training set (rows for the importance matrix), metrics of both trainings
Out:  a folder with NAME-QUANT.gguf per quant, README.md (the model card), Modelfile and manifest.json (sha256 and bytes
      of all of them, lineage); if asked for, adapter/ with the adapter and the base as files of their own
Holds: the same bytes for the same inputs; every GGUF file carries, as metadata `lampforge.*`, the DVC hashes of its
      training data, base and adapter and the hash of its parameters, and no time or path; what was trained on data for
      research alone, and an adapter of another base, is not exported; validation rows measure no importance.
Run:  python -m stages.model_gguf --base models/base --adapter models/adapters/lamp --out models/gguf
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from . import files, params
from .command import stage
from .errors import UserError
from .lamp import asking
from .model import bases, determinism
from .tracking import lineage, taint

if TYPE_CHECKING:
    from .model.imatrix import Importance

MANIFEST = "manifest.json"


Entries = dict[str, dict[str, Any]]
"""Files by relative path, each with sha256 and bytes."""


@dataclass(frozen=True)
class Params:
    """Section model_gguf of params.yaml; its comments say what each key does."""

    name: str
    quants: tuple[str, ...]
    importance_matrix: Literal["none", "trainset"]
    importance_rows: int
    adapter: bool


@stage(
    __doc__,
    base="models/base",
    adapter="models/adapters/lamp",
    trainset="data/lamp/trainset",
    base_metrics="metrics/model_base.json",
    adapter_metrics="metrics/model_adapter.json",
    out="models/gguf",
)
def main(
    base: Path, adapter: Path, trainset: Path, base_metrics: Path, adapter_metrics: Path, out: Path, params_path: Path
) -> None:
    knobs = params.load(Params, "model_gguf", params_path)
    licence = params.value(str, "score_dataset.licence", params_path)
    for each in (base, adapter):
        taint.refuse_tainted(each, "no GGUF file")
    determinism.pin_environment(threads=1)
    check(knobs, adapter)
    chain = gguf_lineage(base, adapter, knobs)
    refuse_other_inputs(base, adapter, trainset, chain)
    metadata = {**chain, **request_format(base)}
    with files.published_folder(out) as folder, tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        merge(base, adapter, scratch / "merged")
        full = convert(scratch / "merged", scratch / f"{knobs.name}-F16.gguf", knobs.name, metadata)
        importance = measured(scratch / "merged", full, trainset, knobs)
        quantise(full, folder, knobs, importance)
        if knobs.adapter:
            export_adapter(base, adapter, folder / "adapter", knobs.name, metadata, scratch)
        write_modelfile(base, scratch / "merged", full, folder, knobs)
        trained = Trained(base, adapter, trainset, files.read_json(base_metrics), files.read_json(adapter_metrics))
        entries = listed(folder)
        write_card(folder, trained, chain, licence, knobs, importance, entries)
        write_manifest(folder, chain, entries)
    for path in sorted(out.rglob("*.gguf")):
        click.echo(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


def check(knobs: Params, adapter: Path) -> None:
    """Raises UserError for what cannot be made, before any work."""
    from .model import adapter_gguf, gguf, imatrix

    known, where = gguf.quant_types(), "params.yaml, model_gguf"
    if not re.fullmatch(r"\w[\w.-]*", knobs.name):
        raise UserError(f"{where}.name: {knobs.name!r} is no name for files; take letters, digits, '-', '.' and '_'")
    if unknown := [quant for quant in knobs.quants if quant not in known]:
        listed = ", ".join(map(repr, unknown))
        raise UserError(f"{where}.quants: {listed} is none of {', '.join(sorted(known))}")
    if twice := [quant for quant, count in Counter(knobs.quants).items() if count > 1]:
        raise UserError(f"{where}.quants: {', '.join(twice)} is there twice; name each once")
    if not knobs.quants:
        raise UserError(f"{where}.quants: names none; take F16, Q8_0 or Q4_K_M, say")
    needy = [quant for quant in knobs.quants if quant in imatrix.NEEDED_BY]
    if needy and knobs.importance_matrix == "none":
        raise UserError(f"{where}.quants: {', '.join(needy)} needs model_gguf.importance_matrix=trainset")
    if knobs.importance_rows < 1:
        raise UserError(f"{where}.importance_rows: {knobs.importance_rows} is too few; take some hundreds")
    if knobs.adapter:
        adapter_gguf.refuse_unknown(adapter)


def gguf_lineage(base: Path, adapter: Path, knobs: Params) -> dict[str, str]:
    """The hashes that the files carry. params: of base, adapter and export together. data.*: of further phases."""
    trained = lineage.read(adapter)
    return {
        "trainset": trained["trainset"],
        "base": lineage.dvc_hash(base),
        "adapter": lineage.dvc_hash(adapter),
        "params": lineage.params_hash(trained["params"], asdict(knobs)),
        **{name: digest for name, digest in trained.items() if name.startswith("data.")},
    }


def refuse_other_inputs(base: Path, adapter: Path, trainset: Path, chain: dict[str, str]) -> None:
    """Raises UserError for an adapter that was trained on another base, and for other rows than it was trained on."""
    trained_on = lineage.read(adapter).get("base")
    if trained_on != chain["base"]:
        raise UserError(
            f"{adapter}: an adapter of another base ({trained_on}; {base} is {chain['base']}); train it on this one"
            " with `dvc repro model_adapter`"
        )
    given = lineage.dvc_hash(trainset)
    if given != chain["trainset"]:
        raise UserError(
            f"{trainset}: other rows ({given}) than {adapter} was trained on ({chain['trainset']}); train it again with"
            " `dvc repro model_adapter`"
        )


def request_format(base: Path) -> dict[str, str]:
    """How requests are put to the model, for the device: it gets nothing but the file."""
    return dict(files.read_json(base / asking.FILE))


def merge(base: Path, adapter: Path, out: Path) -> None:
    """Write base and adapter as one Hugging Face model, with the base's tokenizer files."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from .model import tokenizer

    model = AutoModelForCausalLM.from_pretrained(base, local_files_only=True)
    PeftModel.from_pretrained(model, adapter).merge_and_unload().save_pretrained(out)
    tokenizer.copy_tokenizer(base, out)


def convert(model: Path, out: Path, name: str, metadata: dict[str, str]) -> Path:
    """Write a Hugging Face model as an F16 GGUF file with the metadata. Returns the file."""
    from .model import gguf, ollama, tokenizer

    plain = out.with_suffix(".plain")
    gguf.convert(model, plain, name)
    # Servers put a first token where the vocabulary says so; a model whose template has none was trained without.
    unknown = not ollama.begins_with(tokenizer.load(model), ollama.first_token(plain))
    gguf.add_metadata(plain, out, metadata, without_first_token=unknown)
    plain.unlink()
    return out


def measured(merged: Path, full: Path, trainset: Path, knobs: Params) -> Importance | None:
    """The importance matrix, from rows that were trained on and never from those of validation; None: not wanted."""
    from .model import imatrix

    if knobs.importance_matrix == "none":
        return None
    return imatrix.measure(merged, full, trainset / "train.jsonl", knobs.importance_rows)


def quantise(full: Path, out: Path, knobs: Params, importance: Importance | None) -> None:
    """Write a file for each quant."""
    from .model import gguf

    for quant in knobs.quants:
        target = out / f"{knobs.name}-{quant}.gguf"
        if quant == "F16":
            shutil.copyfile(full, target)
        else:
            gguf.quantise(full, target, quant, importance)


def export_adapter(base: Path, adapter: Path, out: Path, name: str, metadata: dict[str, str], scratch: Path) -> None:
    """Write the adapter, and the base that it is put on, as files of their own, with the metadata of the whole.

    out: a folder apart, where nobody looks for a quant.
    """
    from .model import adapter_gguf, gguf

    out.mkdir()
    convert(base, out / f"{name}-base-F16.gguf", f"{name}-base", metadata)
    adapter_gguf.convert(adapter, base, scratch / "adapter.gguf", scratch)
    gguf.add_metadata(scratch / "adapter.gguf", out / f"{name}-adapter-F16.gguf", metadata)


def write_modelfile(base: Path, merged: Path, full: Path, out: Path, knobs: Params) -> None:
    """Write the Modelfile for Ollama, of the last quant that is listed."""
    from .model import ollama, tokenizer

    turns = ollama.turns(tokenizer.load(merged), ollama.first_token(full))
    system = request_format(base)["system_prompt"]
    file = f"{knobs.name}-{knobs.quants[-1]}.gguf"
    text = ollama.modelfile(file, turns, system, [bases.read(base).stop], context(merged))
    (out / ollama.FILE).write_text(text, encoding="utf-8")


def context(model: Path) -> int:
    """The longest prompt plus answer that a model can take, in tokens."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(model, local_files_only=True)
    return int(config.get_text_config().max_position_embeddings)


@dataclass(frozen=True)
class Trained:
    """What the model was made of, and the metrics of the stages that made it."""

    base: Path
    adapter: Path
    trainset: Path
    base_figures: dict[str, Any]
    adapter_figures: dict[str, Any]


def write_card(
    out: Path,
    trained: Trained,
    chain: dict[str, str],
    licence: str,
    knobs: Params,
    importance: Importance | None,
    entries: Entries,
) -> None:
    """Write the model card. licence: of the training data. entries: what lies in `out` so far."""
    from .model import model_card

    facts = model_card.Facts(
        name=knobs.name,
        base=bases.read(trained.base),
        asking=asking.RequestFormat(**request_format(trained.base)),
        context=context(trained.base),
        chain=chain,
        base_figures=trained.base_figures,
        adapter_figures=trained.adapter_figures,
        phases=files.read_json(trained.adapter / model_card.PHASES),
        validation_rows=sum(1 for _ in files.read_rows(trained.trainset / "val.jsonl")),
        files=entries,
        data_licence=licence,
        importance_rows=None if importance is None else importance.rows,
    )
    (out / model_card.FILE).write_text(model_card.card(facts), encoding="utf-8")


def listed(folder: Path, known: Entries | None = None) -> Entries:
    """All files in a folder and below, by relative path, with sum and size. known: those that need no second look."""
    from .model import gguf

    paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        name: (known or {}).get(name) or {"sha256": gguf.sha256(path), "bytes": path.stat().st_size}
        for name, path in paths.items()
    }


def write_manifest(folder: Path, chain: dict[str, str], known: Entries) -> None:
    """manifest.json: what is in the folder, to be checked after a download. known: entries of files that are done."""
    files.write_json(folder / MANIFEST, {"lineage": chain, "files": listed(folder, known)})


if __name__ == "__main__":
    main()
