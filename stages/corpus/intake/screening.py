"""What is said about rows before the merge: a verdict on each, and its language.

Each row is judged by itself, so the result hangs neither on the batch nor on the order. A row of 1,100 bytes costs
about 60 microseconds of one core: contamination 20, quality 20, language 15, control tokens 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..rows.row import Row
from ..rows.source import Category
from . import persona, quality
from .decontamination import Index
from .language import language

CONTAMINATED = "contaminated:"
"""What the verdict on a row that holds an evaluation item begins with; the name of the set follows."""
CONTROL_TOKEN = "control_token:"
"""What the verdict on a row with control or persona tokens begins with; the most frequent one follows."""


@dataclass(frozen=True)
class Settings:
    """What rows are judged by."""

    limits: quality.Limits
    evaluations: Index


def screen(rows: Sequence[Row], category: Category, settings: Settings) -> list[tuple[str, str]]:
    """For each row why it is left out, or an empty string, and its language (ISO 639-1 or "und").

    The verdict is the first that holds: contamination, so that the count per set does not hang on the other rules;
    then control tokens; then quality.
    """
    contaminated = settings.evaluations.find(rows)
    return [
        (
            f"{CONTAMINATED}{name}" if name else _verdict(row, category, settings.limits),
            language(row, category),
        )
        for row, name in zip(rows, contaminated, strict=True)
    ]


def _verdict(row: Row, category: Category, limits: quality.Limits) -> str:
    text = "\n".join((row.system, *(part for turn in row.history for part in turn), *row[:3], row.rejected))
    if found := persona.tokens(text):
        return f"{CONTROL_TOKEN}{max(found, key=lambda token: found[token])}"
    return str(quality.verdict(row, category, limits) or "")
