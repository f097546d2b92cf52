"""An analog clock on the 10x14 grid: a round rim and two hands."""

from __future__ import annotations

import math

from . import pixel_art
from .color import BLACK
from .program import Element

RIM = "#FFFFFF"
HOUR_HAND = "#FF8C00"
MINUTE_HAND = "#00FFFF"
_CENTRE = (5, 6)
_HOUR_LENGTH, _MINUTE_LENGTH = 2.0, 4.0

_FACE = """
..........
..........
...rrrr...
.rr....rr.
.r......r.
r........r
r........r
r........r
r........r
.r......r.
.rr....rr.
...rrrr...
..........
..........
"""


def elements(hour: int, minute: int, rim: str = RIM, ground: str = BLACK) -> list[Element]:
    """A clock face showing `hour` (1-12) and `minute` (0-59), hands over the rim."""
    face = pixel_art.Picture("clock", "drawn", ("clock",), None, "r", {"r": rim}, tuple(_FACE.split()))
    hour_turn = (hour % 12 + minute / 60) / 12
    return [
        *pixel_art.elements(face, ground),
        _hand(minute / 60, _MINUTE_LENGTH, MINUTE_HAND),
        _hand(hour_turn, _HOUR_LENGTH, HOUR_HAND),
    ]


def _hand(turn: float, length: float, color: str) -> Element:
    angle = 2 * math.pi * turn
    x, y = _CENTRE
    tip = (round(x + length * math.sin(angle)), round(y - length * math.cos(angle)))
    return {"type": "line", "x1": x, "y1": y, "x2": tip[0], "y2": tip[1], "color": color}
