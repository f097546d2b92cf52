"""The stage corpus_sources: items = kept + rejected, the same bytes however it is run."""

import gzip
import json

import polars as pl
import pytest

from stages import corpus_sources
from tests.corpus.toy_corpus import add_source, rows, stage_source, tree_bytes, write_params


def report(folder, key="toy"):
    return json.loads((folder / "sources" / key / "report.json").read_text())


def staged(folder, records, limits=None, **described):
    add_source(folder, "toy", records, **described)
    write_params(folder, corpus_sources={"shard_mb": 1} | (limits or {}))
    done = stage_source(folder, "toy")
    assert done.exit_code == 0, done.output
    return report(folder)


def texts(folder, key="toy"):
    files = sorted((folder / "sources" / key).glob("rows-*.parquet"))
    return pl.concat([pl.read_parquet(file) for file in files])


def test_every_item_is_kept_or_rejected_with_its_reason(tmp_path):
    empty = {"instruction": "Say nothing.", "input": "", "output": " "}
    told = staged(tmp_path, [*rows("one", "two"), empty])
    assert (told["items"], told["kept"], told["rejected"]) == (3, 2, {"empty_output": 1})
    [reject] = map(json.loads, (tmp_path / "sources/toy/rejects.jsonl").read_text().splitlines())
    assert (reject["file"], reject["record"], reject["reason"]) == ("sample.jsonl", 3, "empty_output")


def test_a_line_that_is_no_json_is_rejected_and_the_rest_is_read(tmp_path):
    told = staged(tmp_path, b'{"instruction": "a\n' + json.dumps(rows("two")[0]).encode() + b"\n[1]\n")
    assert told["kept"] == 1
    assert told["rejected"] == {"not_an_object": 1, "not_json": 1}


def test_a_row_keeps_its_text_and_its_turns(tmp_path):
    messages = [("user", "Hi!"), ("assistant", "Hello."), ("user", "A joke?"), ("assistant", "No.")]
    chat = {"messages": [{"role": role, "content": text} for role, text in messages]}
    staged(tmp_path, [chat], family="messages")
    [row] = texts(tmp_path).to_dicts()
    assert (row["instruction"], row["output"], row["history"]) == ("A joke?", "No.", [["Hi!", "Hello."]])


def test_a_cap_keeps_the_first_rows_wherever_the_shards_are_cut(tmp_path, monkeypatch):
    monkeypatch.setattr("stages.corpus_sources.MEGABYTE", 200)  # a shard of 200 bytes has about three rows
    told = staged(tmp_path, rows(*map(str, range(40))), cap=17)
    assert told["kept"] == 17
    assert texts(tmp_path)["instruction"].to_list() == [f"Say {number}." for number in range(17)]
    assert len(list((tmp_path / "sources/toy").glob("rows-*.parquet"))) > 3


def test_rejects_name_the_record_in_the_file_wherever_the_shards_are_cut(tmp_path, monkeypatch):
    monkeypatch.setattr("stages.corpus_sources.MEGABYTE", 200)
    records = [*rows(*map(str, range(30))), {"instruction": "x", "input": "", "output": ""}]
    staged(tmp_path, records)
    [reject] = map(json.loads, (tmp_path / "sources/toy/rejects.jsonl").read_text().splitlines())
    assert reject["record"] == 31


def test_one_worker_and_two_write_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr("stages.corpus_sources.MEGABYTE", 1000)
    written = []
    monkeypatch.setattr("stages.corpus.rows.tasks.WORTH_S", 0)
    for workers in ("1", "2"):
        monkeypatch.setenv("LAMPFORGE_WORKERS", workers)
        folder = tmp_path / workers
        staged(folder, rows(*map(str, range(60))))
        written.append(tree_bytes(folder / "sources" / "toy"))
    assert written[0] == written[1]
    assert len(written[0]) > 5


def test_a_failed_run_leaves_no_output_and_the_next_one_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("stages.corpus_sources.MEGABYTE", 200)
    monkeypatch.setenv("LAMPFORGE_WORKERS", "1")
    add_source(tmp_path, "toy", rows(*map(str, range(30))))
    write_params(tmp_path, corpus_sources={"shard_mb": 1})
    from stages.corpus.intake import staging

    real, calls = staging.stage, []

    def failing(job, number, *rest):
        calls.append(number)
        if number == 2 and calls.count(2) == 1:
            raise OSError(28, "No space left on device")
        return real(job, number, *rest)

    monkeypatch.setattr(staging, "stage", failing)
    assert stage_source(tmp_path, "toy").exit_code == 2
    assert not (tmp_path / "sources/toy").exists()
    assert stage_source(tmp_path, "toy").exit_code == 0
    assert calls[:3] == [0, 1, 2] and calls[3] == 2
    assert report(tmp_path)["kept"] == 30


def test_a_truncated_file_is_one_clear_line(tmp_path):
    packed = gzip.compress(b"".join(json.dumps(row).encode() + b"\n" for row in rows(*map(str, range(900)))))
    add_source(tmp_path, "toy", packed[:-100], sample="sample.jsonl.gz")
    write_params(tmp_path)
    done = stage_source(tmp_path, "toy")
    assert done.exit_code == 2
    assert "sample.jsonl.gz: cut off or corrupt" in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("policy", "code", "said"), [("skip", 0, "toy: skipped, no folder"), ("error", 2, "unavailable=skip goes on")]
)
def test_a_source_that_is_not_there_is_skipped_or_an_error_as_the_parameter_says(tmp_path, policy, code, said):
    add_source(tmp_path, "toy", rows("one"))
    write_params(tmp_path, corpus_sources={"provider": "local", "unavailable": policy})
    entry = tmp_path / "entries" / "toy"
    arguments = [
        "--entry",
        entry,
        "--raw",
        tmp_path / "nowhere",
        "--out",
        tmp_path / "out",
        "--params",
        tmp_path / "params.yaml",
    ]
    from click.testing import CliRunner

    done = CliRunner().invoke(corpus_sources.main, list(map(str, arguments)))
    assert done.exit_code == code
    assert said in done.output
    if code == 0:
        assert json.loads((tmp_path / "out/report.json").read_text())["items"] == 0


def test_an_evaluation_item_is_kept_out_of_the_corpus(tmp_path):
    from tests.corpus.toy_corpus import EVALUATIONS

    item = json.loads((EVALUATIONS / "gsm8k.jsonl").read_text().splitlines()[0])["question"]
    told = staged(tmp_path, [*rows("one"), {"instruction": item.upper(), "input": "", "output": "It is 7."}])
    assert told["screened_out"] == {"contaminated:gsm8k": 1}


def test_waves_take_as_many_shards_as_the_cap_needs():
    assert corpus_sources.wave_of(100, [{"kept": 40}, {"kept": 60}]) == 0
    assert corpus_sources.wave_of(1000, [{"kept": 10}, {"kept": 10}]) == 98


def test_the_shard_that_the_cap_falls_into_is_cut():
    counts = [{"kept": 10}, {"kept": 10}, {"kept": 10}]
    assert list(corpus_sources.over_the_cap(15, counts)) == [(1, 5)]
    assert list(corpus_sources.over_the_cap(30, counts)) == []
    assert list(corpus_sources.over_the_cap(10, counts)) == [(0, 10)]
