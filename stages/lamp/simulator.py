"""What the lamp shows at any instant: a deterministic simulation of its seven patterns, render and stop.

Every frame is a function of (command, ms since the command began, seed) alone: frames can be asked for in
any order, and the same question always gets the same answer. Programs are taken to be valid.

What the lamp's description leaves open, and what is assumed here:

- Pictures change 20 times a second: breathing, wave, rainbow, pulse and sparkle see the time since their
  step began rounded down to 50 ms. A step that comes round again begins anew.
- Breathing starts in mid-breath, rising. A wave's weight is the share of `color2`. Rainbow's base hue
  starts at 0 (red) and makes one turn per `speed` ms.
- Pulse rises and falls linearly, from and to dark, and leaves the lamp dark.
- Sparkle starts on `bgColor`, its first tick is at its very start, its ambient LEDs stay `bgColor`. The
  draw of a tick and LED depends on the seed only, so each sparkle step twinkles alike.
- Gradient measures the distance from the centre of the front (4.5, 6.5), 1 at the corners; ambient LEDs
  lie beyond the edge and take `color2`. Solid, breathing and pulse light the ambient LEDs as the front.
- Render leaves the ambient LEDs dark, and begins with a dark front. Lines run from (x1, y1) to (x2, y2).
- Alpha mixes with what lies below in proportion: earlier elements in a render, the dark lamp in a pattern.
- Levels are rounded to the nearest of 0-255, halves up.
- A loop's `count` is how often its steps play in all. When a program is over without `on_complete`, its
  last command keeps running as if its step had not ended.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, count, islice
from typing import Any

import numpy as np
import numpy.typing as npt

from .font import lit_cells
from .program import (
    FRONT_LEDS,
    GRID_HEIGHT,
    GRID_WIDTH,
    LEDS,
    PATTERN_DEFAULTS,
    Command,
    Element,
    Program,
    Step,
)

Frame = npt.NDArray[np.uint8]
"""(172, 3) red, green, blue levels; LEDs in the order of their ids, the 140 of the front first."""

Played = tuple[int, int | None, Command]
"""When a command begins (ms), for how long it plays (ms, None for ever), and the command."""

TICK_MS = 50  # 20 frames a second


class Schedule:
    """Which command plays when.

    total_ms: when the last timed step ends, loop repetitions included; None when that never happens.
    Costs memory and time in proportion to the steps, however often they are repeated.
    """

    def __init__(self, program: Program) -> None:
        self._passages: list[_Passage] = []
        begin = 0
        for steps, plays in _stretches(program):
            passage = _Passage(steps, begin, plays)
            self._passages.append(passage)
            self.total_ms: int | None = passage.end
            if passage.end is None:  # what follows is never reached
                break
            begin = passage.end
        self._on_complete = program["program"].get("on_complete")

    def at(self, t_ms: int) -> tuple[Command, int]:
        """The command that plays `t_ms` after the program began, and for how many ms it has been playing.

        Raises ValueError for a time before the beginning.
        """
        if t_ms < 0:
            raise ValueError(f"the program begins at 0 ms, got {t_ms}")
        for passage in self._passages:
            if passage.end is None or t_ms < passage.end:
                return passage.at(t_ms)
        if self._on_complete is None or self.total_ms is None:
            return self._passages[-1].after(t_ms)
        return self._on_complete["command"], t_ms - self.total_ms

    def segments(self, limit: int) -> Iterator[Played]:
        """The first `limit` commands in playing order, `on_complete` last with a duration of None.

        A last step with a duration is given with it, although its command keeps running where there is no
        `on_complete`.
        """
        return islice(self._played(once=False), limit)

    def once(self) -> Iterator[Played]:
        """As `segments`, but of a loop only the first time round: every command that is ever reached."""
        return self._played(once=True)

    def _played(self, once: bool) -> Iterator[Played]:
        for passage in self._passages:
            for turn in range(1) if once else passage.turns():
                yield from passage.turn(turn)
        if self._on_complete is not None and self.total_ms is not None:
            yield self.total_ms, None, self._on_complete["command"]


def _stretches(program: Program) -> list[tuple[list[Step], int]]:
    """The steps before, in and behind the loop, and how often each stretch plays (0: for ever)."""
    steps = program["program"]["steps"]
    loop = program["program"].get("loop")
    if loop is None:
        return [(steps, 1)]
    ids = [step["id"] for step in steps]
    first, behind = ids.index(loop["start_step"]), ids.index(loop["end_step"]) + 1
    stretches = [(steps[:first], 1), (steps[first:behind], loop["count"]), (steps[behind:], 1)]
    return [(part, plays) for part, plays in stretches if part]


class _Passage:
    """Steps that play `plays` times (0: for ever) from `begin` ms to `end` ms (None: no end)."""

    def __init__(self, steps: Sequence[Step], begin: int, plays: int) -> None:
        self._commands = [step["command"] for step in steps]
        self._durations = [step["duration"] for step in steps]
        *self._starts, self._period = accumulate((d or 0 for d in self._durations), initial=0)
        # Only a program's last step may stay for ever. It then does so the first time round.
        self._stays = self._durations[-1] is None
        self._plays = 1 if self._stays else plays
        self._begin = begin
        self.end = None if self._stays or plays == 0 else begin + self._period * plays

    def at(self, t_ms: int) -> tuple[Command, int]:
        offset = t_ms - self._begin
        if not self._stays:
            offset %= self._period
        index = bisect_right(self._starts, offset) - 1
        return self._commands[index], offset - self._starts[index]

    def after(self, t_ms: int) -> tuple[Command, int]:
        """The last command, running on behind the end."""
        last_begin = self._begin + self._period * (self._plays - 1) + self._starts[-1]
        return self._commands[-1], t_ms - last_begin

    def turns(self) -> Iterable[int]:
        return range(self._plays) if self._plays else count()

    def turn(self, number: int) -> Iterator[Played]:
        begin = self._begin + number * self._period
        for start, duration, command in zip(self._starts, self._durations, self._commands, strict=True):
            yield begin + start, duration, command


def frame_at(program: Program, t_ms: int, seed: int = 0) -> Frame:
    """What the lamp shows `t_ms` after `program` began. Raises ValueError for a time before that."""
    command, elapsed_ms = Schedule(program).at(t_ms)
    return frame(command, elapsed_ms, seed)


def frame(command: Command, elapsed_ms: int, seed: int = 0) -> Frame:
    """What the lamp shows `elapsed_ms` after `command` began. Only sparkle depends on `seed`, any integer."""
    if command["type"] == "pattern":
        name = command["name"]
        params = {**PATTERN_DEFAULTS[name], **command["params"]}
        return _PATTERNS[name](params, elapsed_ms - elapsed_ms % TICK_MS, seed)
    if command["type"] == "render":
        return _render(command["elements"])
    return np.zeros((LEDS, 3), np.uint8)


def grid(frame: Frame) -> Frame:
    """The front of `frame` as (14, 10, 3): row, column, channel. A view: writing to it changes `frame`."""
    return frame[:FRONT_LEDS].reshape(GRID_HEIGHT, GRID_WIDTH, 3)


# Colours

_DARK = bytes(3)


@lru_cache(maxsize=4096)
def _rgba(color: str) -> tuple[bytes, int]:
    """#RGB, #RRGGBB or #RRGGBBAA as its red, green and blue levels and its alpha, 0-255."""
    digits = color[1:] if len(color) > 4 else "".join(digit * 2 for digit in color[1:])
    levels = bytes.fromhex(digits)
    return levels[:3], levels[3] if len(levels) == 4 else 255


def _over(below: bytes, above: bytes, alpha: int) -> bytes:
    """A colour over another; `alpha` 0-255 is the share of `above`."""
    return bytes((a * alpha + b * (255 - alpha) + 127) // 255 for a, b in zip(above, below, strict=True))


@lru_cache(maxsize=4096)
def _light(color: str) -> npt.NDArray[np.float64]:
    """(3,) levels of `color` over the dark lamp; shared by all callers, not to be written to."""
    return np.array(list(_over(_DARK, *_rgba(color))), np.float64)


def _levels(exact: npt.NDArray[np.float64]) -> Frame:
    return (exact + 0.5).astype(np.uint8)


def _uniform(exact: npt.NDArray[np.float64]) -> Frame:
    return np.full((LEDS, 3), _levels(exact))


# Patterns: (parameters with defaults filled in, ms since the start in whole ticks, seed) -> frame

_ROWS, _COLUMNS = np.arange(float(GRID_HEIGHT)), np.arange(float(GRID_WIDTH))
_CENTRE_Y, _CENTRE_X = (GRID_HEIGHT - 1) / 2, (GRID_WIDTH - 1) / 2


def _with_ambient(front: npt.NDArray[np.float64], ambient: float) -> npt.NDArray[np.float64]:
    """(172, 1): a value per LED from the 140 of the front, of any shape, and the ambient LEDs' one."""
    return np.append(front.ravel(), np.full(LEDS - FRONT_LEDS, ambient))[:, np.newaxis]


_FROM_CENTRE = _with_ambient(
    np.hypot(_ROWS[:, np.newaxis] - _CENTRE_Y, _COLUMNS - _CENTRE_X) / math.hypot(_CENTRE_Y, _CENTRE_X), 1.0
)
_HUE_OFFSETS = _with_ambient(0.3 * _ROWS[:, np.newaxis] / GRID_HEIGHT + 0.1 * _COLUMNS / GRID_WIDTH, 0.0)
_LIGHTNESS = _with_ambient(np.full(FRONT_LEDS, 0.6), 0.5)
_SATURATION = _with_ambient(np.full(FRONT_LEDS, 0.8), 0.7)
# HSL to RGB: channel n is lightness - amplitude * clip(min(k - 3, 9 - k), -1, 1), k = (n + 12 hue) mod 12
# (https://www.w3.org/TR/css-color-4/#hsl-to-rgb).
_AMPLITUDE = 255 * _SATURATION * np.minimum(_LIGHTNESS, 1 - _LIGHTNESS)
_MIDDLE = 255 * _LIGHTNESS
_CHANNEL_PLACES = np.array([0.0, 8.0, 4.0])


def _solid(params: dict[str, Any], _t_ms: int, _seed: int) -> Frame:
    return _uniform(_light(params["color"]))


def _gradient(params: dict[str, Any], _t_ms: int, _seed: int) -> Frame:
    centre, edge = _light(params["color"]), _light(params["color2"])
    return _levels(centre + (edge - centre) * _FROM_CENTRE)


def _turn(params: dict[str, Any], t_ms: int) -> float:
    """How far the current turn of `speed` ms has gone, 0-1."""
    return float(t_ms % params["speed"] / params["speed"])


def _breathing(params: dict[str, Any], t_ms: int, _seed: int) -> Frame:
    swing = (math.sin(math.tau * _turn(params, t_ms)) + 1) / 2
    return _uniform(_light(params["color"]) * (0.3 + 0.7 * swing))


def _wave(params: dict[str, Any], t_ms: int, _seed: int) -> Frame:
    first, second = _light(params["color"]), _light(params["color2"])
    weights = (np.sin(math.tau * _turn(params, t_ms) + 0.5 * _ROWS) + 1) / 2
    shown = np.empty((LEDS, 3), np.uint8)
    grid(shown)[:] = _levels(first + (second - first) * weights[:, np.newaxis])[:, np.newaxis]
    shown[FRONT_LEDS:] = _levels((first + second) / 2)
    return shown


def _rainbow(params: dict[str, Any], t_ms: int, _seed: int) -> Frame:
    places = (12 * (_HUE_OFFSETS + _turn(params, t_ms)) + _CHANNEL_PLACES) % 12
    ramps = np.minimum(places - 3, 9 - places).clip(-1, 1)
    return _levels(_MIDDLE - _AMPLITUDE * ramps)


def _pulse(params: dict[str, Any], t_ms: int, _seed: int) -> Frame:
    gone = t_ms / params["speed"]
    brightness = gone / 0.2 if gone < 0.2 else max(0.0, (1 - gone) / 0.8)
    return _uniform(_light(params["color"]) * brightness)


def _sparkle(params: dict[str, Any], t_ms: int, seed: int) -> Frame:
    shown = _uniform(_light(params["bgColor"]))
    lit = _lit_by_sparkle(t_ms // params["speed"], params["density"], seed)
    shown[:FRONT_LEDS][lit] = _levels(_light(params["color"]))
    return shown


_PATTERNS: dict[str, Callable[[dict[str, Any], int, int], Frame]] = {
    "solid": _solid,
    "gradient": _gradient,
    "breathing": _breathing,
    "wave": _wave,
    "rainbow": _rainbow,
    "pulse": _pulse,
    "sparkle": _sparkle,
}

# Sparkle: what an LED shows is decided by the latest tick at which it was lit or reset. That tick is looked
# for backwards, so that no earlier frame need be known.

_RESET = 0.3
_LOOK_BACK = 24  # ticks at a time; an LED without an event in that many is 1 in 5,000 at density 0
_WORD = 2**32


def _lit_by_sparkle(tick: int, density: float, seed: int) -> npt.NDArray[np.bool_]:
    """(140,): which front LEDs are lit after `tick`."""
    lit_below = int(density * _WORD)
    event_below = int((density + (1 - density) * _RESET) * _WORD)
    latest = np.full(FRONT_LEDS, _WORD, np.int64)  # the draw of each LED's latest event
    behind = tick + 1
    while behind > 0:
        first = max(0, behind - _LOOK_BACK)
        draws = _draws(first, behind, seed)[::-1]
        newest = draws[(draws < event_below).argmax(axis=0), _LED_NUMBERS]
        latest = np.where((latest >= event_below) & (newest < event_below), newest, latest)
        if (latest < event_below).all():
            break
        behind = first
    return latest < lit_below


def _draws(first: int, behind: int, seed: int) -> npt.NDArray[np.uint32]:
    """(ticks, 140) random words for the ticks first..behind-1 of every front LED."""
    ticks = np.arange(first, behind, dtype=np.uint64).astype(np.uint32) + np.uint32(_seed_word(seed))
    return _mixed(_mixed(ticks)[:, np.newaxis] ^ _LED_WORDS)


@lru_cache(maxsize=1024)
def _seed_word(seed: int) -> int:
    low, high = np.array([[seed % _WORD], [seed // _WORD % _WORD]], np.uint32)
    return int(_mixed(_mixed(low) + high)[0])


def _mixed(words: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """`words` scrambled in place: "lowbias32" of https://nullprogram.com/blog/2018/07/31/."""
    words ^= words >> np.uint32(16)
    words *= np.uint32(0x7FEB352D)
    words ^= words >> np.uint32(15)
    words *= np.uint32(0x846CA68B)
    words ^= words >> np.uint32(16)
    return words


_LED_NUMBERS = np.arange(FRONT_LEDS)
_LED_WORDS = _mixed(_LED_NUMBERS.astype(np.uint32) + np.uint32(0x9E3779B9))

# Render


def _render(elements: Sequence[Element]) -> Frame:
    front = [_DARK] * FRONT_LEDS  # of bytes: faster than an array, where most elements are single pixels
    for element in elements:
        levels, alpha = _rgba(element["color"])
        for led in _leds(element):
            front[led] = levels if alpha == 255 else _over(front[led], levels, alpha)
    shown = np.zeros((LEDS, 3), np.uint8)
    grid(shown)[:] = np.frombuffer(b"".join(front), np.uint8).reshape(GRID_HEIGHT, GRID_WIDTH, 3)
    return shown


def _leds(element: Element) -> Sequence[int]:
    """Ids of the front LEDs that `element` covers, each once; what falls outside the grid is left out."""
    if element["type"] == "pixel":
        x, y = element["x"], element["y"]  # by far the most frequent element, hence not through a list
        return (y * GRID_WIDTH + x,) if 0 <= x < GRID_WIDTH and 0 <= y < GRID_HEIGHT else ()
    if element["type"] == "fill":
        return range(FRONT_LEDS)
    if element["type"] == "rect":
        left, top = element["x"], element["y"]
        across, down = range(left, left + element["w"]), range(top, top + element["h"])
        return _inside([(x, y) for y in down for x in across])
    if element["type"] == "line":
        return _inside(_bresenham(element["x1"], element["y1"], element["x2"], element["y2"]))
    left, top = element["x"], element["y"]
    return _inside([(left + x, top + y) for x, y in _text_cells(element["content"])])


_text_cells = lru_cache(maxsize=1024)(lit_cells)


def _inside(cells: list[tuple[int, int]]) -> list[int]:
    return [y * GRID_WIDTH + x for x, y in cells if 0 <= x < GRID_WIDTH and 0 <= y < GRID_HEIGHT]


def _bresenham(x: int, y: int, x2: int, y2: int) -> list[tuple[int, int]]:
    """The (x, y) of a line, both ends included (Bresenham 1965, in the form for all directions)."""
    across, down = abs(x2 - x), abs(y2 - y)
    right, below = 1 if x < x2 else -1, 1 if y < y2 else -1
    error, cells = across - down, [(x, y)]
    while (x, y) != (x2, y2):
        doubled = 2 * error
        if doubled > -down:
            error, x = error - down, x + right
        if doubled < across:
            error, y = error + across, y + below
        cells.append((x, y))
    return cells
