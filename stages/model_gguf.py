"""Merge the adapter into the base and export GGUF files for llama.cpp.

In:   the base model, the adapter
Out:  a folder with NAME-QUANT.gguf per quant and manifest.json (sha256, bytes, lineage)
Holds: the same bytes for the same base and adapter; every file carries, as metadata `lampforge.*`, the DVC
      hashes of its training data, base and adapter and the hash of its parameters, and no time or path; what was
      trained on data for research alone is not exported.
Run:  python -m stages.model_gguf --base models/base --adapter models/adapters/lamp --out models/gguf
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from . import files, params
from .command import stage
from .lamp import asking
from .model import determinism
from .tracking import lineage, taint


@dataclass(frozen=True)
class Params:
    """Section model_gguf of params.yaml; its comments say what each key does."""

    name: str
    quants: tuple[str, ...]


@stage(__doc__, base="models/base", adapter="models/adapters/lamp", out="models/gguf")
def main(base: Path, adapter: Path, out: Path, params_path: Path) -> None:
    knobs = params.load(Params, "model_gguf", params_path)
    for folder in (base, adapter):
        taint.refuse_tainted(folder, "no GGUF file")
    determinism.pin_environment(threads=1)
    chain = gguf_lineage(base, adapter, knobs)
    with files.published_folder(out) as folder, tempfile.TemporaryDirectory() as scratch:
        merged = Path(scratch) / "merged"
        merge(base, adapter, merged)
        export(merged, folder, knobs, {**chain, **request_format(base)}, Path(scratch))
        write_manifest(folder, chain)
    for path in sorted(out.glob("*.gguf")):
        click.echo(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


def gguf_lineage(base: Path, adapter: Path, knobs: Params) -> dict[str, str]:
    """The hashes that the files carry. params: of base, adapter and export together."""
    trained = lineage.read(adapter)
    return {
        "trainset": trained["trainset"],
        "base": lineage.dvc_hash(base),
        "adapter": lineage.dvc_hash(adapter),
        "params": lineage.params_hash(trained["params"], asdict(knobs)),
    }


def request_format(base: Path) -> dict[str, str]:
    """How requests are put to the model, for the device: it gets nothing but the file."""
    return dict(files.read_json(base / asking.FILE))


def merge(base: Path, adapter: Path, out: Path) -> None:
    """Write base and adapter as one Hugging Face model, with the base's tokenizer files."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, local_files_only=True)
    PeftModel.from_pretrained(model, adapter).merge_and_unload().save_pretrained(out)
    for name in ("tokenizer.model", "tokenizer_config.json"):
        shutil.copyfile(base / name, out / name)


def export(merged: Path, out: Path, knobs: Params, metadata: dict[str, str], scratch: Path) -> None:
    """Convert to F16, add the metadata, quantise."""
    from .model import gguf

    plain, full = scratch / "plain.gguf", scratch / f"{knobs.name}-F16.gguf"
    gguf.convert(merged, plain, knobs.name)
    gguf.add_metadata(plain, full, metadata)
    for quant in knobs.quants:
        target = out / f"{knobs.name}-{quant}.gguf"
        if quant == "F16":
            shutil.copyfile(full, target)
        else:
            gguf.quantise(full, target, quant)


def write_manifest(folder: Path, chain: dict[str, str]) -> None:
    """manifest.json: what is in the folder, to be checked after a download."""
    from .model import gguf

    entries = {
        path.name: {"sha256": gguf.sha256(path), "bytes": path.stat().st_size} for path in sorted(folder.glob("*.gguf"))
    }
    files.write_json(folder / "manifest.json", {"lineage": chain, "files": entries})


if __name__ == "__main__":
    main()
