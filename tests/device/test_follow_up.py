"""Whether a request changes the running program: any text has an answer, and with nothing running it is no."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.device import follow_up, word_kinds
from stages.device.follow_up import Decider
from stages.errors import UserError
from tests.device import text_models

RUNNING = {"program": {"name": "a heart", "steps": []}}


@pytest.fixture(scope="module")
def decider(tmp_path_factory: pytest.TempPathFactory) -> Decider:
    return text_models.decider(tmp_path_factory.mktemp("decider") / "d.json")


@pytest.mark.parametrize(
    "request_", ["slower", "Brighter!", "that but in green", "faster please", "make it a bit dimmer"]
)
def test_what_compares_or_points_at_the_program_changes_it(decider: Decider, request_: str) -> None:
    assert decider.changes(request_, RUNNING)


@pytest.mark.parametrize("request_", ["show a star", "draw a dog", "sleep timer 45 minutes", "a green wave", "party"])
def test_what_says_itself_what_to_show_begins_anew(decider: Decider, request_: str) -> None:
    assert not decider.changes(request_, RUNNING)


def test_with_nothing_running_nothing_is_changed(decider: Decider) -> None:
    assert not decider.changes("slower", None)


@pytest.mark.parametrize("text", ["", "\ud800\udfff\x00", "🎃", "slower " * 2000, "?" * 10_000])
def test_any_text_has_an_answer(decider: Decider, text: str) -> None:
    assert decider.changes(text, RUNNING) in (True, False)


def test_the_threshold_of_the_file_decides(tmp_path: Path, decider: Decider) -> None:
    path = tmp_path / "d.json"
    text_models.decider(path)
    path.write_text(path.read_text().replace('"threshold": 0.5', '"threshold": 1.1'))
    assert not Decider(path).changes("slower", RUNNING)


def test_numbers_are_all_alike_and_politeness_is_no_part_of_the_order() -> None:
    known = word_kinds.kinds({"polite": ("please",), "more": ("brighter",)})
    assert follow_up.reading("timer 20", known) == follow_up.reading("timer 35", known)
    assert "^ more $" in follow_up.reading("please brighter please", known)[1]


def test_the_file_is_read_at_the_first_use_and_a_missing_one_is_one_line(tmp_path: Path) -> None:
    decider = Decider(tmp_path / "none.json")
    with pytest.raises(UserError, match=r"none\.json: no such file"):
        decider.changes("slower", RUNNING)
