"""The clock's hands against angles worked out in another way."""

import cmath
import math

import pytest

from stages.lamp import clock_face, simulator
from stages.lamp.clock_face import HOUR_HAND, MINUTE_HAND
from stages.lamp.validation import validate


def hands(hour, minute):
    found = [part for part in clock_face.elements(hour, minute) if part["type"] == "line"]
    return {part["color"]: part for part in found}


def direction(hand):
    """Clockwise from 12, as a share of a turn."""
    angle = cmath.phase(complex(hand["x2"] - hand["x1"], hand["y1"] - hand["y2"]))
    return (0.25 - angle / math.tau) % 1


def length(hand):
    return math.hypot(hand["x2"] - hand["x1"], hand["y2"] - hand["y1"])


@pytest.mark.parametrize(
    ("hour", "minute", "hour_tip", "minute_tip"),
    [
        (3, 0, (2, 0), (0, -4)),
        (12, 0, (0, -2), (0, -4)),
        (6, 0, (0, 2), (0, -4)),
        (9, 15, None, (4, 0)),
        (1, 30, None, (0, 4)),
        (9, 0, (-2, 0), (0, -4)),
        (2, 45, None, (-4, 0)),
    ],
)
def test_the_hands_point_where_the_time_is(hour, minute, hour_tip, minute_tip):
    for color, tip in ((HOUR_HAND, hour_tip), (MINUTE_HAND, minute_tip)):
        hand = hands(hour, minute)[color]
        if tip:
            assert (hand["x2"] - hand["x1"], hand["y2"] - hand["y1"]) == tip


@pytest.mark.parametrize("hour", range(1, 13))
@pytest.mark.parametrize("minute", [0, 15, 30, 45])
def test_every_time_is_a_valid_drawing_with_the_short_hand_for_the_hours(hour, minute):
    drawn = {"type": "render", "elements": clock_face.elements(hour, minute)}
    assert validate({"program": {"name": "c", "steps": [{"id": "a", "command": drawn, "duration": None}]}}) == []
    both = hands(hour, minute)
    assert length(both[HOUR_HAND]) < length(both[MINUTE_HAND])
    wanted = (hour % 12 + minute / 60) / 12
    off = abs(direction(both[HOUR_HAND]) - wanted)
    assert min(off, 1 - off) < 1 / 16, "the hour hand is less than half an eighth of a turn off"


def test_the_quarters_of_an_hour_look_different_from_each_other():
    shown = {
        simulator.frame({"type": "render", "elements": clock_face.elements(3, minute)}, 0).tobytes()
        for minute in (0, 15, 30, 45)
    }
    assert len(shown) == 4


def test_a_clock_stands_on_the_ground_it_is_given():
    assert clock_face.elements(3, 0, ground="#1F0F00")[0] == {"type": "fill", "color": "#1F0F00"}


def test_the_hands_lie_over_the_rim_and_the_rim_takes_the_colour_asked_for():
    drawn = clock_face.elements(3, 0, "#00FF00")
    assert [part["type"] for part in drawn[-2:]] == ["line", "line"]
    assert {part["color"] for part in drawn[1:-2]} == {"#00FF00"}
    assert {part["color"] for part in clock_face.elements(3, 0)[1:-2]} == {clock_face.RIM}
    front = simulator.grid(simulator.frame({"type": "render", "elements": drawn}, 0))
    assert tuple(front[6, 5]) != (0, 255, 0) and tuple(front[2, 4]) == (0, 255, 0)
