"""The evaluation sets, as data: which items no training row may hold.

`evaluations.yaml` has one section per set; the bundled sample of a set has a dozen items in its published schema,
written for this repository, so that the way from file to verdict runs without a download.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ... import params
from ...errors import UserError
from ..rows.row import Reject
from . import reading
from .family import Record

ENTRY = "evaluations.yaml"


@dataclass(frozen=True)
class Evaluation:
    """One section of evaluations.yaml."""

    hub: str | None
    """The data set on the Hugging Face hub; None: it is part of this repository."""
    configs: tuple[str, ...]
    split: str
    licence: str
    """SPDX."""
    question: tuple[str, ...]
    """The field with what is asked; the first of these that a record has, as copies differ in their names."""
    choices: tuple[str, ...]
    """The fields with the possible answers, of which a record may have some; empty where answers are free."""
    small_talk: tuple[str, ...]
    """Items that people say to any assistant ("Who are you?"): a row that has them is not taken for the item."""
    columns: tuple[str, ...]
    """The names of the columns of a CSV file without a header."""
    local: tuple[str, ...]
    """Patterns for the files below the folder of the user's copies; what follows a "!" is taken away again."""
    sample: str
    """The bundled items, from the folder of evaluations.yaml."""


class Item(NamedTuple):
    """A question of an evaluation set, and the answers to choose from where it lists them."""

    question: str
    choices: tuple[str, ...] = ()


def load(folder: Path) -> dict[str, Evaluation]:
    """The sets that evaluations.yaml in this folder describes, by name, in its order.

    Raises UserError for a missing file and for whatever is missing, unknown or of another type.
    """
    import yaml

    path = folder / ENTRY
    try:
        names = list(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; pass the folder with the evaluation sets") from None
    except (yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
        raise UserError(f"{path}: no mapping of sets ({' '.join(str(error).split())}); correct the file") from None
    return {name: params.load(Evaluation, name, path) for name in names}


def bundled(folder: Path, evaluation: Evaluation) -> list[Path]:
    """The file of a set's bundled items."""
    return [folder / evaluation.sample]


def local(folder: Path, evaluation: Evaluation) -> list[Path]:
    """The user's files of a set, in the order of their names; empty where there are none."""
    found: set[Path] = set()
    for pattern in evaluation.local:
        if pattern.startswith("!"):
            found.difference_update(folder.glob(pattern[1:]))
        else:
            found.update(path for path in folder.glob(pattern) if path.is_file())
    return sorted(found)


def items(evaluation: Evaluation, files: Iterable[Path]) -> list[Item]:
    """The items in the files of a set.

    A record with several questions (the turns of a conversation) gives several items.
    Raises UserError for a file that cannot be read and a record without any of the question's fields.
    """
    found: list[Item] = []
    for file in files:
        for number, record in enumerate(_records(file, evaluation.columns), start=1):
            if isinstance(record, Reject):
                raise UserError(f"{file}, record {number}: {record.reason} ({record.detail}); correct the file")
            found += _items_of(record, evaluation, f"{file}, record {number}")
    return [item for item in found if item.question not in evaluation.small_talk]


def _records(file: Path, columns: tuple[str, ...]) -> Iterable[Record | Reject]:
    if file.suffix != ".yaml":
        return reading.records(reading.Shard(file), columns)
    import yaml

    records: list[Record] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return records


def _items_of(record: Record, evaluation: Evaluation, where: str) -> list[Item]:
    name = next((name for name in evaluation.question if record.get(name) is not None), None)
    if name is None:
        wanted = " or ".join(evaluation.question)
        raise UserError(f"{where}: no {wanted}; it has {', '.join(map(str, record))}. Correct question in {ENTRY}")
    choices = tuple(text for field in evaluation.choices for text in _texts(record.get(field)))
    return [Item(question, choices) for question in _texts(record[name])]


def _texts(value: Any) -> Iterator[str]:
    """All texts in a value: of messages only the user's, of a dict of labels and texts only the texts."""
    if isinstance(value, dict):
        if value.get("role", "user") == "user":
            yield from _texts(value.get("content", value.get("text")))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for part in value:
            yield from _texts(part)
    elif value is not None and str(value).strip():
        yield str(value)
