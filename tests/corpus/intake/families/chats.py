"""What the tests of the chat families share: JSON junk, real and bundled rows, and a row's text laid out again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import strategies as st

from stages import params
from stages.corpus.intake.family import Family
from stages.corpus.row import Reject, Row
from stages.corpus.source import Source

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


def sample(key: str, family: Family) -> list[Row | Reject]:
    """What the bundled sample of a source maps to, under its own options."""
    folder = SOURCES / key
    source = params.load(Source, "source", folder / "source.yaml")
    options = params.load(family.options, "options", folder / "source.yaml")
    records = lines((folder / source.sample).read_bytes())
    items = family.items(iter(records), options) if family.items else records
    return [family.map(item, options) for item in items]


def texts(row: Row) -> list[str]:
    """Every turn of a row in order, the user's and the assistant's."""
    return [text for turn in (*row.history, (row.instruction, row.output)) for text in turn]


def rejected(found: Row | Reject) -> str:
    """The reason of a reject, whose detail has to say something in a line's length."""
    assert isinstance(found, Reject), found
    assert found.detail
    assert len(found.detail) <= 200
    return found.reason
