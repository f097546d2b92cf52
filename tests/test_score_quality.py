"""The stage score_quality: whom it asks, how it judges and what it reports, with answers made up here."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from stages import files, params, score_quality
from stages.errors import UserError
from stages.lamp import taxonomy
from stages.score_quality import Asked, Params, Verdict

ROOT = Path(__file__).resolve().parents[1]
SEED = ROOT / "data" / "seed"
RED = {"intent": "pattern", "pattern": "solid", "colors": ["#FF0000"]}


@pytest.fixture(scope="module")
def words() -> taxonomy.Taxonomy:
    return taxonomy.load(SEED)


def program(name: str = "solid", **more: Any) -> str:
    command = {"type": "pattern", "name": name, "params": {"color": "#FF0000", **more}}
    body = {"name": "n", "steps": [{"id": "s1", "command": command, "duration": None}]}
    return json.dumps({"program": body}, separators=(",", ":"))


def asked(kind: str = "pattern", meaning: Any = RED, running: str | None = None) -> Asked:
    return Asked("id", "red", kind, [], meaning, running)


def chat(identity: str, prompt: str) -> dict[str, Any]:
    turns = (("system", "You are a lamp."), ("user", f"For: {prompt}"), ("assistant", program()))
    return {"id": identity, "messages": [{"role": role, "content": content} for role, content in turns]}


def test_the_validation_rows_are_asked_in_order_with_what_they_mean_and_without_their_answers(tmp_path: Path) -> None:
    files.write_rows(tmp_path / "set" / "val.jsonl", [chat("b", "slower"), chat("a", "red")])
    rows = [
        {"id": "a", "prompt": "red", "category": "pattern", "meaning": RED},
        {"id": "trained", "prompt": "green", "category": "pattern", "meaning": RED},
        {"id": "b", "prompt": "slower", "category": "conversational", "meaning": RED, "running": program()},
    ]
    files.write_rows(tmp_path / "screened.jsonl", rows)
    first, second = score_quality.validation_requests(tmp_path / "set", tmp_path / "screened.jsonl")
    assert (first.id, first.kind, first.running) == ("b", "follow_up", program())
    assert (second.id, second.kind, second.meaning, second.running) == ("a", "pattern", RED, None)
    assert [turn["role"] for turn in first.messages] == ["system", "user"]


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([], r"val\.jsonl: no rows to ask; raise lamp_trainset\.validation_share and run dvc repro lamp_trainset"),
        (
            [chat("a", "red"), chat("gone", "green")],
            r"val\.jsonl: 1 of 2 rows are not in .*screened\.jsonl, the first is gone; make both from the same data",
        ),
    ],
)
def test_a_set_without_rows_or_with_rows_that_are_not_known_is_named(
    tmp_path: Path, rows: list[dict[str, Any]], line: str
) -> None:
    files.write_rows(tmp_path / "set" / "val.jsonl", rows)
    files.write_rows(tmp_path / "screened.jsonl", [{"id": "a", "prompt": "red", "category": "pattern"}])
    with pytest.raises(UserError, match=line):
        score_quality.validation_requests(tmp_path / "set", tmp_path / "screened.jsonl")


def test_an_answer_is_on_brief_off_brief_or_invalid(words: taxonomy.Taxonomy) -> None:
    good = score_quality.judged(asked(), program(), words)
    off = score_quality.judged(asked(), program(color="#0000FF"), words)
    invalid = score_quality.judged(asked(), program()[:-1], words)
    assert (good.valid, good.on_brief) == (True, True)
    assert (off.valid, off.on_brief) == (True, False)
    assert off.off_brief
    assert (invalid.valid, invalid.on_brief, len(invalid.off_brief)) == (False, False, 1)


def test_a_follow_up_is_judged_against_the_program_that_was_running(words: taxonomy.Taxonomy) -> None:
    meaning = {**RED, "change": "slower"}
    running = program("breathing", speed=1000)
    slower, same = program("breathing", speed=2000), running
    assert score_quality.judged(asked("follow_up", meaning, running), slower, words).on_brief
    assert not score_quality.judged(asked("follow_up", meaning, running), same, words).on_brief


def test_shares_are_of_what_has_a_meaning_and_by_category() -> None:
    good = Verdict(asked(), "", True, [], 10.0)
    bad = Verdict(asked("text"), "", True, ["why"], 20.0)
    unknown = Verdict(asked("text", None), "", False, ["no JSON"], 60.0)
    figures = score_quality.score([good, bad, unknown], [bad, bad, unknown])
    assert (figures["n"], figures["valid"], figures["on_brief"]) == (3, 0.6667, 0.5)
    assert (figures["baseline_on_brief"], figures["median_ms"]) == (0.0, 20.0)
    assert figures["by_category"] == {"pattern": {"n": 1, "on_brief": 1.0}, "text": {"n": 2, "on_brief": 0.0}}


def test_without_known_meanings_no_share_is_made_up(tmp_path: Path) -> None:
    figures = score_quality.score([Verdict(asked("x", None), "", True, [])], [Verdict(asked("x", None), "", True, [])])
    assert figures["on_brief"] is None
    assert "unknown on brief" in score_quality.line(figures, "Q4_K_M")
    score_quality.write_plot(tmp_path / "plots", figures)
    with (tmp_path / "plots" / "on_brief.csv").open() as table:
        assert list(csv.reader(table)) == [["category", "on_brief"]]


def test_the_plot_is_in_percent(tmp_path: Path) -> None:
    figures = score_quality.score([Verdict(asked(), "", True, [])], [Verdict(asked(), "", True, ["why"])])
    score_quality.write_plot(tmp_path / "plots", figures)
    with (tmp_path / "plots" / "on_brief.csv").open() as table:
        assert list(csv.reader(table))[1:] == [["pattern", "100.0"]]


def test_the_answers_hold_no_times_which_would_change_from_run_to_run() -> None:
    row = score_quality.answer_row(Verdict(asked(), "text", True, ["why"], 12.0))
    assert row["on_brief"] is False
    assert row["reasons"] == ["why"]
    assert not [name for name in row if name.endswith("ms")]


def test_the_repositorys_own_parameters_are_right() -> None:
    params.load(Params, "score_quality", ROOT / "params.yaml")
