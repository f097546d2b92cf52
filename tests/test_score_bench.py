"""The stage score_bench: judging, scoring and reporting, with answers made up here."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stages import params, score_bench
from stages.device.benchmark import bench
from stages.errors import UserError
from stages.lamp import taxonomy
from stages.score_bench import Params, Prompt, Verdict

ROOT = Path(__file__).resolve().parents[1]
SEED = ROOT / "data" / "seed"
KNOBS = Params(("F16",), threads=1, max_tokens=10, temperature=0.0, hot_temperature=1.0, hot_seeds=2)
RED = Prompt("red", "pattern", {"intent": "pattern", "pattern": "solid", "colors": ["#FF0000"]}, unseen=False)
BLUE = Prompt("blue", "pattern", {"intent": "pattern", "pattern": "solid", "colors": ["#0000FF"]}, unseen=False)
NEW = Prompt("draw a thing", "unseen_object", RED.meaning, unseen=True)


@pytest.fixture(scope="module")
def words() -> taxonomy.Taxonomy:
    return taxonomy.load(SEED)


def solid(color: str) -> str:
    command = {"type": "pattern", "name": "solid", "params": {"color": color}}
    return json.dumps({"program": {"name": "n", "steps": [{"id": "s1", "command": command, "duration": None}]}})


def answer(
    text: str, total: float = 50.0, tokens: int = 11, decode: float = 10.0, first: float = 5.0
) -> dict[str, Any]:
    return {"text": text, "total_ms": total, "n_tokens": tokens, "decode_ms": decode, "first_token_ms": first}


# The requests -----------------------------------------------------------------------------------------------


def test_the_benchmark_has_its_21_requests_and_then_each_unseen_object(words: taxonomy.Taxonomy) -> None:
    prompts = score_bench.benchmark_prompts(words, SEED)
    assert [prompt.unseen for prompt in prompts] == [False] * 21 + [True] * (len(prompts) - 21)
    unseen = {name for name, picture in words.pictures.items() if picture.group == taxonomy.UNSEEN_GROUP}
    assert {prompt.meaning["object"] for prompt in prompts[21:]} == unseen
    assert not unseen & words.trained_pictures().keys()
    assert len({prompt.text for prompt in prompts}) == len(prompts)


# Judging ----------------------------------------------------------------------------------------------------


def test_an_answer_is_on_brief_off_brief_or_invalid(words: taxonomy.Taxonomy) -> None:
    given = [solid("#FF0000"), solid("#FF0000"), solid("#FF0000")[:-1]]
    good, off, invalid = score_bench.judge([RED, BLUE, RED], given, words)
    assert (good.valid, good.on_brief, good.off_brief) == (True, True, [])
    assert (off.valid, off.on_brief) == (True, False)
    assert off.off_brief
    assert (invalid.valid, invalid.on_brief, len(invalid.off_brief)) == (False, False, 1)


@pytest.mark.parametrize("text", ["", "{}", "```json\n" + solid("#FF0000") + "\n```", solid("red")])
def test_nothing_is_repaired(text: str) -> None:
    assert bench.is_valid(solid("#FF0000"))
    assert not bench.is_valid(text)


def test_an_answer_for_each_prompt_is_demanded(words: taxonomy.Taxonomy) -> None:
    with pytest.raises(ValueError, match=r"zip"):
        score_bench.judge([RED, BLUE], [solid("#FF0000")], words)


# Scoring ----------------------------------------------------------------------------------------------------


@pytest.fixture
def figures(words: taxonomy.Taxonomy, tmp_path: Path) -> dict[str, Any]:
    """Of three requests, the last one unseen: one on brief, one off brief, the unseen one on brief."""
    prompts = [RED, BLUE, NEW]
    red = solid("#FF0000")
    run = {
        "grammar": [answer(red, 40, 11, 10, 4), answer(red, 60, 31, 10, 6), answer(red, 1000, 1000, 1, 1000)],
        "free": [answer("{"), answer(solid("#0000FF")), answer(red)],
        "hot": [[answer(red), answer("x")], [answer("x"), answer("y")]],
        "peak_rss_mb": 68.4,
    }
    (tmp_path / "model.gguf").write_bytes(b"0" * 1_234_567)
    verdicts = score_bench.judge(prompts, score_bench.texts(run["grammar"]), words)
    baseline = score_bench.judge(prompts, [red, red, "{"], words)
    return score_bench.score(prompts, run, verdicts, baseline, tmp_path / "model.gguf", words)


def test_the_known_requests_are_counted_and_the_unseen_objects_apart(figures: dict[str, Any]) -> None:
    counts = {
        "n": 2,
        "valid": 2,
        "valid_free": 1,
        "valid_hot": 1,
        "n_hot": 4,
        "on_brief": 1,
        "on_brief_free": 1,
        "baseline_on_brief": 1,
        "n_unseen": 1,
        "unseen_on_brief": 1,
    }
    assert {name: figures[name] for name in counts} == counts


def test_the_times_are_those_of_the_known_requests(figures: dict[str, Any]) -> None:
    assert figures["median_ms"] == 50.0
    assert figures["first_token_ms"] == 5.0
    assert figures["tokens"] == 21
    assert figures["decode_tps"] == 2000, "40 tokens behind the first ones in 20 ms"
    assert (figures["file_mb"], figures["peak_rss_mb"]) == (1.23, 68.4)


def test_mlflow_gets_flat_names(figures: dict[str, Any]) -> None:
    assert score_bench.flat({"F16": {"n": 2, "valid": 1}, "Q8_0": {"n": 2}}) == {
        "F16/n": 2,
        "F16/valid": 1,
        "Q8_0/n": 2,
    }


def test_mlflow_gets_the_sum_of_each_file_that_was_benchmarked(tmp_path: Path) -> None:
    for quant in ("F16", "Q8_0", "Q4_K_M"):
        (tmp_path / f"lamp-nano-{quant}.gguf").touch()
    files = {f"lamp-nano-{quant}.gguf": {"sha256": quant, "bytes": 0} for quant in ("F16", "Q8_0", "Q4_K_M")}
    (tmp_path / "manifest.json").write_text(json.dumps({"lineage": {}, "files": files | {"README.md": {}}}))
    assert score_bench.sums(tmp_path, ("F16", "Q4_K_M")) == {"sha256/F16": "F16", "sha256/Q4_K_M": "Q4_K_M"}


# What comes out ---------------------------------------------------------------------------------------------


def test_each_request_has_a_row_for_each_quant_and_one_for_the_baseline() -> None:
    good, bad = Verdict(RED, "a", True, []), Verdict(BLUE, "b", False, ["broken"])
    rows = score_bench.answer_rows({"F16": [good, bad], "Q8_0": [bad, good]}, [bad, bad])
    assert [row["quant"] for row in rows] == ["baseline"] * 2 + ["F16"] * 2 + ["Q8_0"] * 2
    row = rows[2]
    assert (row["prompt"], row["response"], row["valid"], row["on_brief"], row["reasons"]) == (
        "red",
        "a",
        True,
        True,
        [],
    )
    assert (rows[3]["on_brief"], rows[3]["reasons"]) == (False, ["broken"])


def test_the_answers_hold_no_times_which_would_change_from_run_to_run() -> None:
    (row, _) = score_bench.answer_rows({"F16": [Verdict(RED, "a", True, [])]}, [Verdict(RED, "a", True, [])])
    assert not [name for name in row if name.endswith("ms")]


@pytest.mark.parametrize("quant", ["Q4_K_M", "F16"])
def test_the_plots_are_a_contact_sheet_and_a_table_with_the_baseline(
    tmp_path: Path, words: taxonomy.Taxonomy, quant: str
) -> None:
    verdicts = {quant: score_bench.judge([RED, BLUE, RED], [solid("#FF0000")] * 2 + ["{"], words)}
    summary = {quant: {"on_brief": 1, "baseline_on_brief": 2}}
    score_bench.write_plots(tmp_path / "plots", summary, verdicts, words)
    with (tmp_path / "plots" / "on_brief.csv").open() as table:
        assert list(csv.reader(table)) == [["who", "on_brief"], [quant, "1"], ["nearest request", "2"]]
    with Image.open(tmp_path / "plots" / "contact_sheet.png") as sheet:
        assert min(sheet.size) > 100


def test_the_table_shows_every_quant(figures: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    score_bench.print_table({"F16": figures, "Q4_K_M": figures})
    shown = capsys.readouterr().out
    for said in ("F16", "Q4_K_M", "2/2", "1/4", "2,000", "1.23"):
        assert said in shown


# Mistakes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"no model at all", b"GGUF\x03\x00\x00\x00" + b"\xff" * 64])
def test_what_is_no_gguf_file_ends_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "lamp-F16.gguf").write_bytes(content)
    with pytest.raises(UserError, match=r"lamp-F16\.gguf") as refused:
        score_bench.run_on_device(tmp_path, "F16", [RED], KNOBS)
    assert "\n" not in str(refused.value)
    assert not str(refused.value).startswith("error: ")


def test_a_benchmark_that_breaks_for_another_reason_shows_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lamp-F16.gguf").touch()
    (tmp_path / "python").write_text("#!/bin/sh\necho out of order >&2\nexit 7\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(RuntimeError, match=r"the benchmark of lamp-F16\.gguf broke: out of order"):
        score_bench.run_on_device(tmp_path, "F16", [RED], KNOBS)


def test_the_repositorys_own_parameters_are_right() -> None:
    params.load(Params, "score_bench", ROOT / "params.yaml")
