"""`lampforge corpus export`: the rows that stay, whole or filtered, with their text as it was."""

from __future__ import annotations

from pathlib import Path

import orjson
import polars as pl
import pytest
from click.testing import CliRunner

from stages.cli import main
from tests.corpus.toy_corpus import add_source, made, rows, tree_bytes


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    add_source(tmp_path, "talk", rows("one", "two", "one"))
    add_source(tmp_path, "programs", rows("three"), category="code", licence="Apache-2.0")
    turns = [("user", "Hi!"), ("assistant", "Hello\u2028there."), ("user", "And?"), ("assistant", "Nothing.")]
    chat = {"messages": [{"role": role, "content": text} for role, text in turns]}
    add_source(tmp_path, "chats", [chat], family="messages", category="multiturn_dialog")
    return made(tmp_path)


def export(corpus: Path, *more: str, out: str = "export") -> str:
    paths = ["--sources", str(corpus / "sources"), "--merged", str(corpus / "merged")]
    done = CliRunner().invoke(main, ["corpus", "export", str(corpus / out), *paths, *more])
    assert done.exit_code == 0, done.output
    return done.output


def held(corpus: Path, out: str = "export") -> list[dict[str, object]]:
    parts = sorted((corpus / out).glob("part-*"))
    if parts[0].suffix == ".jsonl":
        return [orjson.loads(line) for part in parts for line in part.read_bytes().split(b"\n") if line]
    return pl.concat([pl.read_parquet(part) for part in parts]).to_dicts()


def test_the_whole_corpus_is_what_stays_of_all_sources_in_their_order(corpus: Path) -> None:
    said = export(corpus)
    assert [row["instruction"] for row in held(corpus)] == ["Say one.", "Say two.", "Say three.", "And?"]
    assert "4 rows in 3 parts" in said


def test_a_row_has_its_text_its_turns_and_where_it_is_from(corpus: Path) -> None:
    export(corpus, "--source", "chats")
    [row] = held(corpus)
    assert (row["instruction"], row["output"]) == ("And?", "Nothing.")
    assert row["history"] == [["Hi!", "Hello\u2028there."]]
    assert (row["_source"], row["_category"], row["_license"]) == ("chats", "multiturn_dialog", "MIT")


def test_json_lines_hold_the_same_rows_as_parquet(corpus: Path) -> None:
    export(corpus)
    export(corpus, "--format", "jsonl", out="lines")
    for name in ("instruction", "input", "output", "history", "system", "_id", "_source", "_license"):
        assert [row[name] for row in held(corpus)] == [row[name] for row in held(corpus, "lines")], name


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        (["--category", "code"], {"programs"}),
        (["--licence", "MIT"], {"talk", "chats"}),
        (["--source", "talk", "--source", "chats", "--category", "instruction"], {"talk"}),
    ],
)
def test_filters_hold_together(corpus: Path, wanted: list[str], kept: set[str]) -> None:
    export(corpus, *wanted)
    assert {row["_source"] for row in held(corpus)} == kept


def test_one_worker_and_two_write_the_same_bytes(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.corpus.rows.tasks.WORTH_S", 0)
    for workers in ("1", "2"):
        monkeypatch.setenv("LAMPFORGE_WORKERS", workers)
        export(corpus, out=workers)
    assert tree_bytes(corpus / "1") == tree_bytes(corpus / "2")


def test_an_export_replaces_an_earlier_one_and_no_other_folder(corpus: Path) -> None:
    export(corpus)
    export(corpus, "--category", "code")
    assert len(held(corpus)) == 1
    (corpus / "export" / "thesis.txt").write_text("mine")
    paths = ["--sources", str(corpus / "sources"), "--merged", str(corpus / "merged")]
    done = CliRunner().invoke(main, ["corpus", "export", str(corpus / "export"), *paths])
    assert done.exit_code == 2
    assert "holds thesis.txt" in done.output
    assert (corpus / "export" / "thesis.txt").exists()


def test_a_filter_that_nothing_matches_is_one_clear_line(corpus: Path) -> None:
    paths = ["--sources", str(corpus / "sources"), "--merged", str(corpus / "merged")]
    done = CliRunner().invoke(main, ["corpus", "export", str(corpus / "x"), "--licence", "GPL-3.0", *paths])
    assert done.exit_code == 2
    assert "no source matches" in done.output
