"""Which schema family a file of rows has, found by mapping its first records with each and looking at what is kept.

A mapping is the better, the more of the words in the records stand in the rows that it makes: one that takes the
number of the right choice for the answer keeps less than one that shows the choices. Families, also with the options
of the sources in source.yaml files, go before plain pairs of fields, which would fit labelled sets and lose the labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, get_origin, get_type_hints

from ..errors import UserError
from . import canonical
from .intake import reading
from .intake.entry import ENTRY, load
from .intake.families import qa
from .intake.families.registry import FAMILIES
from .intake.family import Family, Item
from .rows.row import Row

KNOWN: dict[str, Family] = {canonical.NAME: canonical.FAMILY, **FAMILIES}
"""The families by name, with our own form."""

_FIRST = 100
# Labelled sets may keep little: more than half of WildGuardMix has no response.
_LEAST_KEPT = 1 / 3
_LEAST_WORDS = 0.2
# A field that options name, such as that of labels, weighs as much as so many of the words.
_FIELD = 0.2
_LONGEST = 4000  # characters of a text that are compared: enough to tell
_WORD = re.compile(r"\w+")
_PAIRS = (
    ("prompt", "completion"), ("prompt", "response"), ("question", "answer"), ("question", "response"),
    ("query", "answer"), ("query", "response"), ("input", "output"), ("inputs", "targets"), ("problem", "solution"),
    ("instruction", "response"), ("Question", "Answer"), ("prompt", "canonical_solution"),
)  # fmt: skip


class Schema(NamedTuple):
    """A family's name and its options."""

    family: str
    options: Any

    def __str__(self) -> str:
        """The family, and the options that are not its defaults: `mcq (choices=options, answer=correct)`."""
        other = [f"{name}={_shown(value)}" for name, value in _differing(self.options).items()]
        return f"{self.family} ({', '.join(other)})" if other else self.family


def _shown(value: Any) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


def named(family: str, options: Iterable[str]) -> Schema:
    """The schema that the user names. options: `name=value`; a list's values are parted by commas.

    Raises UserError for a family or an option that does not exist, and for a value that is none.
    """
    import pydantic

    if family not in KNOWN:
        raise UserError(f"--family {family}: none of {', '.join(KNOWN)}")
    kind = KNOWN[family].options
    types = get_type_hints(kind)
    values: dict[str, Any] = {}
    for option in options:
        name, sign, value = option.partition("=")
        if not sign or name not in types:
            offered = ", ".join(types) or "no options"
            raise UserError(f"--option {option}: write name=value; {family} has {offered}")
        values[name] = [part for part in value.split(",") if part] if get_origin(types[name]) is tuple else value
    checked = pydantic.dataclasses.dataclass(kind, frozen=True, config=pydantic.ConfigDict(extra="forbid"))
    try:
        # As the family's own class, which other processes know, and not pydantic's double of it.
        return Schema(family, kind(**vars(pydantic.TypeAdapter(checked).validate_python(values))))
    except pydantic.ValidationError as error:
        faults = "; ".join(f"{fault['loc'][-1]}: {fault['msg'].lower()}" for fault in error.errors())
        raise UserError(f"--option of {family}: {faults}") from None


def recognised(file: Path, columns: tuple[str, ...], entries: Path) -> Schema:
    """The schema of a file. entries: the folder of the known sources; it need not exist.

    Raises UserError for a file that no schema fits, naming its fields.
    """
    first = islice(reading.records(reading.Shard(file), columns), _FIRST)
    records = [record for record in first if isinstance(record, dict)]
    if not records:
        raise UserError(f"{file}: none of its first {_FIRST} rows is an object; name the format by the file's suffix")
    own = [Schema(canonical.NAME, canonical.FAMILY.options())]
    pairs = [Schema("qa", qa.Options(question=question, answer=answer)) for question, answer in _PAIRS]
    for candidates in (own, _of_families(entries), pairs):
        scored = [(_score(schema, records), schema) for schema in candidates]
        best, schema = max(scored, key=lambda pair: pair[0], default=(0.0, None))
        if schema is not None and best > 0:
            return schema
    fields = ", ".join(dict.fromkeys(str(name) for record in records[:3] for name in record))
    raise UserError(
        f"{file}: no family fits its rows, which have {fields[:200]}; name one, as --family qa --option question=FIELD"
        " --option answer=FIELD (for a CSV file without a header also --columns)"
    )


@cache
def _of_families(entries: Path) -> list[Schema]:
    """The families as they are and as the known sources have them, without options that make up what was asked.

    Such options would fit a text alone, which says nothing of what was asked.
    """
    found = {Schema(name, family.options()): None for name, family in FAMILIES.items()}
    for path in sorted(entries.glob(f"*/{ENTRY}")):
        with suppress(UserError):  # a source that is being written says nothing of the user's file
            source, options = load(path.parent)
            found[Schema(source.family, options)] = None
    asking = [schema for schema in found if getattr(schema.options, "prompt", "prompt") != ""]
    return sorted(asking, key=lambda schema: len(_differing(schema.options)))  # of equals the plainest is taken


def _score(schema: Schema, records: list[dict[str, Any]]) -> float:
    """Which share of the words in the records stands in the rows; 0 where too few become rows."""
    family, options = KNOWN[schema.family], schema.options
    items = list(family.items(records, options)) if family.items else records
    seen = kept = rows = 0
    for item in items:
        words = _words(_texts(item))
        seen += len(words)
        row = family.map(item, options)
        if isinstance(row, Row):
            rows += 1
            turns = (part for turn in row.history for part in turn)
            kept += len(words & _words((*row[:3], *turns, row.system, row.rejected)))
    if rows < len(items) * _LEAST_KEPT or kept < seen * _LEAST_WORDS:
        return 0.0
    return kept / seen + _FIELD * _fitting(options, records) if seen else 0.0


def _fitting(options: Any, records: list[dict[str, Any]]) -> int:
    """How many of the options that differ from the family's own name a field of the records, less those that don't."""
    fields = {name for record in records for name in record}
    names = [value for value in _differing(options).values() if type(value) is str and value]
    return sum(1 if name in fields else -1 for name in names)


def _differing(options: Any) -> dict[str, Any]:
    """The options that are not the family's own."""
    usual = asdict(type(options)())
    return {name: value for name, value in asdict(options).items() if value != usual[name]}


def _texts(item: Item, depth: int = 0) -> Iterator[str]:
    """All texts in an item, however they are nested, as far as Python goes."""
    if isinstance(item, str):
        yield item
    elif depth < 50:
        parts = item.values() if isinstance(item, dict) else item if isinstance(item, list | tuple) else ()
        for part in parts:
            yield from _texts(part, depth + 1)


def _words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in _WORD.findall(text[:_LONGEST])}
