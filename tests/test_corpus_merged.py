"""The stage corpus_merged: who stays, why the others do not, and that nobody is lost."""

import json

import polars as pl
import pytest

from tests.corpus.toy_corpus import add_source, fates, made, merge, rows, stage_source, tree_bytes, write_params


def manifest(folder):
    return json.loads((folder / "merged" / "manifest.json").read_text())


def test_of_equal_rows_the_one_of_the_source_with_the_smaller_priority_stays(tmp_path):
    add_source(tmp_path, "early", rows("one", "two"), priority=2)
    add_source(tmp_path, "aaa_late", rows("two", "three"), priority=9)
    made(tmp_path)
    assert fates(tmp_path) == [
        ("early", "kept"), ("early", "kept"), ("aaa_late", "duplicate"), ("aaa_late", "kept"),
    ]  # fmt: skip


def test_a_duplicate_names_the_row_that_stays_instead(tmp_path):
    add_source(tmp_path, "a", rows("one", "two", "one"))
    index = pl.read_parquet(made(tmp_path) / "merged" / "index.parquet")
    first, _, again = index.to_dicts()
    assert again["of"] == first["rid"]
    assert first["of"] is None


def test_case_and_white_space_make_no_other_row_but_words_do(tmp_path):
    row = rows("one")[0]
    louder = {**row, "instruction": "  SAY\n one. "}
    other = {**row, "output": "You said: one."}
    add_source(tmp_path, "a", [row, louder, other])
    assert [fate for _, fate in fates(made(tmp_path))] == ["kept", "duplicate", "kept"]


def test_text_that_moves_to_the_next_field_makes_another_row(tmp_path):
    one = {"instruction": "Add up:", "input": "1 2", "output": "That is three."}
    other = {"instruction": "Add up: 1", "input": "2", "output": "That is three."}
    add_source(tmp_path, "a", [one, other])
    assert [fate for _, fate in fates(made(tmp_path))] == ["kept", "kept"]


def test_seen_is_kept_and_rejected_and_removed_for_each_source(tmp_path):
    bad = {"instruction": "x", "input": "", "output": ""}
    add_source(tmp_path, "a", [*rows("one", "two", "two"), bad])
    add_source(tmp_path, "b", [*rows("two", "three"), bad, bad])
    told = manifest(made(tmp_path))
    for source in told["sources"].values():
        assert source["items"] == sum(source["rejected"].values()) + sum(source["fates"].values())
    assert told["seen"] == 8 == told["rejected_before"] + sum(fate["rows"] for fate in told["fates"].values())
    assert told["rows"] == 3


def test_rows_of_an_unwanted_licence_stay_out_and_oust_nobody(tmp_path):
    add_source(tmp_path, "a", rows("one"), licence="CC-BY-NC-4.0")
    add_source(tmp_path, "b", rows("one"))
    made(tmp_path, corpus_merged={"exclude_licences": ["CC-BY-NC-4.0"]})
    assert fates(tmp_path) == [("a", "licence"), ("b", "kept")]
    assert manifest(tmp_path)["licences"].keys() == {"MIT"}


def test_a_cap_keeps_the_first_rows_that_would_stay(tmp_path):
    add_source(tmp_path, "a", rows("one", "one", "two", "three"))
    made(tmp_path, corpus_merged={"caps": {"a": 2}})
    assert [fate for _, fate in fates(tmp_path)] == ["kept", "duplicate", "kept", "over_cap"]


def test_a_source_that_is_no_longer_declared_is_not_read_though_its_folder_is_there(tmp_path):
    add_source(tmp_path, "a", rows("one"))
    add_source(tmp_path, "b", rows("two"))
    made(tmp_path)
    write_params(tmp_path, corpus_sources={"sources": ["b"]})
    assert merge(tmp_path).exit_code == 0
    assert fates(tmp_path) == [("b", "kept")]


def test_one_worker_and_two_write_the_same_bytes(tmp_path, monkeypatch):
    add_source(tmp_path, "a", rows(*map(str, range(300))))
    add_source(tmp_path, "b", rows(*map(str, range(200, 400))))
    written = []
    monkeypatch.setattr("stages.corpus.rows.tasks.WORTH_S", 0)
    for workers in ("1", "2"):
        monkeypatch.setenv("LAMPFORGE_WORKERS", workers)
        made(tmp_path)
        written.append(tree_bytes(tmp_path / "merged"))
    assert written[0] == written[1]


def test_the_logical_hash_changes_with_the_content_and_not_with_the_order_of_sources(tmp_path):
    hashes = []
    for folder, priorities in (("one", (1, 2)), ("two", (2, 1))):
        add_source(tmp_path / folder, "a", rows("one", "two"), priority=priorities[0])
        add_source(tmp_path / folder, "b", rows("two", "three"), priority=priorities[1])
        hashes.append(manifest(made(tmp_path / folder))["logical_hash"])
    assert hashes[0] == hashes[1]
    add_source(tmp_path / "two", "b", rows("four"), priority=1)
    assert manifest(made(tmp_path / "two"))["logical_hash"] != hashes[0]


def test_a_source_without_rows_takes_part(tmp_path):
    add_source(tmp_path, "a", b"")
    add_source(tmp_path, "b", rows("one"))
    assert fates(made(tmp_path)) == [("b", "kept")]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"caps": {"nobody": 1}}, "no source 'nobody'"),
        ({"caps": {"a": -1}}, "-1 is negative"),
        ({"exclude_licences": ["GPL-2.0"]}, "no source has 'GPL-2.0'; there are MIT"),
    ],
)
def test_a_parameter_of_no_source_is_one_clear_line(tmp_path, section, said):
    add_source(tmp_path, "a", rows("one"))
    write_params(tmp_path, corpus_merged=section)
    stage_source(tmp_path, "a")
    done = merge(tmp_path)
    assert done.exit_code == 2
    assert said in done.output


def test_two_sources_of_one_priority_are_one_clear_line(tmp_path):
    add_source(tmp_path, "a", rows("one"), priority=5)
    add_source(tmp_path, "b", rows("two"), priority=5)
    write_params(tmp_path)
    for key in ("a", "b"):
        stage_source(tmp_path, key)
    done = merge(tmp_path)
    assert done.exit_code == 2
    assert "a and b have priority 5" in done.output
