"""No flash over the whole field faster than three a second."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from stages.device import flashing
from stages.lamp import validation
from stages.lamp.program import Program, compact
from stages.lamp.simulator import Schedule

WHITE, BLACK, RED, PINK = "#FFFFFF", "#000000", "#FF0000", "#FF6060"


def solid(color: str) -> dict[str, Any]:
    return {"type": "pattern", "name": "solid", "params": {"color": color}}


def moving(name: str, **params: Any) -> dict[str, Any]:
    return {"type": "pattern", "name": name, "params": params}


def program(*steps: tuple[dict[str, Any], int | None], times: int | None = None) -> Program:
    listed = [{"id": f"s{n}", "command": command, "duration": ms} for n, (command, ms) in enumerate(steps, start=1)]
    body: dict[str, Any] = {"name": "p", "steps": listed}
    if times is not None:
        body["loop"] = {"count": times, "start_step": "s1", "end_step": f"s{len(steps)}"}
    return validation.parse(compact({"program": body}))  # type: ignore[typeddict-item]


FAST = {
    "a strobe of steps": program((solid(WHITE), 50), (solid(BLACK), 50), times=0),
    "a counted strobe": program((solid(WHITE), 100), (solid(BLACK), 100), times=20),
    "a strobe of a step and stop": program((solid(WHITE), 100), ({"type": "stop"}, 100), times=0),
    "fast breathing": program((moving("breathing", color=WHITE, speed=200), None)),
    "pulses in short steps": program((moving("pulse", color=WHITE, speed=150), 150), times=0),
    "red and black": program((solid(RED), 150), (solid(BLACK), 150), times=0),
    "dark red and grey, about as bright": program((solid("#900000"), 120), (solid("#555555"), 120), times=0),
    "a burst behind a calm hour": program(
        (solid(BLACK), 3_600_000), (moving("breathing", color=WHITE, speed=150), None)
    ),
    "breathing whose first seconds are calm": program(
        (solid(WHITE), 5000), *[(solid(color), 100) for color in (BLACK, WHITE) * 4], (solid(BLACK), None)
    ),
}
CALM = {
    "a light that stays": program((solid(WHITE), None)),
    "a blink once a second": program((solid(WHITE), 500), (solid(BLACK), 500), times=0),
    "three blinks a second": program((solid(WHITE), 167), (solid(BLACK), 167), times=0),
    "fast changes of hardly any light": program((solid("#404040"), 50), (solid("#484848"), 50), times=0),
    "fast changes between bright colours": program((solid("#FFFFFF"), 50), (solid("#F4F4F4"), 50), times=0),
    "sparkles here and there": program((moving("sparkle", color=WHITE, bgColor=BLACK, speed=50, density=0.05), None)),
    "a fast rainbow, whose light stays the same": program((moving("rainbow", speed=500), None)),
    "one quick pulse": program((moving("pulse", color=WHITE, speed=100), None)),
    "an alarm of three quick blinks": program(
        *[(solid(color), 100) for color in (WHITE, BLACK) * 3], (solid(BLACK), None)
    ),
}


@pytest.mark.parametrize("name", FAST)
def test_more_than_three_flashes_in_a_second_are_found(name: str) -> None:
    assert flashing.too_fast(FAST[name])


@pytest.mark.parametrize("name", CALM)
def test_what_flashes_no_faster_is_let_through(name: str) -> None:
    assert not flashing.too_fast(CALM[name])


@pytest.mark.parametrize("name", FAST)
def test_a_slowed_program_is_valid_and_flashes_no_faster_than_three_a_second(name: str) -> None:
    before = copy.deepcopy(FAST[name])
    calm = flashing.slowed(FAST[name])
    assert FAST[name] == before
    assert validation.parse(compact(calm)) == calm
    assert not flashing.too_fast(calm)


def test_a_slowed_loop_takes_about_as_long_as_before() -> None:
    strobe = FAST["a counted strobe"]
    assert Schedule(strobe).total_ms == Schedule(flashing.slowed(strobe)).total_ms == 4000


def test_an_endless_loop_stays_endless() -> None:
    assert flashing.slowed(FAST["a strobe of steps"])["program"]["loop"]["count"] == 0  # type: ignore[index]


def test_what_the_program_ends_with_is_slowed_as_well() -> None:
    ending = program((solid(WHITE), 1000))
    ending["program"]["on_complete"] = {"command": moving("breathing", color=WHITE, speed=150)}  # type: ignore[typeddict-item]
    assert flashing.too_fast(ending)
    assert not flashing.too_fast(flashing.slowed(ending))
