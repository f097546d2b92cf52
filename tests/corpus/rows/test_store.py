"""Rows come back from their files as they were, and the same rows give the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.corpus.rows import keys, store
from stages.corpus.rows.row import Row
from stages.errors import UserError

LAMP = Row("Show a sun", "a small one", "It is lit.", (("Hi", "Hello"), ("Sun?", "Yes")), "You are a lamp")
SAFE = Row("Break it", "", "I can't.", rejected="Take a stone.", safety_label="refusal", severity="medium")
PLAIN = Row("Wie geht's?", "", "Gut, danke.\u2028\0\n", lang="de")
ROWS = [LAMP, SAFE, PLAIN]

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ROW = st.builds(
    Row, TEXT, TEXT, TEXT, st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple), TEXT, TEXT, st.just(""), TEXT, TEXT
)


def back(table: Any) -> list[Row]:
    """The rows that a table of ROWS holds. The language is not in it: it is a fact."""
    found = []
    for line in table.to_pylist():
        history = tuple((user, assistant) for user, assistant in line.pop("history"))
        line.pop("rid")
        found.append(Row(**line, history=history))
    return found


def facts(rows: list[Row], first: int = 0) -> Any:
    return store.facts_table(first, [store.encoded(row) for row in rows], [""] * len(rows), ["en"] * len(rows))


# Ids ---------------------------------------------------------------------------------------------------------

PLACE = st.tuples(st.integers(0, 1 << 20), st.integers(0, store.MAX_SHARDS - 1), st.integers(0, store.MAX_ROWS - 1))


@settings(deadline=None)
@given(PLACE, PLACE)
def test_ids_ascend_by_priority_then_shard_then_row(one: tuple[int, int, int], other: tuple[int, int, int]) -> None:
    assert (store.row_id(*one) < store.row_id(*other)) == (one < other)
    assert store.priority_of(store.row_id(*one)) == one[0]
    assert store.row_id(*one) < 1 << 62


def test_the_priority_of_a_column_of_ids_is_a_column() -> None:
    rids = np.array([store.row_id(priority, 3, 4) for priority in (1, 70, 990)])
    assert store.priority_of(rids).tolist() == [1, 70, 990]


@pytest.mark.parametrize(("shard", "row"), [(store.MAX_SHARDS, 0), (0, store.MAX_ROWS)])
def test_ids_that_would_run_into_those_of_others_are_a_mistake(shard: int, row: int) -> None:
    with pytest.raises(UserError, match=r"at most 65,536 shards with 16,777,216 rows each.*shard_mb"):
        store.row_id(1, shard, row)


def test_rows_that_would_run_into_the_next_shard_are_a_mistake() -> None:
    last = store.row_id(1, 2, store.MAX_ROWS - 2)
    assert store.rows_table(last, ROWS[:2]).num_rows == 2
    with pytest.raises(UserError, match="16,777,216 rows"):
        store.rows_table(last, ROWS)


# Rows --------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(ROW, max_size=5))
def test_rows_come_back_as_they_were(rows: list[Row]) -> None:
    table = store.rows_table(7, rows)
    assert back(table) == rows
    assert table.schema == store.ROWS
    assert table.column("rid").to_pylist() == list(range(7, 7 + len(rows)))


def test_rows_come_back_from_a_file(tmp_path: Path) -> None:
    with store.parquet(tmp_path / "rows.parquet", store.ROWS) as writer:
        for first in range(0, 3):
            writer.write_table(store.rows_table(first, ROWS[first : first + 1]), row_group_size=store.ROW_GROUP)
    table = pq.read_table(tmp_path / "rows.parquet")
    assert back(table) == [row._replace(lang="") for row in ROWS]
    assert table.column("rid").to_pylist() == [0, 1, 2]


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        with store.parquet(tmp_path / name, store.ROWS) as writer:
            writer.write_table(store.rows_table(0, ROWS * 1000), row_group_size=store.ROW_GROUP)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_file_of_no_rows_has_the_columns(tmp_path: Path) -> None:
    with store.parquet(tmp_path / "rows.parquet", store.ROWS) as writer:
        writer.write_table(store.rows_table(0, []))
    table = pq.read_table(tmp_path / "rows.parquet")
    assert (table.num_rows, table.schema.names) == (0, store.ROWS.names)


def test_a_file_is_there_when_all_is_written(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), store.parquet(tmp_path / "rows.parquet", store.ROWS) as writer:
        writer.write_table(store.rows_table(0, ROWS))
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_ids_have_statistics_by_which_readers_skip_row_groups(tmp_path: Path) -> None:
    with store.parquet(tmp_path / "rows.parquet", store.ROWS) as writer:
        writer.write_table(store.rows_table(100, ROWS * 4), row_group_size=6)
    metadata = pq.ParquetFile(tmp_path / "rows.parquet").metadata
    column = store.ROWS.names.index("rid")
    ranges = [metadata.row_group(group).column(column).statistics for group in range(metadata.num_row_groups)]
    assert [(each.min, each.max) for each in ranges] == [(100, 105), (106, 111)]


# Facts -------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(ROW)
def test_the_size_of_a_row_is_that_of_all_its_text_but_the_rejected_answer(row: Row) -> None:
    texts = [*row[:3], row.system, *(part for turn in row.history for part in turn)]
    assert facts([row]).column("bytes").to_pylist() == [sum(len(text.encode()) for text in texts)]


def test_tokens_are_estimated_by_bytes_rounded_up() -> None:
    rows = [Row("", "", "x" * size) for size in (0, 1, 4, 5)]
    assert facts(rows).column("tokens").to_pylist() == [0, 1, 1, 2]


def test_a_table_of_facts_has_their_ids_languages_and_verdicts() -> None:
    table = store.facts_table(5, [store.encoded(row) for row in ROWS], ["", "echo", ""], ["en", "en", "de"])
    assert table.schema == store.FACTS
    assert table.select(["rid", "lang", "verdict"]).to_pylist() == [
        {"rid": 5, "lang": "en", "verdict": ""},
        {"rid": 6, "lang": "en", "verdict": "echo"},
        {"rid": 7, "lang": "de", "verdict": ""},
    ]


@settings(deadline=None)
@given(st.lists(ROW, max_size=40))
def test_facts_are_in_parts_by_their_keys_and_in_each_in_the_order_of_ids(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> None:
    path = tmp_path_factory.mktemp("facts") / "facts.parquet"
    half = len(rows) // 2
    store.write_facts(path, [facts(rows[:half]), facts(rows[half:], half)])
    parts = [store.read_facts(path, part) for part in range(store.PARTS)]
    for number, part in enumerate(parts):
        assert all(key[0] >> 4 == number for key in part.column("key").to_pylist())
        assert part.column("rid").to_pylist() == sorted(part.column("rid").to_pylist())
        assert store.key_bytes(part).tobytes() == b"".join(part.column("key").to_pylist())
    found = {line["rid"]: line["key"] for part in parts for line in part.to_pylist()}
    assert found == {number: store.keys_of([store.encoded(row)])[0] for number, row in enumerate(rows)}


def test_equal_rows_of_two_sources_are_in_the_same_part(tmp_path: Path) -> None:
    for name, rows in (("a", ROWS), ("b", [LAMP._replace(instruction=" show  A SUN ")])):
        store.write_facts(tmp_path / name, [facts(rows)])
    part = store.keys_of([store.encoded(LAMP)])[0][0] >> 4
    keys_in = [set(store.read_facts(tmp_path / name, part).column("key").to_pylist()) for name in ("a", "b")]
    assert keys_in[0] & keys_in[1] == {store.keys_of([store.encoded(LAMP)])[0]}


def test_how_facts_are_handed_over_does_not_change_the_bytes(tmp_path: Path) -> None:
    rows = [Row(f"Show {number}", "", "It is lit.") for number in range(100)]
    store.write_facts(tmp_path / "a", [facts(rows)])
    store.write_facts(tmp_path / "b", [facts(rows[:30]), facts(rows[30:70], 30), facts(rows[70:], 70)])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_keys_of_a_slice_are_those_of_its_rows() -> None:
    table = facts(ROWS)
    assert store.key_bytes(table.slice(1, 2)).tobytes() == b"".join(
        store.keys_of([store.encoded(row)])[0] for row in ROWS[1:]
    )
    assert store.key_bytes(table.slice(3)).shape == (0, keys.BYTES)


@pytest.mark.parametrize("content", [None, b"", b"PAR1", b"rows"])
def test_facts_that_are_none_are_a_mistake_that_says_what_makes_them(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "facts.parquet").write_bytes(content)
    with pytest.raises(UserError, match=r"facts\.parquet: not facts of a source \(.*dvc repro corpus_sources"):
        store.read_facts(tmp_path / "facts.parquet", 0)


def test_facts_with_too_few_parts_are_a_mistake(tmp_path: Path) -> None:
    pq.write_table(facts(ROWS), tmp_path / "facts.parquet")
    with pytest.raises(UserError, match="not facts of a source"):
        store.read_facts(tmp_path / "facts.parquet", 15)
