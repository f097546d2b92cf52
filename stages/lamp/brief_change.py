"""Did a follow-up change what was asked for, and nothing else? Checks of a program against the one before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .color import Rgb, hue, near, rgb
from .film import watch
from .program import PATTERN_DEFAULTS, Body, Command, Program
from .request import Meaning

_CLEARLY = 0.05  # of full light, or of a channel's mean
_SPEEDS = {"slower": 1, "calmer": 1, "faster": -1, "livelier": -1}
_LIGHTS = {"brighter": 1, "livelier": 1, "dimmer": -1, "calmer": -1}
_COLOR_KEYS = ("color", "color2", "bgColor")
_HUE_SEEN = 48  # the distance of a colour's strongest channel from its weakest, of 255
_HUE_TURN = 40  # degrees; what is rounded to few shades turns a little
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
    yield from _lasting(_SPEEDS.get(change, 0), before, after)
    pairs = [(old["command"], new["command"]) for old, new in zip(before["steps"], after["steps"], strict=True)]
    if change in _PATTERNS:
        yield from _turned_into(_PATTERNS[change], pairs)
        return
    if any(_bare(old) != _bare(new) for old, new in pairs):
        yield "shows something else than before"
        return
    yield from _paced(_SPEEDS.get(change, 0), pairs)
    if change in _LIGHTS:
        yield from _lit(_LIGHTS[change], running, program)
        yield from _same_hues(running, program)
    elif change in ("warmer", "cooler"):
        yield from _tinted(change, running, program)
    elif change == "recolor":
        yield from _recolored(rgb(meaning["colors"][0]), running, program)
    elif _colors(running) != _colors(program):
        yield "the colours changed"


def _lasting(direction: int, before: Body, after: Body) -> Reasons:
    """Steps last longer (direction 1), less long (-1) or as long as before (0)."""
    for old, new in zip(before["steps"], after["steps"], strict=True):
        was, now = old["duration"], new["duration"]
        if was != now and (was is None or now is None or (now - was) * direction <= 0):
            yield "the durations changed"
            return


def _bare(command: Command) -> Any:
    """What a command shows, but for colours and speed."""
    if command["type"] == "pattern":
        kept = {key: value for key, value in _params(command).items() if key not in (*_COLOR_KEYS, "speed")}
        return command["name"], kept
    elements: Any = command["elements"] if command["type"] == "render" else []
    return command["type"], [{k: v for k, v in element.items() if k not in _COLOR_KEYS} for element in elements]


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
        if (after - before) * direction <= 0 if direction else after != before:
            yield f"a turn takes {after} ms, it took {before}"


def _lit(direction: int, running: Program, program: Program) -> Reasons:
    before, after = _mean(running).max(), _mean(program).max()
    # There is no brighter than bright.
    full = direction > 0 and all(max(color) >= 250 for color in _colors(running))
    if (after - before) * direction < (0 if full else _CLEARLY / 2):
        yield f"has {after:.2f} of full light, it had {before:.2f}"


def _same_hues(running: Program, program: Program) -> Reasons:
    """More or less light, but the same colours: of what has a hue and is not black."""
    for old, new in zip(_colors(running), _colors(program), strict=True):
        if min(max(old) - min(old), max(new) - min(new)) >= _HUE_SEEN:
            turn = abs(hue(old) - hue(new))
            if min(turn, 360 - turn) > _HUE_TURN:
                yield "the colours changed"
                return


def _recolored(wanted: Rgb, running: Program, program: Program) -> Reasons:
    """Some colours are the one that was wanted, the others what they were."""
    pairs = list(zip(_colors(running), _colors(program), strict=True))
    if not any(near(new, wanted) for _, new in pairs):
        yield "nothing is #{:02X}{:02X}{:02X}".format(*wanted)
    elif any(new != old and not near(new, wanted) for old, new in pairs):
        yield "other colours changed, too"


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
        named += [rgb(holder[key]) for holder in holders for key in _COLOR_KEYS if key in holder]
    return named
