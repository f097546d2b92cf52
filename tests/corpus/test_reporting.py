"""What became of the sources' items, as it is shown: the counts of all, and the reasons and examples of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from stages.corpus.reporting import report
from tests.corpus.toy_corpus import add_source, rows, stage_source, write_params

TOY: dict[str, Any] = {
    "source": "toy", "category": "code", "licence": "MIT", "priority": 5, "unavailable": None, "records": 1234,
    "items": 1300, "kept": 1200, "rejected": {"empty_output": 60, "not_json": 40}, "screened_out": {"too_short": 7},
    "tokens": 5000, "bytes": 20000,
    "examples": [{"instruction": "Show a sun", "history": [["Hi", "Hello"]], "output": "It is\nlit."}],
    "reject_examples": {"empty_output": ["a.jsonl, record 3: nothing answers 'Say it.'"], "not_json": []},
}  # fmt: skip


def put(sources: Path, **changed: Any) -> Path:
    each = TOY | changed
    (sources / each["source"]).mkdir(parents=True)
    (sources / each["source"] / "report.json").write_bytes(orjson.dumps(each))
    return sources


def run(sources: Path, *arguments: str) -> Result:
    return CliRunner().invoke(report, [*arguments, "--sources", str(sources)])


def shown(sources: Path, *arguments: str) -> list[list[str]]:
    """The lines of what is shown, by words."""
    result = run(sources, *arguments)
    assert result.exit_code == 0, result.output
    return [line.split() for line in result.output.splitlines()]


def failed(sources: Path, *arguments: str) -> str:
    result = run(sources, *arguments)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_sources_are_shown_in_the_order_of_their_priorities_with_their_sums(tmp_path: Path) -> None:
    put(tmp_path)
    put(tmp_path, source="first", priority=1, records=1, items=1, kept=1, rejected={}, screened_out={})
    found = shown(tmp_path)
    assert " ".join(found[0]) == "source category licence records items kept rejected screened out"
    assert found[1] == ["first", "code", "MIT", "1", "1", "1", "0", "0"]
    assert found[2] == ["toy", "code", "MIT", "1,234", "1,300", "1,200", "100", "7"]
    assert found[-1] == ["2", "sources", "1,235", "1,301", "1,201", "100", "7"]


def test_a_source_that_could_not_be_had_says_why(tmp_path: Path) -> None:
    put(tmp_path, unavailable="gated: accept the terms", records=0, items=0, kept=0, rejected={}, screened_out={})
    assert shown(tmp_path)[1][-5:] == ["unavailable:", "gated:", "accept", "the", "terms"]
    assert "unavailable: gated: accept the terms" in run(tmp_path, "toy").output


def test_a_source_is_shown_with_its_reasons_and_examples(tmp_path: Path) -> None:
    text = run(put(tmp_path), "toy").output
    assert "toy: code, MIT" in text
    assert "1,234 records, 1,300 items, 1,200 rows; 5,000 tokens, 20,000 bytes" in text
    assert "instruction  Show a sun\n" in text
    assert "history  Hi > Hello\n" in text
    assert "output  It is\\nlit.\n" in text
    assert "rejected: 100 of 1,300\n       60  empty_output\n" in text
    assert "           a.jsonl, record 3: nothing answers 'Say it.'\n       40  not_json\n" in text
    assert "screened out: 7 of 1,200\n        7  too_short\n" in text


def test_examples_are_not_cut_and_not_taken_for_markup(tmp_path: Path) -> None:
    long = "[bold]" + "lamp " * 100 + "end"
    text = run(put(tmp_path, examples=[{"output": long}]), "toy").output
    assert long in text


def test_rows_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    bad = "a\x1b[2Jb\x07c\u202ed\r"
    sources = put(
        tmp_path, licence=bad, unavailable=bad, examples=[{"output": bad}], reject_examples={"not_json": [bad]}
    )
    for arguments in ([], ["toy"]):
        text = run(sources, *arguments).output
        assert not set(text) & set("\x1b\x07\u202e\r")
        assert "a\\x1b[2Jb\\x07c\\u202ed\\r" in text


def test_a_folder_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    put(tmp_path)
    put(tmp_path, source=".other.tmp")
    assert shown(tmp_path)[-1][0] == "1"


def test_what_cannot_be_shown_is_told_in_a_line(tmp_path: Path) -> None:
    assert "no reports of sources; make them: dvc repro corpus_sources" in failed(tmp_path)
    assert "no reports of sources" in failed(tmp_path / "none")
    put(tmp_path)
    assert "no source toi; did you mean toy?" in failed(tmp_path, "toi")
    assert "no source lamps; there are toy" in failed(tmp_path, "lamps")


@pytest.mark.parametrize("content", [b"no", b"[]", b"{}", b'{"source": "x"}'])
def test_a_report_that_is_none_is_named(tmp_path: Path, content: bytes) -> None:
    put(tmp_path)
    (tmp_path / "toy" / "report.json").write_bytes(content)
    assert "report.json: " in failed(tmp_path)


def test_what_the_stage_writes_is_shown(tmp_path: Path) -> None:
    add_source(tmp_path, "lamps", [*rows("one", "two"), {"instruction": "Say it.", "input": "", "output": ""}])
    write_params(tmp_path)
    stage_source(tmp_path, "lamps")
    found = shown(tmp_path / "sources")
    assert found[1][:7] == ["lamps", "instruction", "MIT", "3", "3", "2", "1"]
    assert "empty_output" in run(tmp_path / "sources", "lamps").output
