"""The stage corpus_mixes: what the written files hold is what the weights say, to the row."""

import json

import polars as pl
import pytest
from click.testing import CliRunner

from stages import corpus_mixes
from tests.corpus.toy_corpus import add_source, made, rows, tree_bytes, write_params

BUCKETS = {
    "instruction": {"categories": ["instruction"], "description": "toy"},
    "code": {"categories": ["code", "tool_use"], "description": "toy"},
}


def mix(rows, **weights):
    return {"rows": rows, "epochs": 1, "learning_rate": 1e-5, "weights": weights, "why": "toy"}


@pytest.fixture
def corpus(tmp_path):
    add_source(tmp_path, "talk", rows(*map(str, range(100)), system=""))
    add_source(tmp_path, "programs", rows(*(f"code {number}" for number in range(60))), category="code")
    add_source(tmp_path, "tools", rows(*(f"tool {number}" for number in range(60))), category="tool_use")
    return made(tmp_path)


def cut(corpus, mixes, out="mixes", **knobs):
    section = {"scale": 1.0, "buckets": BUCKETS, "mixes": mixes} | knobs
    write_params(corpus, corpus_mixes=section)
    arguments = [
        "--sources", corpus / "sources", "--merged", corpus / "merged", "--out", corpus / out,
        "--metrics", corpus / "metrics.json", "--params", corpus / "params.yaml",
    ]  # fmt: skip
    return CliRunner().invoke(corpus_mixes.main, list(map(str, arguments)))


def held(corpus, name, out="mixes"):
    return pl.concat([pl.read_parquet(part) for part in sorted((corpus / out / name).glob("part-*.parquet"))])


def test_the_written_rows_have_the_shares_of_the_weights_to_the_row(corpus):
    done = cut(corpus, {"one": mix(80, instruction=70, code=30)})
    assert done.exit_code == 0, done.output
    written = held(corpus, "one")
    assert dict(written.group_by("_bucket").len().iter_rows()) == {"instruction": 56, "code": 24}
    assert set(written.filter(pl.col("_bucket") == "code")["_category"]) == {"code", "tool_use"}
    assert set(written.filter(pl.col("_bucket") == "instruction")["_source"]) == {"talk"}


def test_a_row_carries_its_text_and_where_it_is_from(corpus):
    cut(corpus, {"one": mix(10, instruction=100)})
    for row in held(corpus, "one").to_dicts():
        assert row["output"] == row["instruction"].replace("Say", "You said")
        assert (row["_source"], row["_license"]) == ("talk", "MIT")
        assert row["_id"].startswith("talk-")


def test_no_row_is_taken_twice(corpus):
    cut(corpus, {"one": mix(120, instruction=60, code=40)})
    assert held(corpus, "one")["_id"].n_unique() == 120


def test_a_mix_of_parts_is_in_the_same_order_as_one_in_one_part(corpus, monkeypatch):
    cut(corpus, {"one": mix(90, instruction=50, code=50)})
    whole = held(corpus, "one")
    monkeypatch.setenv("LAMPFORGE_WORKERS", "1")
    monkeypatch.setattr("stages.corpus.writing.PART_ROWS", 20)
    cut(corpus, {"one": mix(90, instruction=50, code=50)}, out="parts")
    assert len(list((corpus / "parts" / "one").glob("part-*"))) == 5
    assert held(corpus, "one", "parts").equals(whole)


def test_one_worker_and_two_write_the_same_bytes(corpus, monkeypatch):
    written = []
    monkeypatch.setattr("stages.corpus.rows.tasks.WORTH_S", 0)
    for workers in ("1", "2"):
        monkeypatch.setenv("LAMPFORGE_WORKERS", workers)
        cut(corpus, {"one": mix(50, instruction=50, code=50), "two": mix(0, code=1)})
        written.append(tree_bytes(corpus / "mixes"))
    assert written[0] == written[1]


def test_rows_0_takes_all_of_the_buckets_with_a_weight(corpus):
    cut(corpus, {"all": mix(0, code=1)})
    assert held(corpus, "all").height == 120


def test_categories_narrow_the_buckets(corpus):
    cut(corpus, {"all": mix(0, code=1) | {"categories": ["tool_use"]}})
    assert set(held(corpus, "all")["_category"]) == {"tool_use"}


def test_what_is_short_is_reported(corpus):
    done = cut(corpus, {"one": mix(200, instruction=75, code=25)}, shortfall="redistribute")
    assert "too few rows of instruction" in done.output
    report = json.loads((corpus / "mixes" / "report.json").read_text())["one"]
    assert report["short"] == {"instruction": 50}
    assert report["rows"] == 200


def test_a_mix_that_cannot_be_filled_says_how_many_are_missing(corpus):
    cut(corpus, {"one": mix(1000, instruction=50, code=50)})
    assert json.loads((corpus / "metrics.json").read_text())["one"]["missing"] == 780


@pytest.mark.parametrize(
    ("mixes", "knobs", "said"),
    [
        ({"one": mix(10, instruction=70, code=20)}, {}, "the weights add up to 90, not 100"),
        ({"one": mix(10, poems=100)}, {}, "no bucket poems"),
        ({"one": mix(0, code=1) | {"categories": ["poems"]}}, {}, "no category poems"),
        ({"one": mix(500, code=100)}, {"shortfall": "error"}, "too few rows of code"),
    ],
)
def test_a_wrong_parameter_is_one_clear_line(corpus, mixes, knobs, said):
    done = cut(corpus, mixes, **knobs)
    assert done.exit_code == 2
    assert said in done.output
    assert "Traceback" not in done.output


def test_a_category_in_two_buckets_is_one_clear_line(corpus):
    twice = BUCKETS | {"tools": {"categories": ["tool_use"], "description": "toy"}}
    done = cut(corpus, {"one": mix(10, code=100)}, buckets=twice)
    assert done.exit_code == 2
    assert "category tool_use is in buckets code and tools" in done.output
