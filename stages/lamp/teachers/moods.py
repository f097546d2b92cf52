"""What a mood looks like: two colours of its palette in one of its ways, at its tempo. Never twice the same."""

from __future__ import annotations

import random
from typing import Any

from ..color import brightened, dimmed, rgb
from ..program import Command, Step
from ..taxonomy import Mood

# Speeds (ms) and densities by pattern and tempo: first, last, and the distance between them.
SPEEDS = {
    "breathing": {"slow": (3500, 6500, 500), "medium": (2000, 2800, 200), "fast": (800, 1400, 200)},
    "wave": {"slow": (3500, 7000, 500), "medium": (1600, 2800, 200), "fast": (600, 1200, 200)},
    "rainbow": {"slow": (4500, 8000, 500), "medium": (2000, 3600, 200), "fast": (600, 1400, 100)},
    "pulse": {"slow": (1400, 2000, 200), "medium": (800, 1200, 100), "fast": (300, 600, 100)},
    "sparkle": {"slow": (220, 400, 30), "medium": (130, 190, 20), "fast": (60, 110, 10)},
}
_DENSITIES = {"slow": (5, 20), "medium": (10, 30), "fast": (30, 50)}
# How long a part of a drift lasts, ms.
_PARTS = {"slow": (8000, 20000, 2000), "medium": (4000, 8000, 1000), "fast": (1500, 4000, 500)}
DIM = 0.45  # of a colour's brightness
_FULL = 230  # a strongest channel that is bright enough for `bright`


def steps(mood: Mood, brightness: str | None, rng: random.Random) -> tuple[list[Step], int | None]:
    """The steps of a mood and how often they are looped (0: for ever; None: not at all)."""
    way = rng.choice([way for way in mood.ways if _bright_enough(way, brightness)])
    if way != "drift":
        return [{"id": "s1", "command": _command(mood, way, brightness, rng), "duration": None}], None
    ways = [other for other in mood.ways if other != "drift" and _bright_enough(other, brightness)]
    count = rng.choice((2, 2, 3))
    parts = [rng.choice(ways) for _ in range(count)]
    drawn: list[Step] = []
    for number, part in enumerate(parts, start=1):
        command = _command(mood, part, brightness, rng)
        drawn.append({"id": f"s{number}", "command": command, "duration": _draw(_PARTS[mood.tempo], rng)})
    return drawn, 0


def _bright_enough(way: str, brightness: str | None) -> bool:
    """Sparks on a dark ground are never bright, nor is rainbow ever dim."""
    return not (brightness == "bright" and way == "sparkle") and not (brightness == "dim" and way == "rainbow")


def _command(mood: Mood, way: str, brightness: str | None, rng: random.Random) -> Command:
    colors = list(mood.palette)
    first = rng.choice(colors)
    second = rng.choice([color for color in colors if color != first])
    if brightness == "bright":
        # The brightest of the palette, fullest first.
        fullest = sorted(colors, key=lambda color: -max(rgb(color)))[: max(3, len(colors) // 2)]
        first, second = (brightened(color) if max(rgb(color)) < _FULL else color for color in rng.sample(fullest, 2))
    if brightness == "dim" and mood.light != "dim":
        first, second = dimmed(first, DIM), dimmed(second, DIM)
    return pattern(way, [first, second], mood.tempo, rng)


def pattern(name: str, colors: list[str], tempo: str, rng: random.Random) -> Command:
    """A pattern in one or two colours, its speed and density drawn from what its tempo allows."""
    params: dict[str, Any] = {}
    if name != "rainbow":
        params["color"] = colors[0]
    if name in ("gradient", "wave"):
        params["color2"] = colors[1]
    if name == "sparkle":
        params["bgColor"] = colors[1]
    if name in SPEEDS:
        params["speed"] = _draw(SPEEDS[name][tempo], rng)
    if name == "sparkle":
        low, high = _DENSITIES[tempo]
        params["density"] = rng.randrange(low, high + 1, 5) / 100
    return {"type": "pattern", "name": name, "params": params}  # type: ignore[return-value,misc]


def _draw(span: tuple[int, int, int], rng: random.Random) -> int:
    first, last, unit = span
    return rng.randrange(first, last + 1, unit)
