"""The mark of what is for research alone: found in data, handed on, refused."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages import files
from stages.errors import UserError
from stages.tracking import taint


def parquet(path: Path, mark: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {taint.PARQUET_KEY: mark} if mark else None
    pq.write_table(pa.table({"text": ["a"]}).replace_schema_metadata(metadata), path)


def test_plain_data_and_models_have_no_mark(tmp_path: Path) -> None:
    parquet(tmp_path / "mix" / "part-00000.parquet")
    files.write_json(tmp_path / "report.json", {"mix": {"rows": 1}})
    files.write_json(tmp_path / "lineage.json", {"base": "x"})
    assert taint.of(tmp_path, tmp_path / "mix", tmp_path / "not there") is None
    taint.refuse_tainted(tmp_path, "nothing")


def test_the_mark_is_found_in_a_report_for_all_or_for_one_mix(tmp_path: Path) -> None:
    for report in ({"taint": "research"}, {"one": {"rows": 1}, "other": {"taint": "research"}}):
        files.write_json(tmp_path / "report.json", report)
        assert taint.of(tmp_path) == "research"


def test_the_mark_is_found_in_any_parquet_file_below_whatever_happened_to_the_report(tmp_path: Path) -> None:
    parquet(tmp_path / "mix" / "part-00000.parquet")
    parquet(tmp_path / "mix" / "part-00001.parquet", "research")
    assert taint.of(tmp_path) == taint.of(tmp_path / "mix") == "research"


def test_what_is_written_is_found_again(tmp_path: Path) -> None:
    taint.write(tmp_path, "research")
    assert files.read_json(tmp_path / "taint.json") == {"taint": "research"}
    assert taint.of(tmp_path) == "research"


def test_no_mark_leaves_a_folder_as_it_is(tmp_path: Path) -> None:
    taint.write(tmp_path, None)
    assert list(tmp_path.iterdir()) == []


def test_one_marked_folder_is_enough(tmp_path: Path) -> None:
    for name in ("clean", "marked"):
        (tmp_path / name).mkdir()
    taint.write(tmp_path / "marked", "research")
    assert taint.of(tmp_path / "clean", tmp_path / "marked") == "research"


def test_refusing_says_which_folder_and_what_to_do(tmp_path: Path) -> None:
    taint.write(tmp_path, "research")
    with pytest.raises(UserError) as refused:
        taint.refuse_tainted(tmp_path, "no GGUF file")
    for said in (str(tmp_path), "'research'", "no GGUF file is made of it", "corpus_mixes.research=false"):
        assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("taint.json", b"{}"),
        ("taint.json", b"[1]"),
        ("taint.json", b""),
        ("report.json", b"[]"),
        ("part.parquet", b"PAR1"),
    ],
)
def test_a_mark_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=name):
        taint.of(tmp_path)
