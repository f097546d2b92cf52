"""What a schema family is: how the records of a file become items, and an item a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from reprlib import Repr
from typing import Any

from ..rows.row import Reason, Reject, Row

Record = dict[str, Any]
"""An object of a source's file, as published."""

Item = Any
"""What becomes one row: a record, or what `Family.items` makes of the records."""


@dataclass(frozen=True)
class NoOptions:
    """A family whose sources do not differ."""


@dataclass(frozen=True)
class Family:
    """A schema in which data sets are published.

    options: a frozen dataclass, with defaults, of what differs among the sources (names of fields);
        a source's `options` are checked against it.
    map: one item and the source's options -> its row, or the reason why it has none. Never raises for
        whatever JSON holds: a field may be missing, null or of another type.
    items: the records of a file -> the items in them, where the two differ: several questions in a
        record, or a conversation spread over records. None: a record is an item.
    whole_files: `items` needs all records of a file at once, so files are not cut into shards.
    """

    options: type[Any]
    map: Callable[[Item, Any], Row | Reject]
    items: Callable[[Iterable[Record], Any], Iterator[Item]] | None = None
    whole_files: bool = False


DETAIL = 200
"""Characters of a reject's detail."""


def shown(value: Any) -> str:
    """A value as a reject's detail shows it: short, however large or deeply nested it is."""
    return _SHORT.repr(value)[:DETAIL]


def text_of(record: Record, name: str) -> str | Reject:
    """The text in a field, with white space around it dropped; None counts as empty, another type is rejected."""
    value = record.get(name, _MISSING)
    if isinstance(value, str):
        return value.strip()
    if value is _MISSING:
        return Reject(Reason.MISSING_FIELD, f"no {name}; it has {', '.join(map(str, record)) or 'no fields'}"[:200])
    if value is None:
        return ""
    return Reject(Reason.WRONG_TYPE, f"{name} is {type(value).__name__}: {shown(value)}"[:DETAIL])


def completed(row: Row) -> Row | Reject:
    """The row, or why it is none: there must be something asked and something answered."""
    if not row.output:
        return Reject(Reason.EMPTY_OUTPUT, f"nothing answers {row.instruction!r}"[:200])
    if not row.instruction and not row.input:
        return Reject(Reason.EMPTY_INSTRUCTION, f"nothing asks for {row.output!r}"[:200])
    return row


_MISSING = object()
# Unlike repr, bounded in depth and width: junk may be nested deeper than Python recurses, or megabytes wide.
_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 120
_SHORT.maxlevel = 3
