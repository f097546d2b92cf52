"""A file is sorted by what its rows teach, and split so that no row is lost, changed or counted twice."""

from __future__ import annotations

import gzip
import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner, Result

from stages.corpus import analyzing, splitting
from stages.corpus.analyzing import analyze, bar
from stages.corpus.buckets import Bucket, bucket_of
from stages.corpus.intake.entry import load
from stages.corpus.intake.families.registry import FAMILIES
from stages.corpus.recognising import Schema
from stages.corpus.rows import tasks
from tests.corpus.bucket_samples import REAL, ROOT, SOURCES, bundled

CODE = {"instruction": "Write a Python function that adds.", "input": "", "output": "def add(a, b):\n    return a + b"}
MATHS = {"instruction": "Ana has 3 lamps and buys 4. How many?", "input": "", "output": "3 + 4 = 7\n#### 7"}
STORY = {"instruction": "Write a short story about a lamp.", "input": "", "output": "It was dark. Then it was not."}
FACT = {"instruction": "who lit the first lamp", "input": "", "output": "Ana Roth"}
PLAIN = {"instruction": "Name three rooms that need a lamp.", "input": "", "output": "1. Kitchen\n2. Hall\n3. Cellar"}
ROWS = [CODE, MATHS, PLAIN, STORY, FACT, PLAIN]
WHOLE = {name for name, family in FAMILIES.items() if family.whole_files}
WANTED = {"code": 1, "cot_math": 1, "instruction": 2, "creative": 1, "factual": 1}


def lines(*records: Any) -> bytes:
    return b"".join(orjson.dumps(record) + b"\n" for record in records)


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def run(*arguments: Any) -> Result:
    given = ["--entries", str(SOURCES), "--params", str(ROOT / "params.yaml"), *map(str, arguments)]
    return CliRunner().invoke(analyze, given, catch_exceptions=True)


def split(out: Path, *arguments: Any) -> dict[str, Any]:
    """The manifest of what was split into a folder."""
    result = run(*arguments, "--out", out)
    assert result.exit_code == 0, result.output + result.stderr
    manifest: dict[str, Any] = orjson.loads((out / "manifest.json").read_bytes())
    return manifest


def failed(*arguments: Any) -> str:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.stderr
    assert result.stderr.count("\n") == 1
    return result.stderr


def parts(out: Path) -> dict[str, list[bytes]]:
    return {path.stem: path.read_bytes().splitlines() for path in sorted(out.glob("*.jsonl")) if path.stem != "rejects"}


def rejects(out: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (out / "rejects.jsonl").read_bytes().splitlines()]


# What is written ---------------------------------------------------------------------------------------------


def test_each_row_goes_into_the_part_of_its_bucket_as_it_was_and_in_order(tmp_path: Path) -> None:
    file = put(tmp_path / "rows.jsonl", lines(*ROWS))
    manifest = split(tmp_path / "out", file)
    found = parts(tmp_path / "out")
    assert {name: len(part) for name, part in found.items()} == WANTED
    assert found["code"] == [orjson.dumps(CODE)]
    assert found["instruction"] == [orjson.dumps(PLAIN)] * 2
    assert Counter(line for part in found.values() for line in part) == Counter(file.read_bytes().splitlines())
    assert {name: part["rows"] for name, part in manifest["buckets"].items() if part["rows"]} == WANTED


def test_lines_keep_what_a_record_cannot_hold(tmp_path: Path) -> None:
    odd = b'{"instruction":"Add.", "input":"",  "output":"\\u00fc", "n": 123456789012345678901234567890, "n":1.10}'
    out = tmp_path / "out"
    split(out, put(tmp_path / "rows.jsonl", b"\xef\xbb\xbf" + odd + b"\r\n\n" + odd))
    assert parts(out)["instruction"] == [odd, odd]


def test_the_manifest_says_what_there_is_where_it_came_from_and_why(tmp_path: Path) -> None:
    out = tmp_path / "out"
    file = put(tmp_path / "rows.jsonl", lines(*ROWS, {"instruction": "Say it.", "input": "", "output": ""}, 7))
    manifest = split(out, file)
    assert (manifest["records"], manifest["rows"]) == (8, 6)
    assert manifest["rejected"] == {"empty_output": 1, "not_an_object": 1}
    assert list(manifest["buckets"]) == [bucket.value for bucket in Bucket]
    assert manifest["buckets"]["red_team"] == {"rows": 0, "percent": 0.0, "bytes": 0, "rules": {}}
    code = manifest["buckets"]["code"]
    written = (out / "code.jsonl").read_bytes()
    assert code == {
        "rows": 1,
        "percent": 16.667,
        "bytes": len(written),
        "file": "code.jsonl",
        "sha256": hashlib.sha256(written).hexdigest(),
        "rules": {"lines_of_code": 1},
    }
    assert manifest["bytes"] == sum(path.stat().st_size for path in out.glob("*.jsonl") if path.stem != "rejects")
    assert manifest["inputs"] == [
        {
            "file": "rows.jsonl",
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "bytes": file.stat().st_size,
            "read_as": "alpaca",
            "records": 8,
            "rows": 6,
            "rejected": {"empty_output": 1, "not_an_object": 1},
            "buckets": dict(sorted(WANTED.items())),
        }
    ]
    assert str(tmp_path) not in (out / "manifest.json").read_text()


def test_rejects_are_written_with_their_place_and_reason(tmp_path: Path) -> None:
    out = tmp_path / "out"
    split(out, put(tmp_path / "rows.jsonl", lines(CODE) + b"no\n" + lines(STORY, CODE | {"output": ""})))
    assert [(each["record"], each["reason"]) for each in rejects(out)] == [(2, "not_json"), (4, "empty_output")]
    assert all(each["file"] == "rows.jsonl" and each["detail"] for each in rejects(out))


def test_several_files_are_split_together_and_told_apart(tmp_path: Path) -> None:
    first = put(tmp_path / "a.jsonl", lines(CODE, STORY, 1))
    second = put(tmp_path / "b.jsonl", lines({"question": "Who?", "answer": "Ana"}, {"question": "", "answer": "x"}))
    manifest = split(tmp_path / "out", first, second)
    assert [each["read_as"] for each in manifest["inputs"]] == ["alpaca", "qa"]
    assert [each["buckets"] for each in manifest["inputs"]] == [{"code": 1, "creative": 1}, {"factual": 1}]
    assert [(each["file"], each["record"]) for each in rejects(tmp_path / "out")] == [("a.jsonl", 3), ("b.jsonl", 2)]


def test_every_format_gives_the_same_parts(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "rows.parquet")
    csv = "instruction,input,output\n" + "".join(
        ",".join('"' + text.replace('"', '""') + '"' for text in row.values()) + "\n" for row in ROWS
    )
    files = [
        put(tmp_path / "rows.jsonl", lines(*ROWS)),
        put(tmp_path / "rows.json", orjson.dumps(ROWS)),
        put(tmp_path / "rows.csv", csv.encode()),
        put(tmp_path / "rows.jsonl.gz", gzip.compress(lines(*ROWS))),
        tmp_path / "rows.parquet",
    ]
    found = []
    for number, file in enumerate(files):
        split(tmp_path / f"out{number}", file)
        found.append(parts(tmp_path / f"out{number}"))
    assert all(each == found[0] for each in found)


def test_values_that_json_does_not_have_are_rejects(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([CODE | {"picture": b"\xff"}, CODE | {"picture": None}])
    pq.write_table(table, tmp_path / "rows.parquet")
    manifest = split(tmp_path / "out", tmp_path / "rows.parquet")
    assert manifest["rejected"] == {"wrong_type": 1}
    assert "JSON cannot hold" in rejects(tmp_path / "out")[0]["detail"]


def test_what_stands_behind_the_last_column_of_a_csv_file_is_kept(tmp_path: Path) -> None:
    file = put(tmp_path / "rows.csv", b"question,answer\nWho lit it?,Ana,more\n")
    split(tmp_path / "out", file)
    assert parts(tmp_path / "out")["factual"] == [b'{"question":"Who lit it?","answer":"Ana","null":["more"]}']


# Which bucket ------------------------------------------------------------------------------------------------


def test_the_category_of_rows_of_our_own_form_decides(tmp_path: Path) -> None:
    own = [
        CODE | {"_category": name} for name in ("psychology_emotional", "adversarial_moral", "code", "unknown", None)
    ]
    manifest = split(tmp_path / "out", put(tmp_path / "rows.jsonl", lines(*own)))
    rules = {name: part["rules"] for name, part in manifest["buckets"].items() if part["rows"]}
    assert rules == {
        "instruction": {"category": 1},
        "red_team": {"category": 1},
        "code": {"lines_of_code": 2, "category": 1},
    }


def test_the_buckets_of_categories_are_those_of_the_parameters(tmp_path: Path) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["corpus_mixes"]["buckets"] = {"lamps": {"categories": ["code"], "description": "Lamps"}}
    put(tmp_path / "params.yaml", yaml.safe_dump(params).encode())
    file = put(tmp_path / "rows.jsonl", lines(CODE | {"_category": "code"}, STORY | {"_category": "creative"}))
    manifest = split(tmp_path / "out", file, "--params", tmp_path / "params.yaml")
    assert {name: part["rows"] for name, part in manifest["buckets"].items() if part["rows"]} == {
        "lamps": 1,
        "creative": 1,
    }


def test_parameters_are_only_asked_for_rows_that_may_state_their_category(tmp_path: Path) -> None:
    plain = put(tmp_path / "a.jsonl", lines(*ROWS))
    own = put(tmp_path / "b.jsonl", lines(CODE | {"_category": "code"}))
    assert run(plain, "--params", tmp_path / "none.yaml").exit_code == 0
    assert "none.yaml: no such file" in failed(own, "--params", tmp_path / "none.yaml")


def test_all_questions_of_a_record_go_where_most_of_them_belong(tmp_path: Path) -> None:
    passage = "The lamp of the tower was lit in 1823 by Ana Roth, who kept it for thirty years. " * 3
    questions = [
        {"question": text, "id": text, "answers": [{"text": "Ana Roth", "answer_start": 0}]}
        for text in ("Who lit the lamp?", "Compare Ana and the lamp.", "Who kept the lamp?")
    ]
    record = {"data": [{"title": "Lamp", "paragraphs": [{"context": passage, "qas": questions}]}]}
    manifest = split(tmp_path / "out", put(tmp_path / "rows.json", orjson.dumps(record)), "--family", "squad")
    assert manifest["buckets"]["factual"]["rows"] == 1
    assert parts(tmp_path / "out")["factual"] == [orjson.dumps(record)]


@pytest.mark.parametrize("key", ["empathetic", "prosocial", "oasst2"])
def test_the_remarks_of_a_conversation_stay_together(tmp_path: Path, key: str) -> None:
    file = next((SOURCES / key).glob("sample.*"))
    manifest = split(tmp_path / "out", file)
    kept = sum(part["rows"] for part in manifest["buckets"].values())
    assert kept + sum(manifest["rejected"].values()) == manifest["records"]
    assert kept > 0.5 * manifest["records"]
    owner: dict[Any, str] = {}
    for bucket, part in parts(tmp_path / "out").items():
        for line in part:
            record = orjson.loads(line)
            name = next(record[key] for key in ("conv_id", "dialogue_id", "message_tree_id") if key in record)
            assert owner.setdefault(name, bucket) == bucket


def test_a_named_family_and_its_options_are_used(tmp_path: Path) -> None:
    file = put(tmp_path / "rows.csv", b"Which gives light?,a lamp,a stone,A\n")
    named = ["--family", "mcq", "--option", "columns=b,c", "--option", "choices=", "--columns", "question,b,c,answer"]
    manifest = split(tmp_path / "out", file, *named)
    assert manifest["inputs"][0]["read_as"] == "mcq (choices=, columns=b,c)"
    assert manifest["buckets"]["analytical"]["rules"] == {"names_a_choice": 1}


@pytest.mark.parametrize("sample", bundled(), ids=lambda sample: sample.key)
def test_no_record_of_any_bundled_sample_is_lost(tmp_path: Path, sample: Any) -> None:
    if sample.key == "tiny_stories":
        pytest.skip("a text alone is not recognised")
    file = next((SOURCES / sample.key).glob("sample.*"))
    manifest = split(tmp_path / "out", file)
    kept = sum(len(part) for part in parts(tmp_path / "out").values())
    assert kept == manifest["rows"]
    assert kept + len(rejects(tmp_path / "out")) == manifest["records"]
    source, options = load(SOURCES / sample.key)
    if manifest["inputs"][0]["read_as"] == str(Schema(source.family, options)) and source.family not in WHOLE:
        wanted = Counter(bucket_of(row)[0] for row in sample.rows)
        assert wanted == {name: part["rows"] for name, part in manifest["buckets"].items() if part["rows"]}


# Large files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_parts_are_the_same_however_a_file_is_cut_and_by_how_many_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    file = put(tmp_path / "rows.jsonl", lines(*[*ROWS, 7, {"instruction": ""}] * 40))
    whole = split(tmp_path / "whole", file)
    monkeypatch.setenv("LAMPFORGE_WORKERS", workers)
    monkeypatch.setattr(tasks, "WORTH_S", -1.0)
    monkeypatch.setattr(analyzing, "_SHARD_BYTES", 1000)
    assert split(tmp_path / "cut", file) == whole
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert sorted(path.name for path in (tmp_path / "cut").iterdir()) == names
    for name in names:
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_real_file_is_split_without_loss(tmp_path: Path) -> None:
    file = REAL / "gsm8k" / "train.jsonl"
    if not file.exists():
        pytest.skip("the real rows are not on this machine")
    manifest = split(tmp_path / "out", file)
    assert manifest["rows"] == manifest["records"] == 7473
    read = [line for part in parts_of_lines(tmp_path / "out") for line in part]
    assert sorted(read) == sorted(file.read_bytes().strip().split(b"\n"))


def parts_of_lines(out: Path) -> list[list[bytes]]:
    # U+2028 stands in a row: only a line feed ends a line.
    return [path.read_bytes().strip().split(b"\n") for path in out.glob("*.jsonl") if path.stem != "rejects"]


# Interruption ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["split", "combined", "sha256"])
def test_a_run_that_is_stopped_leaves_nothing_that_looks_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    out = tmp_path / "out"
    file = put(tmp_path / "rows.jsonl", lines(*ROWS * 30))
    monkeypatch.setattr(analyzing, "_SHARD_BYTES", 1000)
    calls = []
    function = getattr(splitting, place)

    def stopped(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == (4 if place == "split" else 1):
            raise KeyboardInterrupt
        return function(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(splitting, place, stopped)
        assert run(file, "--out", out).exit_code == 1
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == ["rows.jsonl"]
    done = len(list(tmp_path.glob(".out.parts.tmp/receipts/*.json")))
    again = []
    with monkeypatch.context() as patch:
        patch.setattr(splitting, "split", lambda *arguments: again.append(arguments) or function(*arguments))
        if place == "split":
            split(out, file)
            assert done == 3
            assert len(again) + done == len(list(analyzing_shards(file)))
    split(tmp_path / "other", file)
    split(out, file)
    assert parts(out) == parts(tmp_path / "other")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "out", "rows.jsonl"]


def analyzing_shards(file: Path) -> list[Any]:
    from stages.corpus.intake import reading

    return reading.shards([file], False, 1000)


def test_a_file_that_is_cut_off_leaves_no_parts(tmp_path: Path) -> None:
    whole = gzip.compress(lines(*ROWS * 500))
    file = put(tmp_path / "rows.jsonl.gz", whole[: len(whole) // 2])
    assert "cut off or corrupt" in failed(file, "--family", "alpaca", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


# Mistakes ----------------------------------------------------------------------------------------------------


def test_a_folder_with_other_files_is_not_taken(tmp_path: Path) -> None:
    file = put(tmp_path / "rows.jsonl", lines(*ROWS))
    (tmp_path / "home").mkdir()
    put(tmp_path / "home" / "thesis.txt", b"years of work")
    assert "home: holds other files, which would be lost; name a new folder" in failed(file, "--out", tmp_path / "home")
    split(tmp_path / "out", file)
    put(tmp_path / "out" / "thesis.txt", b"years of work")
    assert "would be lost" in failed(file, "--out", tmp_path / "out")
    assert (tmp_path / "out" / "thesis.txt").exists()


@pytest.mark.parametrize("manifest", [b"{}", b"no", b'{"buckets": 3}', b"[]"])
def test_a_folder_whose_manifest_is_of_another_kind_is_not_taken(tmp_path: Path, manifest: bytes) -> None:
    file = put(tmp_path / "rows.jsonl", lines(*ROWS))
    (tmp_path / "out").mkdir()
    put(tmp_path / "out" / "manifest.json", manifest)
    assert "would be lost" in failed(file, "--out", tmp_path / "out")


def test_the_parts_of_an_earlier_run_are_replaced(tmp_path: Path) -> None:
    split(tmp_path / "out", put(tmp_path / "rows.jsonl", lines(*ROWS)))
    split(tmp_path / "out", put(tmp_path / "rows.jsonl", lines(CODE)))
    assert list(parts(tmp_path / "out")) == ["code"]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    split(tmp_path / "out", put(tmp_path / "rows.jsonl", lines(*ROWS)))
    assert len(parts(tmp_path / "out")) == len(WANTED)


def test_what_cannot_be_split_is_told_in_a_line(tmp_path: Path) -> None:
    file = put(tmp_path / "rows.jsonl", lines(*ROWS))
    split(tmp_path / "out", file)
    assert "none.jsonl: no such file" in failed(tmp_path / "none.jsonl")
    assert "a file is named twice" in failed(file, tmp_path / "." / "rows.jsonl")
    assert "is a file; name a folder" in failed(file, "--out", file)
    assert "code.jsonl is in it and would be lost" in failed(tmp_path / "out" / "code.jsonl", "--out", tmp_path / "out")
    assert "of which family?" in failed(file, "--option", "question=x")
    assert "none of canonical, alpaca" in failed(file, "--family", "none")
    assert "--out /" in failed(file, "--out", "/")
    assert "not a format that is read" in failed(put(tmp_path / "rows.txt", b"{}"))
    assert "no family fits its rows" in failed(put(tmp_path / "b.jsonl", lines({"a": 1, "b": "x"})))


# What is shown -----------------------------------------------------------------------------------------------


def test_without_out_only_the_table_is_shown(tmp_path: Path) -> None:
    file = put(tmp_path / "rows.jsonl", lines(*ROWS, CODE | {"output": ""}))
    shown = run(file).output
    assert "rows.jsonl: 6 rows, read as alpaca" in shown
    assert [line.split()[:4] for line in shown.splitlines() if line.startswith("instruction ")] == [
        ["instruction", "2", "33.3", "%"]
    ]
    assert "lines_of_code 1" in shown
    assert "1 of 7 records are no rows: 1 empty_output" in shown
    assert "rows.jsonl, record 7: nothing answers" in shown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.jsonl"]


def test_a_file_without_rows_is_shown_as_such(tmp_path: Path) -> None:
    file = put(tmp_path / "rows.jsonl", b"")
    result = run(file, "--family", "alpaca")
    assert result.exit_code == 0
    assert "0 rows, read as alpaca" in result.output


def test_names_and_rows_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    file = put(
        tmp_path / "a\x1b[31m[red].jsonl", lines(CODE, {"instruction": "\x1b]0;x\x07[/]", "input": "", "output": ""})
    )
    shown = run(file).output
    assert "\x1b" not in shown
    assert "a\\x1b[31m[red].jsonl: 1 rows" in shown


@pytest.mark.parametrize(
    ("percent", "text"),
    [(0, ""), (0.001, "▏"), (50, "█" * 12), (52, "█" * 12 + "▌"), (99.99, "█" * 24), (100, "█" * 24)],
)
def test_a_bar_is_as_long_as_its_share_and_empty_only_for_none(percent: float, text: str) -> None:
    assert bar(percent) == text
