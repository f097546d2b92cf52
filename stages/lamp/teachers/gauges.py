"""How much there is of something: battery, signal bars, a level; and the weather with its degrees."""

from __future__ import annotations

import random

from .. import notation
from ..lettering import centred
from ..program import Command, Element

BATTERY_ROWS = 11  # inside the battery
LEVEL_ROWS = 12  # inside the tank
BARS = 5  # one column wide, with a gap between them
_FRAME, _UNLIT, _DARK = "#C0C0C0", "#303030", "#000000"
_LOW, _HALF = 20, 50
_BAR_COLOR, _LEVEL_COLOR = "#00FFFF", "#4169E1"

_NIGHTS = ("000040", "001F1F", "1B2A5C", "200020")
_DEGREES_COLORS = ("#FFFFFF", "#FFE4C4", "#87CEEB")
_SKIES: dict[str, str] = {
    "sunny": "rect 3 0 4 6 FFD700; rect 2 1 6 4 FFD700",
    "cloudy": "rect 1 2 8 3 C0C0C0; rect 3 1 4 1 C0C0C0",
    "rainy": "rect 1 1 8 3 808080; pixel 2 5 4169E1; pixel 5 5 4169E1; pixel 8 5 4169E1",
    "snowy": "rect 1 1 8 3 C0C0C0; pixel 2 5 FFFFFF; pixel 5 5 FFFFFF; pixel 8 5 FFFFFF",
    "stormy": "rect 1 0 8 3 808080; line 5 3 4 4 FFFF00; line 5 5 4 6 FFFF00",
}


def status(kind: str, percent: int, color: str | None) -> Command:
    """A gauge of `kind` (battery, bars or level) at `percent`."""
    drawn = {"battery": _battery, "bars": _bars, "level": _level}[kind](percent, color)
    return {"type": "render", "elements": [{"type": "fill", "color": _DARK}, *drawn]}


def battery_color(percent: int) -> str:
    """Red when nearly empty, amber up to half, else green."""
    return "#FF0000" if percent <= _LOW else "#FFBF00" if percent <= _HALF else "#00C800"


def filled(percent: int, rows: int) -> int:
    """How many of so many rows are filled; a little is never nothing."""
    return max(1, round(rows * percent / 100)) if percent > 0 else 0


def _rect(x: int, y: int, w: int, h: int, color: str) -> Element:
    return {"type": "rect", "x": x, "y": y, "w": w, "h": h, "color": color}


def _battery(percent: int, color: str | None) -> list[Element]:
    rows = filled(percent, BATTERY_ROWS)
    body = [_rect(4, 0, 2, 1, _FRAME), _rect(1, 1, 8, 13, _FRAME), _rect(2, 2, 6, BATTERY_ROWS, _DARK)]
    if rows:
        body.append(_rect(2, 2 + BATTERY_ROWS - rows, 6, rows, color or battery_color(percent)))
    return body


def _bars(percent: int, color: str | None) -> list[Element]:
    lit = filled(percent, BARS)
    return [
        _rect(2 * number, 9 - 2 * number, 1, 4 + 2 * number, (color or _BAR_COLOR) if number < lit else _UNLIT)
        for number in range(BARS)
    ]


def _level(percent: int, color: str | None) -> list[Element]:
    rows = filled(percent, LEVEL_ROWS)
    tank = [_rect(0, 1, 10, 13, _FRAME), _rect(1, 1, 8, LEVEL_ROWS, _DARK)]
    if rows:
        tank.append(_rect(1, 1 + LEVEL_ROWS - rows, 8, rows, color or _LEVEL_COLOR))
    return tank


def weather(kind: str, degrees: int, rng: random.Random) -> Command:
    """The sky above, the degrees below."""
    sky = notation.command(f"draw fill {rng.choice(_NIGHTS)}; " + _SKIES[kind])
    assert sky["type"] == "render"
    sky["elements"].append(centred(str(degrees), 8, rng.choice(_DEGREES_COLORS)))
    return sky
