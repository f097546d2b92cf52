"""Rows of our own form, as exports and mixes write them: instruction, input, output, history, system and metadata.

Also LLaMA-Factory's Alpaca with `history`. Metadata (`_category`, `_source` ...) is no text; `category_of` reads it.
"""

from __future__ import annotations

from typing import Any

from .intake.family import Family, NoOptions, Record, completed, text_of
from .rows.row import Reason, Reject, Row

NAME = "canonical"
_MARKS = ("_category", "_source", "history")


def map_item(item: Record, options: NoOptions) -> Row | Reject:
    """The row that a record is. One without any of `_category`, `_source` and `history` is of another family."""
    del options  # there is one form
    if not isinstance(item, dict):
        return Reject(Reason.NOT_AN_OBJECT, f"a record is {type(item).__name__}")
    if not any(mark in item for mark in _MARKS):
        return Reject(Reason.MISSING_FIELD, f"none of {', '.join(_MARKS)}; it has {', '.join(map(str, item))}"[:200])
    texts = []
    for name in ("instruction", "input", "output", "system"):
        text = text_of(item, name) if name in item or name in ("instruction", "output") else ""
        if isinstance(text, Reject):
            return text
        texts.append(text)
    history = item.get("history") or []
    if not _is_history(history):
        return Reject(Reason.WRONG_TYPE, "history is no list of pairs of texts")
    instruction, given, output, system = texts
    return completed(Row(instruction, given, output, tuple((user, assistant) for user, assistant in history), system))


def category_of(record: Record) -> str:
    """The category that a record states, or an empty string."""
    category = record.get("_category")
    return category if isinstance(category, str) else ""


def _is_history(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(turn, list) and len(turn) == 2 and all(isinstance(part, str) for part in turn) for turn in value
    )


FAMILY = Family(NoOptions, map_item)
