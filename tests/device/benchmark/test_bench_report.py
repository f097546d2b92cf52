"""The report of a benchmark: its figures out of measured answers, and the file that goes to the host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stages.device.benchmark import bench_report
from stages.device.benchmark.bench_report import Spread
from stages.errors import UserError
from tests.device.benchmark import reports


def answer(text: str = "{}", **changes: Any) -> dict[str, Any]:
    """11 tokens, of which ten are decoded in 10 ms behind the first one, which is there after 1 + 4 ms."""
    usual = {
        "text": text,
        "valid": True,
        "finished": True,
        "n_prompt": 20,
        "n_tokens": 11,
        "render_ms": 1.0,
        "first_token_ms": 4.0,
        "decode_ms": 10.0,
        "total_ms": 15.5,
    }
    return usual | changes


def measured(grammar: list[dict[str, Any]], free: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    usual = {
        "grammar": grammar,
        "free": free,
        "again": [],
        "hot": [],
        "start_ms": 412.34,
        "load_ms": 30.0,
        "first": answer(first_token_ms=20.0),
        "prefill": [{"n_prompt": 256, "first_token_ms": 50.0}, {"n_prompt": 256, "first_token_ms": 78.0}],
        "peak_rss_mb": 70.5,
    }
    return usual | changes


# Figures ----------------------------------------------------------------------------------------------------


def test_the_first_token_is_timed_from_the_request_the_chat_template_included() -> None:
    found = bench_report.figures(measured([answer()], [answer()]), None)
    assert found.first_token_ms == Spread(p50=5.0, p95=5.0)
    assert found.first_token_cold_ms == 21.0
    assert (found.start_ms, found.load_ms) == (412.3, 30.0)


def test_the_time_to_a_program_is_that_of_the_valid_ones() -> None:
    slow_and_wrong = answer(valid=False, total_ms=900.0)
    found = bench_report.figures(measured([answer(), slow_and_wrong], [answer(), answer()]), None)
    assert found.program_ms == Spread(p50=15.5, p95=15.5)
    assert (found.n, found.valid, found.valid_free) == (2, 1, 2)
    nothing_valid = bench_report.figures(measured([slow_and_wrong], [answer()]), None)
    assert nothing_valid.program_ms is None


def test_all_rounds_are_timed_and_the_first_one_is_counted() -> None:
    further = {"grammar": [answer(total_ms=25.5, valid=False)], "free": [answer()]}
    also = {"grammar": [answer(total_ms=35.5)], "free": [answer()]}
    found = bench_report.figures(measured([answer()], [answer()], again=[further, also]), None)
    assert found.program_ms is not None
    assert found.program_ms.p50 == 25.5
    assert (found.n, found.valid) == (1, 1)


def test_the_95th_percentile_lies_between_the_slowest_two_of_twenty() -> None:
    assert bench_report.spread([float(value) for value in range(1, 22)]) == Spread(p50=11.0, p95=20.0)
    assert bench_report.spread([7.04]) == Spread(p50=7.0, p95=7.0)


def test_speeds_are_tokens_per_second() -> None:
    found = bench_report.figures(measured([answer(), answer(n_tokens=21)], [answer(decode_ms=5.5)] * 2), None)
    assert found.decode_tps == 1500.0, "10 and 20 tokens behind the first ones in 20 ms"
    assert found.decode_free_tps == 2000.0, "10 tokens and the end token each, in 5.5 ms"
    assert found.prefill_tps == 4000.0
    assert found.tokens == 16.0


def test_an_answer_of_one_token_has_no_speed() -> None:
    found = bench_report.figures(measured([answer(n_tokens=1, decode_ms=0.0)], [answer()], prefill=[]), None)
    assert (found.decode_tps, found.prefill_tps, found.grammar_cost_percent) == (None, None, None)


def test_the_grammars_cost_is_told_by_the_answers_that_are_the_same_without_it() -> None:
    same, other = answer("same", decode_ms=12.5), answer("short", n_tokens=2, decode_ms=100.0)
    found = bench_report.figures(measured([same, other], [answer("same", decode_ms=11.0), answer("x")]), None)
    assert found.grammar_cost_percent == 20.0, "800 tokens/s and not 1,000"
    assert bench_report.figures(measured([other], [answer("x")]), None).grammar_cost_percent is None


def test_the_grammars_cost_is_that_of_the_median_round() -> None:
    """In the first one the grammar has seen nothing yet, and any may be disturbed."""
    rounds = [
        {"grammar": [answer(decode_ms=ms)], "free": [answer(decode_ms=free)]} for ms, free in ((12.5, 99), (9, 11))
    ]
    found = bench_report.figures(measured([answer(decode_ms=500.0)], [answer(decode_ms=1.1)], again=rounds), None)
    assert found.grammar_cost_percent == 20.0


def test_what_was_closed_at_the_longest_is_counted() -> None:
    found = bench_report.figures(measured([answer(finished=False), answer()], [answer()] * 2), None)
    assert (found.valid, found.cut) == (2, 1)


def test_hot_answers_are_counted_where_there_were_to_be_some() -> None:
    hot = [[answer(), answer(valid=False)], [answer(), answer()]]
    found = bench_report.figures(measured([answer()], [answer()], hot=hot), n_hot=4)
    assert (found.n_hot, found.valid_hot) == (4, 3)
    assert bench_report.figures(measured([answer()], [answer()]), None).valid_hot is None


# The file ---------------------------------------------------------------------------------------------------


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    report = reports.report(void="throttled")
    bench_report.write(tmp_path / "r.json", report)
    assert bench_report.read(tmp_path / "r.json") == report
    assert bench_report.is_report(tmp_path / "r.json")


def test_what_is_unknown_is_null_in_the_file(tmp_path: Path) -> None:
    path = reports.written(tmp_path / "r.json", device=None, during=None, start_ms=None)
    found = json.loads(path.read_text())
    assert (found["machine"]["model"], found["during"], found["figures"]["start_ms"]) == (None, None, None)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "not JSON"),
        ("[]", "no report"),
        ('{"format": "lampforge-bench-9"}', "no report"),
        ('{"format": "lampforge-bench-1"}', "broken report"),
    ],
)
def test_a_file_that_is_no_report_is_refused_in_one_line(tmp_path: Path, content: str, why: str) -> None:
    (tmp_path / "r.json").write_text(content)
    with pytest.raises(UserError, match=why) as refused:
        bench_report.read(tmp_path / "r.json")
    assert str(tmp_path / "r.json") in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_report_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(UserError, match="no such file"):
            bench_report.read(path)


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("figures", "peak_rss_mb", "much"),
        ("figures", "n", -1),
        ("model", "sha256", "x' OR 'a' = 'a"),
        ("model", "quant", "Q4`K"),
        ("model", "lineage", {"a b": "c"}),
        ("settings", "threads", None),
    ],
)
def test_a_value_that_does_not_fit_is_named(tmp_path: Path, part: str, name: str, value: object) -> None:
    path = reports.written(tmp_path / "r.json")
    whole = json.loads(path.read_text())
    whole[part][name] = value
    path.write_text(json.dumps(whole))
    with pytest.raises(UserError, match=rf"\$\.{part}\.{name}|key.*\$\.{part}\.{name}"):
        bench_report.read(path)
