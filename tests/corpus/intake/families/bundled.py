"""What the bundled sample of a source maps to, read as the product reads it: JSON Lines or an array."""

from __future__ import annotations

from collections import Counter

from stages import params
from stages.corpus.intake import reading
from stages.corpus.intake.family import Family, Record
from stages.corpus.row import Reject, Row
from stages.corpus.source import Source
from tests.corpus.intake.families.chats import SOURCES, rejected


def mapped(key: str, family: Family) -> list[tuple[Record, Row | Reject]]:
    """Each record of a sample with what it becomes, under the source's own options."""
    folder = SOURCES / key
    source = params.load(Source, "source", folder / "source.yaml")
    options = params.load(family.options, "options", folder / "source.yaml")
    records = reading.records(reading.Shard(folder / source.sample))
    return [(record, family.map(record, options)) for record in records]


def rows(key: str, family: Family) -> list[Row]:
    """The rows of a sample."""
    return [row for _, row in mapped(key, family) if isinstance(row, Row)]


def counts(key: str, family: Family) -> dict[str, int]:
    """How many rows a sample has, and how many rejects for each reason."""
    return Counter("kept" if isinstance(found, Row) else rejected(found) for _, found in mapped(key, family))
