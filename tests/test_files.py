"""Outputs are whole or not there; rows that cannot be read are named by file and line."""

import json
import os

import pytest

from stages import files
from stages.errors import UserError

ROWS = [{"id": "b", "text": "Grüße \u2028 end"}, {"id": "a", "text": ""}]


def breaking(rows):
    yield from rows
    raise RuntimeError("killed")


def listing(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def error_of(reading):
    with pytest.raises(UserError) as caught:
        list(reading)
    message = str(caught.value)
    assert "\n" not in message
    return message


# Publishing ----------------------------------------------------------------------------------------------


def test_rows_come_back_as_they_were_written(tmp_path):
    path = tmp_path / "deep" / "rows.jsonl"
    assert files.write_rows(path, iter(ROWS)) == 2
    assert list(files.read_rows(path)) == ROWS
    assert [list(json.loads(line)) for line in path.read_bytes().split(b"\n")[:-1]] == [["id", "text"]] * 2
    assert "Grüße".encode() in path.read_bytes()


def test_no_rows_are_an_empty_file(tmp_path):
    assert files.write_rows(tmp_path / "rows.jsonl", []) == 0
    assert (tmp_path / "rows.jsonl").read_bytes() == b""


def test_a_stage_killed_while_writing_rows_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError):
        files.write_rows(tmp_path / "rows.jsonl", breaking(ROWS))
    assert listing(tmp_path) == []


def test_a_stage_killed_while_writing_leaves_the_earlier_output_untouched(tmp_path):
    path = tmp_path / "rows.jsonl"
    files.write_rows(path, ROWS)
    before = path.read_bytes()
    with pytest.raises(RuntimeError):
        files.write_rows(path, breaking(ROWS[:1]))
    assert path.read_bytes() == before and listing(tmp_path) == ["rows.jsonl"]


def test_nothing_is_seen_at_the_path_before_all_is_written(tmp_path):
    path = tmp_path / "rows.jsonl"

    def watching():
        for row in ROWS:
            assert not path.exists()
            yield row
        assert not path.exists()

    files.write_rows(path, watching())
    assert path.exists()


def test_a_file_is_synced_before_it_takes_its_name(tmp_path, monkeypatch):
    path = tmp_path / "rows.jsonl"
    seen = []
    monkeypatch.setattr(os, "fsync", lambda handle: seen.append((path.exists(), os.fstat(handle).st_size)))
    files.write_rows(path, ROWS)
    assert seen == [(False, path.stat().st_size)]


def test_a_folder_takes_the_place_of_the_earlier_one_whole(tmp_path):
    folder = tmp_path / "deep" / "out"
    with files.published_folder(folder) as first:
        (first / "old.txt").write_text("old")
    with files.published_folder(folder) as second:
        assert listing(folder) == ["old.txt"]
        (second / "sub").mkdir()
        (second / "sub" / "new.txt").write_text("new")
    assert listing(tmp_path / "deep") == ["out", "out/sub", "out/sub/new.txt"]


def test_a_stage_killed_while_writing_a_folder_leaves_the_earlier_one_untouched(tmp_path):
    folder = tmp_path / "out"
    with files.published_folder(folder) as first:
        (first / "old.txt").write_text("old")
    with pytest.raises(RuntimeError), files.published_folder(folder) as second:
        (second / "new.txt").write_text("new")
        raise RuntimeError("killed")
    assert listing(tmp_path) == ["out", "out/old.txt"]


def test_what_a_killed_process_left_is_not_published_by_the_next(tmp_path):
    left = []
    with pytest.raises(RuntimeError), files.published_folder(tmp_path / "out") as temporary:
        left.append(temporary)
        raise RuntimeError("killed")
    left[0].mkdir()  # a process that is killed hard cannot clean up
    (left[0] / "half.txt").write_text("half")
    with files.published_folder(tmp_path / "out") as temporary:
        (temporary / "whole.txt").write_text("whole")
    assert listing(tmp_path) == ["out", "out/whole.txt"]


def test_every_file_of_a_folder_is_synced(tmp_path, monkeypatch):
    sizes = []
    monkeypatch.setattr(os, "fsync", lambda handle: sizes.append(os.fstat(handle).st_size))
    with files.published_folder(tmp_path / "out") as folder:
        (folder / "sub").mkdir()
        (folder / "one").write_text("1")
        (folder / "sub" / "two").write_text("22")
    assert sorted(sizes) == [1, 2]


# Reading rows --------------------------------------------------------------------------------------------


def test_a_missing_file_says_how_to_make_it(tmp_path):
    message = error_of(files.read_rows(tmp_path / "none.jsonl"))
    assert f"{tmp_path / 'none.jsonl'}: no such file" in message and "dvc repro" in message


def test_a_broken_row_is_named_by_file_and_line_and_blank_lines_count(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": 1}\n\n{"id": \n')
    rows = files.read_rows(path)
    assert next(rows) == {"id": 1}
    message = error_of(rows)
    assert message.startswith(f"{path}:3: not JSON") and '{"id":' in message


def test_a_row_that_is_no_object_is_named_with_its_type(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('["id"]\n')
    assert f"{path}:1: a row must be a JSON object, got list" in error_of(files.read_rows(path))


def test_a_row_without_required_keys_is_named_with_those_it_has(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": 0, "text": null}\n{"text": "x", "n": 1}\n{}\n')
    rows = files.read_rows(path, ("id", "text"))
    assert next(rows) == {"id": 0, "text": None}, "falsy values are there"
    assert f"{path}:2: the row has no id (it has text, n)" in error_of(rows)
    path.write_text("{}\n")
    assert "no id, text (it has no keys)" in error_of(files.read_rows(path, ("id", "text")))


def test_bytes_that_are_no_utf_8_are_named_by_file_and_line(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"id": "\xff"}\n')
    assert error_of(files.read_rows(path)).startswith(f"{path}:1: not JSON")


def test_a_long_broken_row_is_shown_by_its_beginning_only(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": ' + "x" * 5000 + "\n")
    assert len(error_of(files.read_rows(path))) < 400


# JSON files ----------------------------------------------------------------------------------------------


def test_a_json_file_is_indented_keeps_its_keys_order_and_ends_with_a_newline(tmp_path):
    path = tmp_path / "deep" / "value.json"
    files.write_json(path, {"b": 1, "a": [2]})
    assert path.read_text() == '{\n  "b": 1,\n  "a": [\n    2\n  ]\n}\n'
    assert files.read_json(path) == {"b": 1, "a": [2]}


def test_a_json_file_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "value.json"
    with pytest.raises(UserError, match="no such file"):
        files.read_json(path)
    path.write_text("{")
    with pytest.raises(UserError, match=r"value\.json: not JSON"):
        files.read_json(path)
