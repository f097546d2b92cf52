"""The one lamp: what runs on it, its frames, its history."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.device.serving import playing as module
from stages.device.serving.playing import DARK, Asked, Lamp
from stages.errors import UserError
from stages.lamp.program import Program
from stages.lamp.simulator import frame_at
from tests.device.serving.harness import Held, program


@pytest.fixture
def held() -> Held:
    held = Held(Path("model.gguf"))
    held.go.set()
    return held


class SaysChange:
    """Takes "slower" for a change, as the decider would."""

    def changes(self, request: str, running: Program) -> bool:
        return request == "slower"


def test_before_the_first_request_the_lamp_is_dark(held: Held) -> None:
    lamp = Lamp(held, None)  # type: ignore[arg-type]
    assert lamp.playing is None and lamp.frame() == DARK and lamp.history == []


def test_frames_follow_the_clock_of_the_program(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    moving: Program = {
        "program": {
            "name": "wave",
            "steps": [{"id": "a", "command": {"type": "pattern", "name": "wave", "params": {}}, "duration": None}],
        }
    }
    lamp = Lamp(held, None, moving)  # type: ignore[arg-type]
    for at_ms in (0, 50, 1234, 3_600_000):
        now[0] = 100.0 + at_ms / 1000 + 0.001
        assert lamp.frame() == frame_at(moving, at_ms - at_ms % 50).tobytes()


def test_a_request_changes_what_runs_where_the_decider_says_so(held: Held) -> None:
    lamp = Lamp(held, SaysChange())  # type: ignore[arg-type]
    for request in ("a heart", "slower", "a star"):
        lamp.answer(Asked(request))
    assert held.answered == [("a heart", None), ("slower", "a heart"), ("a star", None)]
    assert [said.reply.changed for said in lamp.history] == [False, True, False]
    assert [said.before for said in lamp.history] == [None, program("a heart"), program("slower")]


def test_a_correction_of_what_is_forgotten_is_refused(held: Held) -> None:
    lamp = Lamp(held, None)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="the request 'r7' is not remembered"):
        lamp.answer(Asked("slower", True, instead="r7"))
    assert held.answered == []


def test_the_history_is_bounded(held: Held) -> None:
    lamp = Lamp(held, None)  # type: ignore[arg-type]
    for number in range(module.REMEMBERED + 5):
        lamp.answer(Asked(str(number)))
    assert [said.request for said in lamp.history] == [str(number) for number in range(5, module.REMEMBERED + 5)]


def test_everything_that_begins_is_told_and_raises_the_revision(held: Held) -> None:
    told: list[str] = []
    lamp = Lamp(held, None, None, lambda begun: told.append(begun["program"]["name"]))  # type: ignore[arg-type]
    lamp.answer(Asked("a heart"))
    lamp.off()
    assert told == ["a heart", "Off"] and lamp.revision == 2


def test_a_still_shows_the_program_at_its_brightest() -> None:
    colors = ("#100000", "#FF0000", "#000000")
    steps = [
        {"id": color, "command": {"type": "pattern", "name": "solid", "params": {"color": color}}, "duration": 1000}
        for color in colors
    ]
    sunrise: Program = {"program": {"name": "sunrise", "steps": steps}}  # type: ignore[typeddict-item]
    assert module._still(sunrise) == b"\xff\0\0" * 172
