"""Which model a lamp model starts from: the table in params.yaml, and what a model folder remembers of its row.

A row names a family (how the model is built, how its tokenizer splits, how it writes turns) and, for those that others
trained, where it is on the hub. What later stages need of it lies in the folder of the base model, as base.json: the
adapter finds its target modules there, the export its licence.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import orjson

from .. import files
from ..errors import UserError

FILE = "base.json"
NANO = "nano"

Family = Literal["nano", "llama3", "gemma3", "phi4", "tinyllama"]


@dataclass(frozen=True)
class Entry:
    """A row of model_base.bases in params.yaml, whose comments say what each key means.

    hub: the id there, None for a model that is trained from scratch. revision: a commit, None while not pinned.
    stop: the token that ends an answer. pad: one that ends nothing, for batches.
    """

    family: Family
    hub: str | None
    revision: str | None
    licence: str
    gated: bool
    stop: str
    pad: str
    dated: bool
    target_modules: tuple[str, ...]


@dataclass(frozen=True)
class Base:
    """What is in the folder of a base model. miniature: made here with random weights, whatever `hub` says.

    revision: the commit that it is made of, None for what was made here.
    """

    name: str
    family: Family
    miniature: bool
    hub: str | None
    revision: str | None
    licence: str
    stop: str
    target_modules: tuple[str, ...]


def chosen(table: dict[str, Entry], name: str, miniature: bool) -> Entry:
    """The row `name`. Raises UserError where there is none, and for a miniature of what is trained from scratch."""
    if name not in table:
        raise UserError(f"params.yaml, model_base.base: {name!r} is none of {', '.join(table)}")
    if miniature and table[name].hub is None:
        raise UserError(f"params.yaml, model_base.miniature: {name} has none, it is made here anyway; set it to false")
    return table[name]


def described(name: str, entry: Entry, miniature: bool, revision: str | None) -> Base:
    """The base that is made of a row, at the commit `revision`."""
    return Base(
        name=name,
        family=entry.family,
        miniature=miniature,
        hub=entry.hub,
        revision=revision,
        licence=entry.licence,
        stop=entry.stop,
        target_modules=entry.target_modules,
    )


def write(folder: Path, base: Base) -> None:
    """Write base.json into the folder of a base model."""
    files.write_json(folder / FILE, asdict(base))


def read(folder: Path) -> Base:
    """What the folder of a base model is. Raises UserError where it does not say so."""
    path = folder / FILE
    try:
        said = orjson.loads(path.read_bytes())
        return Base(**{**said, "target_modules": tuple(said["target_modules"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        why = "no such file" if isinstance(error, FileNotFoundError) else f"not what model_base writes ({error})"
        raise UserError(f"{path}: {why}; make the base again with `dvc repro model_base`") from None
