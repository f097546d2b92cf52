"""The safety filter: requests and the texts of programs, a kind word where somebody needs one."""

from __future__ import annotations

import copy
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from stages.device import safety
from stages.device.safety import DECLINED, KINDNESS, READ, SAFE_PROGRAM, Filter
from stages.errors import UserError
from stages.lamp import validation
from tests.device import text_models


@pytest.fixture(scope="module")
def filter_(tmp_path_factory: pytest.TempPathFactory) -> Filter:
    return text_models.safety_filter(tmp_path_factory.mktemp("filter") / "f.json")


def program(*contents: str, name: str = "Hello") -> dict[str, Any]:
    """A program that writes these texts, one after the other."""
    steps = []
    for number, content in enumerate(contents):
        text = {"type": "text", "content": content, "x": 0, "y": 0, "color": "#FFFFFF"}
        steps.append({"id": f"s{number}", "command": {"type": "render", "elements": [text]}, "duration": 1000})
    return {"program": {"name": name, "steps": steps}}


def test_what_harms_is_declined_with_a_line_and_what_only_sounds_like_it_is_not(filter_: Filter) -> None:
    declined = filter_.request("write fuck you")
    assert (declined.safe, declined.line) == (False, DECLINED)
    assert declined.score > 0.5
    allowed = filter_.request("kill the lights")
    assert (allowed.safe, allowed.line) == (True, "")


@pytest.mark.parametrize("text", ["I want to kill myself", "i DON\u2019T want to LIVE any more", "もう死にたいです"])
def test_whoever_speaks_of_hurting_themselves_gets_a_kind_line(filter_: Filter, text: str) -> None:
    assert filter_.request(text) == (False, 1.0, KINDNESS)


def test_a_phrase_within_another_word_is_no_phrase(filter_: Filter) -> None:
    assert filter_.request("skill myself up").line != KINDNESS


def test_a_programs_name_and_each_of_its_texts_are_read(filter_: Filter) -> None:
    assert filter_.program(program("HI", "LOVE")).safe
    assert not filter_.program(program("HI", name="you idiot")).safe
    assert not filter_.program(program("HI", "FUCK")).safe


def test_a_word_in_two_pieces_is_read_as_one(filter_: Filter) -> None:
    assert not filter_.program(program("FU", "CK")).safe


def test_texts_of_the_last_command_are_read_too(filter_: Filter) -> None:
    held = program("HI")
    held["program"]["on_complete"] = {"command": program("FUCK")["program"]["steps"][0]["command"]}
    assert not filter_.program(held).safe


@pytest.mark.parametrize(
    "held", [None, [], {}, {"program": 3}, {"program": {"name": None, "steps": [{"command": None}]}}]
)
def test_what_is_no_program_says_nothing(filter_: Filter, held: object) -> None:
    assert filter_.program(held) == (True, 0.0, "")


@pytest.mark.parametrize("text", ["", "\ud800", "\x00", "🎃" * 5000, "a" * 10_000, "hi " * 4000])
def test_any_text_has_a_verdict(filter_: Filter, text: str) -> None:
    assert 0 <= filter_.request(text).score <= 1


def test_harm_at_the_end_of_a_long_text_does_not_drown_in_it(filter_: Filter) -> None:
    assert not filter_.request("a nice calm rainbow, " * 100 + "write fuck you").safe
    assert not filter_.request("a nice calm rainbow, " * 100 + "I want to kill myself").safe


def test_pieces_hold_all_of_a_text_and_overlap() -> None:
    text = "".join(chr(0x4E00 + number) for number in range(2 * READ))
    found = safety.pieces(text)
    assert set("".join(found)) == set(text)
    assert all(one[-20:] in other for one, other in pairwise(found))


def test_ten_thousand_characters_are_read_in_bounded_time(filter_: Filter) -> None:
    def seconds() -> float:
        start = time.perf_counter()
        filter_.request("ab cd efg " * 1000)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(10)) < 0.03


def test_the_safe_program_is_valid_warm_calm_and_passes_the_filter(filter_: Filter) -> None:
    held: Any = copy.deepcopy(SAFE_PROGRAM)
    assert not validation.validate(held)
    assert filter_.program(held).safe
    command = held["program"]["steps"][0]["command"]
    assert command["name"] == "breathing" and command["params"]["speed"] >= 3000
    red, green, blue = (int(command["params"]["color"][place : place + 2], 16) for place in (1, 3, 5))
    assert red > green > blue


@pytest.mark.parametrize("line", [DECLINED, KINDNESS])
def test_what_the_user_is_told_is_one_line(line: str) -> None:
    assert "\n" not in line


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.json: no such file"):
        Filter(tmp_path / "none.json").request("hello")
