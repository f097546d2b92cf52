"""Conversations as a bare list of strings, the user's and the assistant's by turns: {id, data: [str, str, ...]}.

Source: the original UltraChat. The place in the list is the only mark of who speaks, so a null or empty string
still holds its speaker's place; the rest are the rules of `turns`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle

from ...rows.row import Reason, Reject, Row
from ..family import Family, Record, shown
from ..turns import ASSISTANT, USER, row_of


@dataclass(frozen=True)
class Options:
    """The field's name."""

    data: str = "data"


def map_item(item: Record, options: Options) -> Row | Reject:
    """The row of one conversation."""
    if not isinstance(item, dict):
        return Reject(Reason.NOT_AN_OBJECT, shown(item))
    if options.data not in item:
        return Reject(Reason.MISSING_FIELD, f"no {options.data}: {shown(item)}")
    texts = item[options.data]
    if not isinstance(texts, list):
        return Reject(Reason.WRONG_TYPE, f"{options.data} is {type(texts).__name__}: {shown(texts)}")
    for text in texts:
        if not isinstance(text, str) and text is not None:
            return Reject(Reason.WRONG_TYPE, f"{options.data} holds {type(text).__name__}: {shown(text)}")
    return row_of(zip(cycle((USER, ASSISTANT)), (text or "" for text in texts), strict=False))


FAMILY = Family(Options, map_item)
