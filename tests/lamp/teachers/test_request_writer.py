"""`lampforge write-requests`: further requests with their meaning, through the real SDK."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from stages.lamp.teachers.request_writer import meaning_of, write_requests
from tests.lamp.teachers.stand_in import Said

ROOT = Path(__file__).parents[3]
KNOWN = [
    {
        "prompt": f"it's {hour} am, wake me gently",
        "category": "contextual",
        "subcategory": "time_aware",
        "meaning": {"intent": "mood", "mood": "calm"},
    }
    for hour in range(1, 10)
] + [
    {"prompt": "blue", "category": "pattern", "subcategory": "", "meaning": {"intent": "pattern", "pattern": "solid"}},
    {"prompt": "wow", "category": "edge_case", "subcategory": "very_short", "meaning": {"intent": "off"}},
    {"prompt": "oh", "category": "other", "subcategory": "very_short", "meaning": {"intent": "off"}},
]


def entry(prompt: str, intent: str = "mood", **facts: str) -> dict[str, Any]:
    listed = [{"key": key, "value": value} for key, value in (facts or {"mood": "calm"}).items()]
    return {"prompt": prompt, "intent": intent, "facts": listed}


def part_of(messages: list[dict[str, Any]]) -> int:
    [number] = re.findall(r"Part (\d+)\.", messages[0]["content"])
    return int(number)


def twenty(messages: list[dict[str, Any]]) -> Said:
    part = part_of(messages)
    return Said(json.dumps({"requests": [entry(f"new wish {part} {n}") for n in range(20)]}))


def write(folder: Path, subcategory: str = "time_aware", count: int = 20, **changes: Any) -> Any:
    values = yaml.safe_load((ROOT / "params.yaml").read_text())["lamp_responses"]
    quick = {"store": str(folder / "store"), "poll_s": 0.005, "settle_s": 0.1, "budget_usd": 50}
    values["anthropic"].update({**quick, **changes})
    (folder / "params.yaml").write_text(yaml.safe_dump({"lamp_responses": values}))
    (folder / "known.jsonl").write_text("".join(json.dumps(row) + "\n" for row in KNOWN))
    options = {"like": folder / "known.jsonl", "out": folder / "new.jsonl", "params": folder / "params.yaml"}
    options.update({"seed-folder": ROOT / "data" / "seed"})
    arguments = [part for name, path in options.items() for part in (f"--{name}", str(path))]
    return CliRunner().invoke(write_requests, [subcategory, "--count", str(count), *arguments])


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "new.jsonl").read_text().splitlines()]


def test_requests_come_with_their_meaning_and_in_the_number_that_is_asked_for(stand_in, tmp_path):
    stand_in.answer = twenty
    result = write(tmp_path, count=50)
    assert result.exit_code == 0, result.stderr
    assert "50 requests of contextual/time_aware" in result.stdout and "refused" not in result.stdout
    assert len({row["prompt"] for row in rows(tmp_path)}) == 50 and len(stand_in.bills) == 3
    assert rows(tmp_path)[0] == {
        "prompt": "new wish 1 0",
        "category": "contextual",
        "subcategory": "time_aware",
        "meaning": {"intent": "mood", "mood": "calm"},
        "written_by": "claude-opus-4-6",
    }


def test_the_same_command_again_costs_nothing_and_a_larger_count_only_what_is_new(stand_in, tmp_path):
    stand_in.answer = twenty
    write(tmp_path, count=20)
    first = (tmp_path / "new.jsonl").read_bytes()
    write(tmp_path, count=20)
    assert (tmp_path / "new.jsonl").read_bytes() == first and len(stand_in.bills) == 1
    write(tmp_path, count=60)
    assert (tmp_path / "new.jsonl").read_bytes().startswith(first) and len(stand_in.bills) == 3


def test_what_is_asked_names_the_kind_with_examples_and_the_names_that_a_meaning_may_have(stand_in, tmp_path):
    asked = []

    def answer(messages):
        asked.append(messages[0]["content"])
        return twenty(messages)

    stand_in.answer = answer
    write(tmp_path, count=40)
    assert all("of the kind contextual / time aware." in text and "wake me gently" in text for text in asked)
    assert all("mood: calm\n" in text and "pattern: solid" in text for text in asked)
    assert len({text.partition("Part")[2] for text in asked}) == 2


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (entry("It's 3 am,  wake me gently"), "1 there already"),
        (entry("new wish 1 0"), "1 there already"),
        (entry("draw a star please"), "1 held out for the benchmark"),
        (entry("  "), "1 empty or too long"),
        (entry("x" * 401), "1 empty or too long"),
        (entry("glow", mood="wistful"), "1 with a name that is not in the seed data"),
        (entry("glow", intent="sing"), "1 with a meaning that is none"),
        (entry("glow", duration_ms="soon"), "1 with a meaning that is none"),
        (entry("glow", volume="loud"), "1 with a meaning that is none"),
        ({"prompt": "glow", "intent": "off"}, "1 with a meaning that is none"),
    ],
)
def test_a_request_of_no_use_is_left_out_and_counted_and_another_asked_for(stand_in, tmp_path, wrong, why):
    def answer(messages):
        listed = [entry(f"new wish {part_of(messages)} {n}") for n in range(20)]
        return Said(json.dumps({"requests": listed if part_of(messages) > 1 else [*listed[:19], wrong]}))

    stand_in.answer = answer
    result = write(tmp_path)
    assert result.exit_code == 0, result.stderr
    assert f"20 requests of contextual/time_aware; refused: {why}\n" in result.stdout
    assert wrong["prompt"] not in [row["prompt"] for row in rows(tmp_path)][19:]
    assert len(stand_in.bills) == 2


def test_an_answer_that_is_no_list_is_asked_again_and_then_done_without(stand_in, tmp_path):
    stand_in.answer = lambda messages: Said("Sure!") if part_of(messages) == 1 else twenty(messages)
    result = write(tmp_path)
    assert "20 requests of contextual/time_aware; refused: 1 answers that were no list of requests" in result.stdout
    assert len(stand_in.bills) == 3 + 1


def test_where_nothing_usable_comes_there_are_fewer_requests_and_an_end(stand_in, tmp_path):
    stand_in.answer = lambda messages: Said(json.dumps({"requests": [entry("just the one")]}))
    result = write(tmp_path)
    assert result.exit_code == 0 and "1 requests of contextual/time_aware" in result.stdout
    assert len(stand_in.bills) == 3


@pytest.mark.parametrize(
    ("subcategory", "line"),
    [
        ("evenings", "evenings: is no sub-category of"),
        ("very_short", "very_short: is in several categories of"),
    ],
)
def test_a_kind_that_is_not_there_or_not_clear_is_one_line_with_those_that_are(tmp_path, subcategory, line):
    result = write(tmp_path, subcategory)
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert line in result.stderr and "edge_case/very_short, other/very_short" in result.stderr


def test_a_category_without_sub_categories_is_a_kind_of_its_own(stand_in, tmp_path):
    stand_in.answer = twenty
    result = write(tmp_path, "pattern")
    assert result.exit_code == 0, result.stderr
    assert {(row["category"], row["subcategory"]) for row in rows(tmp_path)} == {("pattern", "")}
    assert write(tmp_path, "other/very_short").exit_code == 0


def test_without_a_budget_or_a_key_there_is_one_line_and_no_file(stand_in, tmp_path, monkeypatch):
    result = write(tmp_path, budget_usd=0)
    assert result.exit_code == 2 and "budget_usd is 0" in result.stderr
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    result = write(tmp_path)
    assert result.exit_code == 2 and "ANTHROPIC_API_KEY is not set" in result.stderr
    assert not (tmp_path / "new.jsonl").exists()


def test_facts_become_the_types_of_a_meaning():
    facts = [("colors", "#FF0000, #0000FF"), ("number", "5"), ("text", "HI"), ("parts", '[{"intent": "off"}]')]
    assert meaning_of("sequence", facts) == {
        "intent": "sequence",
        "colors": ["#FF0000", "#0000FF"],
        "number": 5,
        "text": "HI",
        "parts": [{"intent": "off"}],
    }


@pytest.mark.parametrize(
    ("intent", "facts"),
    [
        ("sing", []),
        ("off", [("number", "five")]),
        ("off", [("volume", "loud")]),
        ("sequence", [("parts", '[{"intent": "sing"}]')]),
        ("sequence", [("parts", '[{"intent": "off", "volume": "loud"}]')]),
    ],
)
def test_what_is_no_meaning_is_refused(intent, facts):
    with pytest.raises(ValueError, match=r"intent|invalid literal|no meaning has"):
        meaning_of(intent, facts)


def test_the_schema_is_one_that_the_api_takes(stand_in, tmp_path):
    """The stand-in checks it as documented, and the SDK has nothing to change in it."""
    from anthropic import transform_schema

    from stages.lamp.teachers.request_writer import _schema

    stand_in.answer = twenty
    assert write(tmp_path).exit_code == 0
    assert transform_schema(_schema()) == _schema()
