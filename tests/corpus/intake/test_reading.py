"""Whatever a file holds, each of its records comes out once, in order, as a record or as a reject with its reason."""

from __future__ import annotations

import datetime
import decimal
import gzip
import io
import sys
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.corpus.intake import reading
from stages.corpus.intake.reading import Shard, records, records_and_lines, shards
from stages.corpus.rows.row import Reason, Reject
from stages.errors import UserError

ROWS = [{"a": 1}, {"a": "zwei"}, {"a": None}]
LINES = b'{"a": 1}\n{"a": "zwei"}\n{"a": null}\n'


def packed(data: bytes, packing: str) -> bytes:
    if packing == ".gz":
        return gzip.compress(data, mtime=0)
    return zstandard.compress(data) if packing == ".zst" else data


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(packed(data, path.suffix))
    return path


def read(folder: Path, name: str, data: bytes, columns: tuple[str, ...] = ()) -> list[Any]:
    return list(records(Shard(written(folder, name, data)), columns))


def reasons(found: list[Any]) -> list[Any]:
    """Records as they are, rejects by their reasons."""
    return [each.reason if isinstance(each, Reject) else each for each in found]


# Formats -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (".jsonl", LINES),
        (".ndjson", LINES),
        (".json", LINES),
        (".json", b'[{"a": 1},\n{"a": "zwei"}, {"a": null}]'),
        (".json", b' \n [{"a": 1}, {"a": "zwei"}, {"a": null} ]\n'),
    ],
)
def test_json_lines_and_arrays_are_read_plain_and_packed(tmp_path: Path, kind: str, data: bytes, packing: str) -> None:
    assert read(tmp_path, f"rows{kind}{packing}", data) == ROWS


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
def test_a_json_file_with_one_object_is_one_record(tmp_path: Path, packing: str) -> None:
    assert read(tmp_path, f"rows.json{packing}", b'{"a":\n {"b":\n 1}}\n') == [{"a": {"b": 1}}]


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
def test_csv_has_the_names_of_its_header(tmp_path: Path, packing: str) -> None:
    data = b'question,answer\nWho?,"He, ""they"" say"\nWhat?,"two\nlines"\n'
    found = read(tmp_path, f"rows.csv{packing}", data)
    assert found == [{"question": "Who?", "answer": 'He, "they" say'}, {"question": "What?", "answer": "two\nlines"}]


def test_csv_without_a_header_has_the_names_that_are_given(tmp_path: Path) -> None:
    found = read(tmp_path, "rows.csv", b"Who?,he\nWhat?,it", ("question", "answer"))
    assert found == [{"question": "Who?", "answer": "he"}, {"question": "What?", "answer": "it"}]


def test_upper_case_suffixes_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "ROWS.JSONL").write_bytes(LINES)
    assert list(records(Shard(tmp_path / "ROWS.JSONL"))) == ROWS


@pytest.mark.parametrize("name", ["rows.txt", "rows", "rows.parquet.gz", "rows.tar.gz", "rows.gz", "rows.jsonl.bz2"])
def test_another_format_is_a_mistake_that_names_the_ones_that_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(UserError, match=r"rows.*not a format that is read; take \.jsonl"):
        list(records(Shard(tmp_path / name)))
    with pytest.raises(UserError, match="not a format that is read"):
        shards([tmp_path / name], whole_files=False)


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
@pytest.mark.parametrize("kind", [".jsonl", ".json", ".csv"])
@pytest.mark.parametrize("data", [b"", b"\n", b" \r\n\n", b"\xef\xbb\xbf"])
def test_a_file_with_nothing_in_it_has_no_records(tmp_path: Path, kind: str, packing: str, data: bytes) -> None:
    assert [each for each in read(tmp_path, f"rows{kind}{packing}", data) if each] == []


def test_a_zst_file_without_a_byte_has_no_records(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl.zst").write_bytes(b"")
    assert list(records(Shard(tmp_path / "rows.jsonl.zst"))) == []


def test_several_frames_and_members_are_read_as_one_file(tmp_path: Path) -> None:
    parts = [line + b"\n" for line in LINES.splitlines()]
    (tmp_path / "rows.jsonl.zst").write_bytes(b"".join(map(zstandard.compress, parts)))
    (tmp_path / "rows.jsonl.gz").write_bytes(b"".join(map(gzip.compress, parts)))
    assert list(records(Shard(tmp_path / "rows.jsonl.zst"))) == ROWS
    assert list(records(Shard(tmp_path / "rows.jsonl.gz"))) == ROWS


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b" \n"])
def test_an_array_may_stand_behind_a_byte_order_mark_and_spaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bytes
) -> None:
    data = before + b'[{"a": 1}, {"a": "zwei"}, {"a": null}]'
    assert read(tmp_path, "rows.json", data) == ROWS
    monkeypatch.setattr(reading, "_ARRAY_AT_ONCE", 8)
    assert read(tmp_path, "rows.json", data) == ROWS


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
def test_a_large_array_is_read_element_by_element(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packing: str
) -> None:
    values = [{"a": number, "b": 0.5, "c": ["x" * 90]} for number in range(2000)]
    monkeypatch.setattr(reading, "_ARRAY_AT_ONCE", 1000)
    assert read(tmp_path, f"rows.json{packing}", orjson.dumps([*values, 7])) == [
        *values,
        Reject(Reason.NOT_AN_OBJECT, "int: 7"),
    ]


def test_an_array_larger_than_a_read_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A packed stream gives less than is asked for at once.
    values = [{"a": f"{number:0200}"} for number in range(30_000)]
    assert read(tmp_path, "rows.json.zst", orjson.dumps(values)) == values


# Line ends, and where text begins and ends -------------------------------------------------------------------


@pytest.mark.parametrize("kind", [".jsonl", ".json"])
@pytest.mark.parametrize(
    "data",
    [
        LINES.replace(b"\n", b"\r\n"),
        LINES.rstrip(b"\n"),
        b"\n\n" + LINES.replace(b"\n", b"\n \t\r\n\n"),
        b"\xef\xbb\xbf" + LINES,
        b"   " + LINES,
    ],
    ids=["CRLF", "no final newline", "blank lines", "BOM", "spaces"],
)
def test_line_ends_and_blank_lines_are_no_records(tmp_path: Path, kind: str, data: bytes) -> None:
    assert read(tmp_path, f"rows{kind}", data) == ROWS


@pytest.mark.parametrize("kind", [".json", ".csv"])
def test_a_byte_order_mark_is_no_text(tmp_path: Path, kind: str) -> None:
    data = b"\xef\xbb\xbf" + (b'[{"a": "1"}]' if kind == ".json" else b"a\r\n1")
    assert read(tmp_path, f"rows{kind}", data) == [{"a": "1"}]


@pytest.mark.parametrize("char", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\r", "\ufeff", "\x1c"])
def test_only_a_line_feed_ends_a_line(tmp_path: Path, char: str) -> None:
    text = f"one{char}two"
    escaped = text if char in "\u2028\u2029\x85\ufeff" else text.replace(char, f"\\u{ord(char):04x}")
    assert read(tmp_path, "rows.jsonl", f'{{"a": "{escaped}"}}\n'.encode()) == [{"a": text}]


# Hostile text ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [".jsonl", ".json"])
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"a": "x\x00y"}', Reason.NOT_JSON),
        (b'{"a": "\\ud800"}', Reason.BAD_UNICODE),
        (b'{"a": "\xff\xfe"}', Reason.BAD_UNICODE),
        (b'{"a": "\xed\xa0\x80"}', Reason.BAD_UNICODE),
        (b'{"a": 1', Reason.NOT_JSON),
        (b'{"a": 1}}', Reason.NOT_JSON),
        (b'{"a": NaN}', Reason.NOT_JSON),
        (b'{"a": 1e999}', Reason.NOT_JSON),
        (b"{'a': 1}", Reason.NOT_JSON),
        (b"[" * 10_000 + b"]" * 10_000, Reason.NOT_JSON),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, Reason.NOT_JSON),
        (b"[" * 900 + b"]" * 900, Reason.NOT_AN_OBJECT),
        (b"[1, 2]", Reason.NOT_AN_OBJECT),
        (b'"text"', Reason.NOT_AN_OBJECT),
        (b"null", Reason.NOT_AN_OBJECT),
        (b"1", Reason.NOT_AN_OBJECT),
        (b"\xef\xbb\xbf[1]", Reason.NOT_AN_OBJECT),
    ],
)
def test_a_line_that_is_no_record_is_one_reject_and_the_next_is_read(
    tmp_path: Path, kind: str, line: bytes, reason: Reason
) -> None:
    found = read(tmp_path, f"rows{kind}", b'{"a": 0}\n' + line + b'\n{"a": 2}\n')
    assert reasons(found) == [{"a": 0}, reason, {"a": 2}]
    assert found[1].detail
    assert len(found[1].detail) < 300


@pytest.mark.parametrize("first", [b'{"a": "\x00"}', b'{"a": 1', b"[1", b"# rows"])
def test_a_first_line_that_is_broken_does_not_make_the_file_one_record(tmp_path: Path, first: bytes) -> None:
    if first.startswith(b"["):
        with pytest.raises(UserError, match="not JSON"):  # it says that the file is an array
            read(tmp_path, "rows.json", first + b"\n" + LINES)
    else:
        assert reasons(read(tmp_path, "rows.json", first + b"\n" + LINES)) == [Reason.NOT_JSON, *ROWS]


@pytest.mark.parametrize("text", [b'{\n"a":\n{}\n}', b'{\n  "a": 1\n}', b'{ "a": [\n{"b": 1}\n]\n}'])
def test_an_object_over_several_lines_is_one_record(tmp_path: Path, text: bytes) -> None:
    assert read(tmp_path, "rows.json", text) == [orjson.loads(text)]


def test_an_object_that_is_cut_off_is_one_reject(tmp_path: Path) -> None:
    assert reasons(read(tmp_path, "rows.json", b'{\n "a": {\n  "b": 1\n')) == [Reason.NOT_JSON]


def test_a_lone_surrogate_costs_no_array(tmp_path: Path) -> None:
    bad = b'{"a": "\\ud83d"}, {"\\ud83d": 1}'
    data = b'[{"a": 1}, %s, {"b": 123456789012345678901234567890, "a": "\xc3\xbc"}]' % bad
    found = reasons(read(tmp_path, "rows.json", data))
    assert found == [{"a": 1}, Reason.BAD_UNICODE, Reason.BAD_UNICODE, {"b": 1.2345678901234568e29, "a": "\u00fc"}]


def test_a_number_that_is_too_large_costs_no_large_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_ARRAY_AT_ONCE", 4)
    found = reasons(read(tmp_path, "rows.json", b'[{"a": 1%s}, {"a": 2}]' % (b"0" * 400)))
    assert found == [Reason.NOT_JSON, {"a": 2}]


def test_an_escaped_nul_is_text(tmp_path: Path) -> None:
    assert read(tmp_path, "rows.jsonl", b'{"a": "x\\u0000y"}') == [{"a": "x\0y"}]


def test_of_equal_keys_the_last_one_holds(tmp_path: Path) -> None:
    assert read(tmp_path, "rows.jsonl", b'{"a": 1, "a": 2}') == [{"a": 2}]


def test_numbers_beyond_64_bits_are_read_as_floating_point(tmp_path: Path) -> None:
    large = b'{"a": 123456789012345678901234567890, "b": 18446744073709551615, "c": -9223372036854775808}'
    (found,) = read(tmp_path, "rows.jsonl", large)
    assert found == {"a": 1.2345678901234568e29, "b": 2**64 - 1, "c": -(2**63)}
    assert isinstance(found["a"], float)


def test_numbers_beyond_64_bits_are_read_in_large_arrays_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_ARRAY_AT_ONCE", 4)
    assert read(tmp_path, "rows.json", b'[{"a": 123456789012345678901234567890}, {"b": 1.5}]')[1] == {"b": 1.5}


def test_objects_nested_as_deep_as_python_goes_are_records(tmp_path: Path) -> None:
    deep = b'{"a":' * 500 + b"1" + b"}" * 500
    assert len(read(tmp_path, "rows.jsonl", deep + b"\n" + deep)) == 2


@pytest.mark.parametrize("size", [99, 100, 101, 250, 1000])
@pytest.mark.parametrize("block", [16, 64, 4 << 20])
def test_a_line_that_is_too_long_is_a_reject_that_says_how_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, block: int
) -> None:
    monkeypatch.setattr(reading, "MAX_LINE", 100)
    monkeypatch.setattr(reading, "_BLOCK", block)
    line = b'{"a": "%s"}' % (b"x" * (size - 9))
    assert len(line) == size
    found = read(tmp_path, "rows.jsonl", b'{"a": 0}\n' + line + b'\n{"a": 2}')
    assert reasons(found) == [{"a": 0}, Reason.LINE_TOO_LONG if size > 100 else orjson.loads(line), {"a": 2}]


def test_a_line_that_is_too_long_may_be_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_LINE", 100)
    monkeypatch.setattr(reading, "_BLOCK", 32)
    assert reasons(read(tmp_path, "rows.jsonl", b"{}\n" + b"x" * 500)) == [{}, Reason.LINE_TOO_LONG]


def test_a_long_line_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = []
    monkeypatch.setattr(reading, "MAX_LINE", 1 << 16)
    monkeypatch.setattr(reading, "_BLOCK", 1 << 12)
    stream = io.BytesIO(b"x" * (20 << 20) + b"\n{}")
    for line, length in reading._split(stream):
        held.append((len(line), length))
    assert held[0][1] == 20 << 20
    assert max(size for size, _ in held) <= (1 << 16) + (1 << 12)
    assert held[1] == (2, 2)


# CSV ---------------------------------------------------------------------------------------------------------


def test_csv_keeps_nul_bytes_and_rejects_what_is_not_utf_8(tmp_path: Path) -> None:
    found = read(tmp_path, "rows.csv", b"a,b\nx\x00y,1\n\xff\xfe,2\nz,3\n")
    assert reasons(found) == [{"a": "x\0y", "b": "1"}, Reason.BAD_UNICODE, {"a": "z", "b": "3"}]
    assert "line 3" in found[1].detail


def test_csv_rows_may_have_too_few_and_too_many_fields(tmp_path: Path) -> None:
    found = read(tmp_path, "rows.csv", b"a,b\n1\n1,2,3,4\n\n5,6\n")
    assert found == [{"a": "1", "b": None}, {"a": "1", "b": "2", None: ["3", "4"]}, {"a": "5", "b": "6"}]


def test_bad_utf_8_behind_the_last_column_is_a_reject(tmp_path: Path) -> None:
    assert reasons(read(tmp_path, "rows.csv", b"a\n1,\xff\n2\n")) == [Reason.BAD_UNICODE, {"a": "2"}]


def test_bad_utf_8_in_a_header_is_a_reject_of_each_row(tmp_path: Path) -> None:
    assert reasons(read(tmp_path, "rows.csv", b"a\xff,b\n1,2\n3,4\n")) == [Reason.BAD_UNICODE, Reason.BAD_UNICODE]


def test_a_csv_field_that_is_too_long_is_a_reject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_LINE", 100)
    found = read(tmp_path, "rows.csv", b"a,b\n1,2\n" + b"x" * 500 + b",3\n4,5\n")
    assert found[0] == {"a": "1", "b": "2"}
    assert found[-1] == {"a": "4", "b": "5"}
    assert [each.reason for each in found if isinstance(each, Reject)] == [Reason.NOT_JSON]


def test_csv_line_ends_may_be_mixed(tmp_path: Path) -> None:
    assert read(tmp_path, "rows.csv", b"a,b\r\n1,2\n3,4\r5,6") == [
        {"a": "1", "b": "2"},
        {"a": "3", "b": "4"},
        {"a": "5", "b": "6"},
    ]


def test_a_quote_that_is_never_closed_takes_the_rest(tmp_path: Path) -> None:
    assert read(tmp_path, "rows.csv", b'a,b\n"1,2\n3,4\n') == [{"a": "1,2\n3,4\n", "b": None}]


# Parquet -----------------------------------------------------------------------------------------------------


def test_parquet_columns_may_have_any_type(tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": pa.array(["a", None, "c"]),
            "large": pa.array(["a", "b", "c"], pa.large_string()),
            "label": pa.array(["x", "x", "y"]).dictionary_encode(),
            "number": pa.array([1, 2, None], pa.int8()),
            "bytes": pa.array([b"\xff", b"", None]),
            "time": pa.array([datetime.datetime(2024, 5, 6), None, None], pa.timestamp("us")),
            "price": pa.array([decimal.Decimal("1.50"), None, None]),
            "turns": pa.array([[{"role": "user", "content": "hi"}], [], None]),
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    found = list(records(Shard(tmp_path / "rows.parquet")))
    assert found[0] == {
        "text": "a",
        "large": "a",
        "label": "x",
        "number": 1,
        "bytes": b"\xff",
        "time": datetime.datetime(2024, 5, 6),
        "price": decimal.Decimal("1.50"),
        "turns": [{"role": "user", "content": "hi"}],
    }
    assert [each["text"] for each in found if isinstance(each, dict)] == ["a", None, "c"]


def test_parquet_rows_come_in_order_over_all_row_groups(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": range(5000)}), tmp_path / "rows.parquet", row_group_size=700)
    assert list(records(Shard(tmp_path / "rows.parquet"))) == [{"a": number} for number in range(5000)]


def test_text_in_parquet_that_is_not_utf_8_is_a_reject(tmp_path: Path) -> None:
    lengths = pa.py_buffer(bytes([0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0]))
    bad = pa.Array.from_buffers(pa.string(), 3, [None, lengths, pa.py_buffer(b"x\xff\xfey")])
    pq.write_table(pa.table({"a": bad}), tmp_path / "rows.parquet")
    assert reasons(list(records(Shard(tmp_path / "rows.parquet")))) == [{"a": "x"}, Reason.BAD_UNICODE, {"a": "y"}]


def test_times_that_python_does_not_know_are_rejects(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([0, 10**17, 1000], pa.timestamp("ms"))})
    pq.write_table(table, tmp_path / "rows.parquet")
    found = reasons(list(records(Shard(tmp_path / "rows.parquet"))))
    assert found == [
        {"a": datetime.datetime(1970, 1, 1)},
        Reason.WRONG_TYPE,
        {"a": datetime.datetime(1970, 1, 1, 0, 0, 1)},
    ]


@pytest.mark.parametrize("keep", [0, 3, 0.5, 0.999])
def test_parquet_that_is_cut_off_is_a_mistake_that_says_what_to_do(tmp_path: Path, keep: float) -> None:
    pq.write_table(pa.table({"a": [str(number) for number in range(10_000)]}), tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "rows.parquet").write_bytes(whole[: keep if isinstance(keep, int) else int(keep * len(whole))])
    with pytest.raises(UserError, match=r"rows\.parquet: not Parquet that can be read \(.*\); fetch the file again"):
        list(records(Shard(tmp_path / "rows.parquet")))


def test_parquet_with_broken_pages_is_a_mistake(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [str(number) for number in range(10_000)]}), tmp_path / "rows.parquet")
    data = bytearray((tmp_path / "rows.parquet").read_bytes())
    data[100:4000] = b"\x5a" * 3900
    (tmp_path / "rows.parquet").write_bytes(data)
    with pytest.raises(UserError, match="not Parquet that can be read"):
        list(records(Shard(tmp_path / "rows.parquet")))


# Files that are broken ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rows.jsonl.gz", "rows.json.gz", "rows.csv.gz", "rows.jsonl.zst", "rows.json.zst"])
@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
def test_a_packed_file_that_is_cut_off_is_a_mistake(tmp_path: Path, name: str, keep: float) -> None:
    lines = [orjson.dumps({"a": f"{number * 7919 % 100_003:x}"}) for number in range(20_000)]
    data = b"[" + b",".join(lines) + b"]" if ".json." in name else b"\n".join(lines)
    whole = packed(data, Path(name).suffix)
    (tmp_path / name).write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(UserError, match=r"rows\..*: cut off or corrupt \(.*\); fetch the file again"):
        list(records(Shard(tmp_path / name)))
    with pytest.raises(UserError, match="cut off or corrupt"):
        list(records_and_lines(Shard(tmp_path / name)))


@pytest.mark.parametrize("packing", [".gz", ".zst"])
@pytest.mark.parametrize("data", [b"{}\n", b"\x1f\x8b\x08garbage", b"\x28\xb5\x2f\xfdgarbage"])
def test_a_file_that_is_not_packed_as_its_name_says_is_a_mistake(tmp_path: Path, packing: str, data: bytes) -> None:
    (tmp_path / f"rows.jsonl{packing}").write_bytes(data)
    with pytest.raises(UserError, match="cut off or corrupt"):
        list(records(Shard(tmp_path / f"rows.jsonl{packing}")))


def test_a_packed_file_with_a_flipped_byte_is_a_mistake(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(LINES * 1000))
    whole[len(whole) // 2] ^= 0xFF
    (tmp_path / "rows.jsonl.gz").write_bytes(whole)
    with pytest.raises(UserError, match="cut off or corrupt"):
        list(records(Shard(tmp_path / "rows.jsonl.gz")))


@pytest.mark.parametrize("size", [1 << 28, 4])
def test_an_array_that_is_cut_off_is_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(reading, "_ARRAY_AT_ONCE", size)
    with pytest.raises(UserError, match=r"rows\.json: not JSON \(.*\); fetch the file again"):
        read(tmp_path, "rows.json", b'[{"a": 1}, {"a": ')


def test_a_file_that_is_no_longer_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(records(Shard(tmp_path / "rows.jsonl")))


# Lines as they stand -----------------------------------------------------------------------------------------


def test_lines_are_given_as_they_stand_in_the_file(tmp_path: Path) -> None:
    data = b'\xef\xbb\xbf{"a": 1.10, "a": 1e2}\r\n\n  {"b":"\\u00fc", "n": 123456789012345678901234567890}\nno\n'
    found = list(records_and_lines(Shard(written(tmp_path, "rows.jsonl", data))))
    assert [line for _, line in found] == [
        b'{"a": 1.10, "a": 1e2}',
        b'{"b":"\\u00fc", "n": 123456789012345678901234567890}',
        b"no",
    ]
    assert reasons([record for record, _ in found])[::2] == [{"a": 100.0}, Reason.NOT_JSON]


def test_formats_without_lines_give_none(tmp_path: Path) -> None:
    found = list(records_and_lines(Shard(written(tmp_path, "rows.csv", b"1,2\n")), ("a", "b")))
    assert found == [({"a": "1", "b": "2"}, b"")]


# Shards ------------------------------------------------------------------------------------------------------


def test_only_plain_json_lines_are_cut(tmp_path: Path) -> None:
    names = ["rows.jsonl", "rows.ndjson", "rows.json", "rows.csv", "rows.jsonl.gz", "rows.jsonl.zst"]
    files = [written(tmp_path, name, LINES * 10) for name in names]
    cut = {name: len(shards([file], False, 100)) for name, file in zip(names, files, strict=True)}
    assert cut == {name: 4 if name in ("rows.jsonl", "rows.ndjson") else 1 for name in names}
    assert [len(shards([file], True, 100)) for file in files] == [1] * len(files)


def test_shards_of_several_files_come_in_their_order(tmp_path: Path) -> None:
    files = [written(tmp_path, name, LINES) for name in ("b.jsonl", "a.jsonl")]
    found = shards(files, False, 20)
    assert [shard.file.name for shard in found] == ["b.jsonl"] * 2 + ["a.jsonl"] * 2
    assert [each for shard in found for each in records(shard)] == ROWS * 2


def test_a_file_of_exactly_one_shard_is_not_cut(tmp_path: Path) -> None:
    file = written(tmp_path, "rows.jsonl", LINES)
    assert shards([file], False, len(LINES)) == [Shard(file)]
    assert len(shards([file], False, len(LINES) - 1)) == 2


LINE = st.one_of(
    st.dictionaries(st.text(max_size=3), st.text(max_size=20), max_size=3).map(orjson.dumps),
    st.binary(max_size=30).map(lambda data: data.replace(b"\n", b"")),
    st.sampled_from([b"", b" ", b"\r", b"x" * 60, b"{}", "\u2028".encode()]),
)


@settings(deadline=None, max_examples=300)
@given(
    lines=st.lists(LINE, max_size=12),
    end=st.booleans(),
    size=st.integers(1, 80),
    block=st.integers(1, 40),
    longest=st.integers(10, 60),
)
def test_shards_cut_anywhere_give_the_same_lines_as_one(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], end: bool, size: int, block: int, longest: int
) -> None:
    file = tmp_path_factory.mktemp("cut") / "rows.jsonl"
    file.write_bytes(b"\n".join(lines) + (b"\n" if end else b""))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_BLOCK", block)
        patch.setattr(reading, "MAX_LINE", longest)
        whole = list(records_and_lines(Shard(file)))
        cut = [each for shard in shards([file], False, size) for each in records_and_lines(shard)]
    assert cut == whole
    wanted = [line for line in lines if line.strip()]
    assert len(whole) == len(wanted)
    for (record, line), text in zip(whole, wanted, strict=True):
        if len(text) > longest:
            assert isinstance(record, Reject)
            assert record.reason is Reason.LINE_TOO_LONG
        else:
            assert line == text.removeprefix(b"\xef\xbb\xbf").strip()


def test_memory_stays_small_however_large_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "rows.jsonl", b'{"a": "%s"}\n' % (b"x" * 1000) * 20_000)
    largest = max(sys.getsizeof(each["a"]) for each in records(Shard(file)) if isinstance(each, dict))
    assert largest < 2000
