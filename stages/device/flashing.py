"""Photosensitivity: no flash over the whole field faster than three a second, whatever the model wrote.

Comes in: a valid program. Goes out: the same program, or a slower one that does not flash.
Always holds: what comes out has no second with more than three flashes, and lasts about as long.

A flash is a pair of opposing changes of the field's mean relative luminance by a tenth or more where the darker
one is below 0.8, or a pair of changes to and from saturated red (WCAG 2.2, "general flash and red flash thresholds",
https://www.w3.org/TR/WCAG22/#dfn-general-flash-and-red-flash-thresholds). What sparkles here and there is none.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..lamp.program import PATTERN_DEFAULTS, Command, Program
from ..lamp.simulator import TICK_MS, Schedule, frame

MOST_PER_SECOND = 3
# Three flashes a second with a little to spare: what begins in the middle of a breath adds half a flash.
_SLOWEST_MS = 400
# Programs whose steps and patterns all take longer than this cannot flash too fast, so they are not simulated.
_HARMLESS_MS = 700
# Of a long command the beginning and the end are looked at: fast patterns repeat within it, slow ones do no harm.
_WATCHED_MS = 1500
_GENERAL, _DARK, _RED = 0.1, 0.8, 20 / 320

Series = NDArray[np.float64]


def too_fast(program: Program) -> bool:
    """Whether some second of a valid program has more than three flashes."""
    if all(ms >= _HARMLESS_MS for ms in _times(program)):
        return False
    moments, luminance, redness = _watched(program)
    general = _flashes(luminance, _GENERAL, _DARK)
    red = _flashes(redness, _RED, np.inf)
    return any(_crowded(moments[ends]) for ends in (general, red))


def slowed(program: Program) -> Program:
    """The program with every step and every pattern at 400 ms or more; a loop goes round less often instead."""
    calm = copy.deepcopy(program)
    body = calm["program"]
    loop = body.get("loop")
    before = _round_ms(calm)
    for command in _commands(calm):
        if command["type"] == "pattern" and "speed" in PATTERN_DEFAULTS[command["name"]]:
            params = {**PATTERN_DEFAULTS[command["name"]], **command["params"]}
            command["params"]["speed"] = max(params["speed"], _SLOWEST_MS)  # type: ignore[typeddict-unknown-key]
    for step in body["steps"]:
        if step["duration"] is not None:
            step["duration"] = max(step["duration"], _SLOWEST_MS)
    if loop is not None and loop["count"] > 0:
        loop["count"] = max(1, round(loop["count"] * before / _round_ms(calm)))
    return calm


def _commands(program: Program) -> Iterator[Command]:
    body = program["program"]
    yield from (step["command"] for step in body["steps"])
    final = body.get("on_complete")
    if final is not None:
        yield final["command"]


def _times(program: Program) -> Iterator[int]:
    yield from (step["duration"] for step in program["program"]["steps"] if step["duration"] is not None)
    for command in _commands(program):
        if command["type"] == "pattern":
            speed = {**PATTERN_DEFAULTS[command["name"]], **command["params"]}.get("speed")
            if speed is not None and command["name"] != "sparkle":
                yield int(speed)


def _round_ms(program: Program) -> int:
    """How long the loop takes once round, or all steps where there is none."""
    body = program["program"]
    ids, loop = [step["id"] for step in body["steps"]], body.get("loop")
    inside = slice(None) if loop is None else slice(ids.index(loop["start_step"]), ids.index(loop["end_step"]) + 1)
    return sum(step["duration"] or 0 for step in body["steps"][inside]) or 1


def _watched(program: Program) -> tuple[Series, Series, Series]:
    """Moments (ms), and at each the field's mean relative luminance and redness, 0..1; of a loop a second and a round.

    So what its end and its beginning make together is seen too.
    """
    body = copy.copy(program["program"])
    loop = body.get("loop")
    rounds = 1
    if loop is not None:
        rounds = 2 + _WATCHED_MS // _round_ms(program)
        if loop["count"]:
            rounds = min(rounds, loop["count"])
        body["loop"] = {**loop, "count": rounds}
    moments: list[int] = []
    frames: list[NDArray[np.uint8]] = []
    for start, duration, command in Schedule({"program": body}).segments((rounds + 1) * len(body["steps"]) + 1):
        for elapsed in _instants(command, duration):
            moments.append(start + elapsed)
            frames.append(frame(command, elapsed))
    light = _linear(np.array(frames)).mean(axis=1)
    luminance = light @ np.array([0.2126, 0.7152, 0.0722])
    red, total = light[:, 0], light.sum(axis=1)
    saturated = (total > 0) & (red >= 0.8 * total)
    return np.array(moments, np.float64), luminance, np.where(saturated, 2 * red - total, 0.0).clip(0)


def _instants(command: Command, duration: int | None) -> list[int]:
    """When a command is looked at, in ms after it began: every frame, at its beginning and its end."""
    if command["type"] != "pattern" or command["name"] in ("solid", "gradient"):
        return [0]
    lasts = 2 * _WATCHED_MS if duration is None else duration
    if lasts <= 2 * _WATCHED_MS:
        return list(range(0, lasts, TICK_MS))
    return [*range(0, _WATCHED_MS, TICK_MS), *range(lasts - _WATCHED_MS, lasts, TICK_MS)]


def _linear(frames: NDArray[np.uint8]) -> Series:
    """Levels 0-255 as linear light 0..1 (sRGB, IEC 61966-2-1)."""
    shares = frames / 255
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def _flashes(series: Series, change: float, dark: float) -> list[int]:
    """Where each flash ends: the indices at which a change of at least `change` follows an opposing one.

    dark: the lower end of a change must be below this.
    """
    ends: list[int] = []
    extreme, direction, changes = float(series[0]), 0, 0
    for index, value in enumerate(series.tolist()):
        step = value - extreme
        if direction == 0 or step * direction < 0:
            if abs(step) >= change and min(value, extreme) < dark:
                direction, extreme = (1 if step > 0 else -1), value
                changes += 1
                if changes % 2 == 0:
                    ends.append(index)
        else:
            extreme = value  # further the same way
    return ends


def _crowded(ends_ms: Series) -> bool:
    """Whether more than three flashes end within a second."""
    gap = MOST_PER_SECOND
    return bool(len(ends_ms) > gap and (ends_ms[gap:] - ends_ms[:-gap] < 1000).any())
