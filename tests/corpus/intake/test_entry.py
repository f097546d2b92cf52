"""Every bundled source can be loaded, has a sample in its family's schema, and its own place in the order of merit."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages.corpus.intake import reading
from stages.corpus.intake.entry import ENTRY, load
from stages.corpus.intake.families.registry import FAMILIES
from stages.corpus.rows.row import Reject, Row
from stages.corpus.rows.source import Category, Source
from stages.errors import UserError

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ROOT / "data" / "seed" / "corpus" / "sources"
KEYS = sorted(path.parent.name for path in SOURCES.glob(f"*/{ENTRY}"))
NAMED = yaml.safe_load((ROOT / "params.yaml").read_text())["corpus_sources"]["sources"]
ENTRY_OF_TOY: dict[str, Any] = {
    "source": {
        "hub": "lamps/rows",
        "config": None,
        "split": "train",
        "family": "alpaca",
        "category": "instruction",
        "priority": 1,
        "cap": 10,
        "licence": "MIT",
        "gated": False,
        "sample": "sample.jsonl",
        "note": "toy",
    },
    "options": {"output": "response"},
}


@cache
def loaded(key: str) -> tuple[Source, Any]:
    return load(SOURCES / key)


@cache
def mapped(key: str) -> tuple[list[Any], list[Row | Reject]]:
    """The records of a sample, and what they become."""
    source, options = loaded(key)
    family = FAMILIES[source.family]
    shards = reading.shards([SOURCES / key / source.sample], family.whole_files)
    records = [record for shard in shards for record in reading.records(shard)]
    read = [record for record in records if isinstance(record, dict)]
    items = family.items(read, options) if family.items else read
    return records, [family.map(item, options) for item in items]


# The bundled sources -----------------------------------------------------------------------------------------


def test_the_parameters_name_every_bundled_source_once() -> None:
    assert sorted(NAMED) == KEYS
    assert len(KEYS) >= 59


@pytest.mark.parametrize("key", KEYS)
def test_a_bundled_entry_loads(key: str) -> None:
    source, options = loaded(key)
    assert type(source.category) is Category
    assert isinstance(options, FAMILIES[source.family].options)
    assert source.cap > 0
    assert source.licence
    assert source.hub is None or source.hub.count("/") == 1
    assert source.hub is not None or not source.gated


def test_no_two_sources_share_a_priority() -> None:
    priorities = Counter(loaded(key)[0].priority for key in KEYS)
    assert {priority: count for priority, count in priorities.items() if count > 1} == {}
    # Ids of rows hold 23 bits of it.
    assert all(0 <= priority < 1 << 20 for priority in priorities)


def test_every_category_has_a_source() -> None:
    assert {loaded(key)[0].category for key in KEYS} == set(Category)


def test_every_family_has_a_source() -> None:
    assert {loaded(key)[0].family for key in KEYS} == set(FAMILIES)


@pytest.mark.parametrize("key", KEYS)
def test_a_sample_lies_beside_its_entry_and_nothing_else(key: str) -> None:
    assert sorted(path.name for path in (SOURCES / key).iterdir()) == sorted([ENTRY, loaded(key)[0].sample])


@pytest.mark.parametrize("key", KEYS)
def test_the_rows_of_a_sample_have_the_fields_of_their_schema(key: str) -> None:
    records, rows = mapped(key)
    assert all(isinstance(record, dict) for record in records), "a line of the sample is no record"
    kept = [row for row in rows if isinstance(row, Row)]
    # A sample shows rows that become none as well: that they do is what it is for.
    assert len(kept) >= 20
    assert len(kept) >= 0.6 * len(rows)
    for row in kept:
        assert row.output
        assert row.instruction or row.input


@pytest.mark.parametrize("key", KEYS)
def test_a_sample_shows_rejects_with_a_reason(key: str) -> None:
    _, rows = mapped(key)
    rejects = [row for row in rows if isinstance(row, Reject)]
    assert rejects
    assert all(reject.detail for reject in rejects)


# What load says of an entry that is wrong --------------------------------------------------------------------


def entry(folder: Path, *, without: str = "", **changed: Any) -> Path:
    described = ENTRY_OF_TOY["source"] | changed
    described.pop(without, None)
    (folder / ENTRY).write_text(yaml.safe_dump(ENTRY_OF_TOY | {"source": described}))
    return folder


def test_an_entry_has_the_source_and_the_options_of_its_family(tmp_path: Path) -> None:
    source, options = load(entry(tmp_path))
    assert (source.hub, source.category, source.priority) == ("lamps/rows", Category.INSTRUCTION, 1)
    assert (options.instruction, options.output) == ("instruction", "response")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"family": "alpacca"}, r"source\.family: 'alpacca' is none of alpaca, "),
        ({"category": "coding"}, r"category: .*got 'coding'"),
        ({"priority": "1"}, r"priority: .*got '1'"),
        ({"cap": None}, r"cap: .*got None"),
        ({"gated": "no"}, r"gated: .*got 'no'"),
        ({"licence": 4}, r"licence: .*got 4"),
        ({"colour": "red"}, r"colour is unknown"),
        ({"without": "sample"}, r"sample is missing"),
        ({"without": "hub", "cap": "all"}, r"hub is missing; cap: .*got 'all'"),
    ],
)
def test_a_wrong_entry_is_a_mistake_that_names_the_file_and_each_key(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=rf"source\.yaml.*{message}"):
        load(entry(tmp_path, **changed))


def test_an_option_that_the_family_does_not_have_is_a_mistake(tmp_path: Path) -> None:
    entry(tmp_path)
    text = (tmp_path / ENTRY).read_text().replace("output: response", "answer: response")
    (tmp_path / ENTRY).write_text(text)
    with pytest.raises(UserError, match=r"source\.yaml, section options: answer is unknown"):
        load(tmp_path)


@pytest.mark.parametrize("text", [None, "", "source: 1", "- a", "source: {}\n", "\t", "\ud83d"])
def test_a_file_that_is_no_entry_is_a_mistake_that_names_it(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / ENTRY).write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(UserError, match=r"source\.yaml"):
        load(tmp_path)
