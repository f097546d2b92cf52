"""What the tests of the mappers share: JSON junk, real and bundled rows, and a row's text laid out again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import strategies as st

from stages.corpus.intake import entry, reading
from stages.corpus.intake.family import Family, Record
from stages.corpus.rows.row import Reject, Row

ROOT = Path(__file__).resolve().parents[4]
REAL = ROOT.parent / "shared" / "data" / "raw"
SOURCES = ROOT / "data" / "seed" / "corpus" / "sources"

# Names and values that the mappers look for, so that junk gets past the first check now and then.
WORDS = st.sampled_from(
    [
        *("messages", "role", "content", "conversations", "from", "value", "data", "prompt", "chosen", "rejected"),
        *("user", "assistant", "human", "gpt", "system", "prompter", "replies", "text", "deleted", "rank", "lang"),
        *("message_id", "parent_id", "message_tree_id", "", " ", "\ud800", '<div class="markdown"></div>'),
    ]
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=6),
    max_leaves=25,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)

DEEP: Any = "bottom"
for _ in range(5000):  # deeper than Python recurses
    DEEP = [DEEP]


def real(*names: str) -> bytes:
    """A file of real rows, or the test is skipped."""
    path = REAL.joinpath(*names)
    if not path.exists():
        pytest.skip(f"no real rows: shared/data/raw/{'/'.join(names)} is not beside the checkout")
    return path.read_bytes()


def lines(content: bytes) -> list[Any]:
    """The records of JSON Lines."""
    return [orjson.loads(line) for line in content.split(b"\n") if line]


def bundled(key: str) -> tuple[list[Record], Any]:
    """The records of a source's bundled sample, read as the product reads them, and the source's own options."""
    source, options = entry.load(SOURCES / key)
    records = list(reading.records(reading.Shard(SOURCES / key / source.sample)))
    assert not [record for record in records if isinstance(record, Reject)]
    return [record for record in records if not isinstance(record, Reject)], options


def sample(key: str, family: Family) -> list[Row | Reject]:
    """What the bundled sample of a source maps to, under its own options."""
    records, options = bundled(key)
    items = family.items(iter(records), options) if family.items else records
    return [family.map(item, options) for item in items]


def mapped(key: str, family: Family) -> list[tuple[Record, Row | Reject]]:
    """Each record of a sample with what it becomes, where a record is an item."""
    return list(zip(bundled(key)[0], sample(key, family), strict=True))


def rows(key: str, family: Family) -> list[Row]:
    """The rows of a sample."""
    return [row for row in sample(key, family) if isinstance(row, Row)]


def counts(key: str, family: Family) -> dict[str, int]:
    """How many rows a sample has, and how many rejects for each reason."""
    return Counter("kept" if isinstance(found, Row) else rejected(found) for found in sample(key, family))


def counted(results: Iterable[Row | Reject]) -> dict[str, int]:
    """How many rows there are, and how many rejects for each reason."""
    return Counter(result.reason if isinstance(result, Reject) else "row" for result in results)


def texts(row: Row) -> list[str]:
    """Every turn of a row in order, the user's and the assistant's."""
    return [text for turn in (*row.history, (row.instruction, row.output)) for text in turn]


def rejected(found: Row | Reject) -> str:
    """The reason of a reject, whose detail has to say something in a line's length."""
    assert isinstance(found, Reject), found
    assert found.detail
    assert len(found.detail) <= 200
    return found.reason
