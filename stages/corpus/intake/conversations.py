"""Records that are one utterance or one exchange each -> the conversations that they are pieces of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .family import Record


def regrouped(records: Iterable[Record], key: str, order: str) -> Iterator[list[Any]]:
    """The records of each conversation, in the order of their field `order`; conversations as they first appear.

    Pieces of a conversation may lie apart in a file, so all records are held at once. A record whose key is
    missing or no id stands alone, for the mapper to reject; where an order is no number, the file's order stays.
    """
    conversations: dict[str | int, list[Any]] = {}
    for position, record in enumerate(records):
        name = record.get(key) if isinstance(record, dict) else None
        if type(name) is not str and type(name) is not int:
            name = f"\0{position}"  # no published id begins so
        conversations.setdefault(name, []).append(record)
    for pieces in conversations.values():
        if len(pieces) > 1 and all(type(piece.get(order)) is int for piece in pieces):
            pieces.sort(key=lambda piece: piece[order])
        yield pieces
