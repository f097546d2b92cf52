"""Did a follow-up change what was asked for, and nothing else? Checks of a program against the one before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .color import near, rgb
from .film import watch
from .program import PATTERN_DEFAULTS, Command, Program
from .request import Meaning

_CLEARLY = 0.05  # of full light, or of a channel's mean
_SPEEDS = {"slower": 1, "calmer": 1, "faster": -1, "livelier": -1}
_LIGHTS = {"brighter": 1, "livelier": 1, "dimmer": -1, "calmer": -1}
_PATTERNS = {"add_sparkle": "sparkle", "breathe": "breathing", "still": "solid"}

Reasons = Iterator[str]


def off_change(meaning: Meaning, running: Program, program: Program) -> Reasons:
    """Why `program` is not `running` with the meaning's change, and that change alone."""
    change = meaning["change"]
    before, after = running["program"], program["program"]
    if [step["id"] for step in before["steps"]] != [step["id"] for step in after["steps"]]:
        yield f"has {len(after['steps'])} steps, the program that was running had {len(before['steps'])}"
        return
    if (before.get("loop") or {}) != (after.get("loop") or {}):
        yield "the loop is another one"
    pairs = [(old["command"], new["command"]) for old, new in zip(before["steps"], after["steps"], strict=True)]
    if change in _PATTERNS:
        yield from _turned_into(_PATTERNS[change], pairs)
        return
    if any(_kind(old) != _kind(new) for old, new in pairs):
        yield "shows something else than before"
        return
    if change in _SPEEDS:
        yield from _paced(_SPEEDS[change], pairs)
    elif [step["duration"] for step in before["steps"]] != [step["duration"] for step in after["steps"]]:
        yield "the durations changed"
    if change in _LIGHTS:
        yield from _lit(_LIGHTS[change], running, program)
    elif change in ("warmer", "cooler"):
        yield from _tinted(change, running, program)
    elif change == "recolor":
        if not any(near(color, rgb(meaning["colors"][0])) for color in _colors(program)):
            yield f"nothing is {meaning['colors'][0]}"
    elif change in _SPEEDS and _colors(running) != _colors(program):
        yield "the colours changed"


def _kind(command: Command) -> str:
    return command["name"] if command["type"] == "pattern" else command["type"]


def _params(command: Command) -> dict[str, Any]:
    if command["type"] != "pattern":
        return {}
    return {**PATTERN_DEFAULTS[command["name"]], **command["params"]}


def _turned_into(name: str, pairs: list[tuple[Command, Command]]) -> Reasons:
    for old, new in pairs:
        if _kind(new) != name:
            yield f"plays {_kind(new)}, not {name}"
        elif "color" in _params(old) and _params(old)["color"] not in _params(new).values():
            yield f"{_params(old)['color']} is gone"


def _paced(direction: int, pairs: list[tuple[Command, Command]]) -> Reasons:
    speeds = [(_params(old)["speed"], _params(new)["speed"]) for old, new in pairs if "speed" in _params(old)]
    for before, after in speeds:
        if (after - before) * direction <= 0:
            yield f"a turn takes {after} ms, it took {before}"


def _lit(direction: int, running: Program, program: Program) -> Reasons:
    before, after = _mean(running).max(), _mean(program).max()
    # There is no brighter than bright.
    full = direction > 0 and all(max(color) >= 250 for color in _colors(running))
    if (after - before) * direction < (0 if full else _CLEARLY / 2):
        yield f"has {after:.2f} of full light, it had {before:.2f}"


def _tinted(change: str, running: Program, program: Program) -> Reasons:
    """Warmer: more red against blue; cooler: the other way round."""
    before, after = _mean(running), _mean(program)
    gain = (after[0] - after[2]) - (before[0] - before[2])
    if gain * (1 if change == "warmer" else -1) <= 0:
        yield f"is not {change}"


def _mean(program: Program) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Mean red, green and blue of a program, 0..1, every step weighing the same."""
    shots = watch(program).shots
    means = [np.average([one.mean(axis=0) for one in shot.frames], axis=0, weights=shot.weights) for shot in shots]
    mean: np.ndarray[Any, np.dtype[np.float64]] = np.mean(means, axis=0) / 255
    return mean


def _colors(program: Program) -> list[tuple[int, int, int]]:
    """All colours that a program names, in order."""
    named = []
    for step in program["program"]["steps"]:
        command = step["command"]
        holders: list[Any] = [_params(command)] if command["type"] == "pattern" else []
        if command["type"] == "render":
            holders = list(command["elements"])
        named += [rgb(holder[key]) for holder in holders for key in ("color", "color2", "bgColor") if key in holder]
    return named
