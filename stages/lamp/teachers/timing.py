"""Programs that last what they say: timers, pomodoros, countdowns, dimming, a candle that burns down."""

from __future__ import annotations

import itertools
import random

from ..color import BLACK
from ..lettering import written
from ..program import GRID_WIDTH, Command, Element
from .sketches import big_digit

MINUTE = 60_000
SECOND = 1000
_LINES = (2, 4, 6)  # top row of a number that stands alone
_BAR_LINE = 12
_BAR_COLORS = ("#00C800", "#40E0D0", "#FFBF00", "#4169E1", "#FF69B4")
_LABEL_COLORS = ("#FFE4C4", "#FFFFFF", "#87CEEB", "#FFD700")
# Down to a glow, for falling asleep: each step about 3/5 of the one before.
_DIMMINGS = (
    ("#FFA500", "#B87333", "#804000", "#4D2600", "#1F0F00"),
    ("#FF8C00", "#B35A00", "#804000", "#4D2600", "#1F0F00"),
    ("#FF4500", "#B22222", "#800000", "#4D0000", "#1F0000"),
    ("#B57EDC", "#8E4585", "#4B0082", "#2D0040", "#140020"),
    ("#4A90D9", "#4682B4", "#191970", "#000040", "#000020"),
    ("#FFE4C4", "#B35A00", "#804000", "#401A00", "#1F0F00"),
    ("#FFBF00", "#CC7722", "#8B4513", "#4D2600", "#1F0F00"),
    ("#FF69B4", "#8E4585", "#800000", "#4D0000", "#1F0010"),
    ("#00CED1", "#008B8B", "#191970", "#000040", "#000020"),
    ("#FFCBA4", "#CC7722", "#8B4513", "#401A00", "#1F0F00"),
    ("#DAA520", "#B8860B", "#804000", "#4D2600", "#1F0F00"),
)
_WORK_COLORS = ("#800000", "#8B4513", "#DC143C", "#4B0082")
_REST_COLORS = ("#008B8B", "#228B22", "#4169E1", "#000080")
_CANDLE = {"wax": ("#FFF5D6", "#FFCBA4", "#E0115F", "#87CEEB", "#98FF98"), "flame": "#FFBF00", "tip": "#FF8C00"}
_CANDLE_STEPS = 7

Shown = list[tuple[Command, int]]


def timer(total: int, rng: random.Random) -> Shown:
    """What is left, as a number and a bar that shortens."""
    phases = _phases(total)
    label_color, bar_color = rng.choice(_LABEL_COLORS), rng.choice(_BAR_COLORS)
    shown: Shown = []
    for number in range(phases):
        left = total - number * total // phases
        label = str(left // MINUTE if total >= 2 * MINUTE else left // SECOND)
        command = written(label, label_color, BLACK, line=3)
        width = round(GRID_WIDTH * left / total)
        bar: Element = {"type": "rect", "x": 0, "y": _BAR_LINE, "w": width, "h": 2, "color": bar_color}
        command["elements"].append(bar)  # type: ignore[typeddict-item]
        shown.append((command, total // phases))
    return shown


def _phases(total: int) -> int:
    """How many parts a timer shows: five where whole minutes or seconds come out, else one a minute."""
    unit = MINUTE if total >= 2 * MINUTE else SECOND
    return 5 if total // unit % 5 == 0 else total // unit if total // unit <= 12 else 4


def pomodoro(work: int, rest: int, rng: random.Random) -> Shown:
    """Minutes of work on a warm ground, minutes of rest on a cool one."""
    warm, cool, line = rng.choice(_WORK_COLORS), rng.choice(_REST_COLORS), rng.choice(_LINES)
    return [
        (written(str(work // MINUTE), "#FFFFFF", warm, line), work),
        (written(str(rest // MINUTE), "#FFFFFF", cool, line), rest),
    ]


def countdown(number: int, color: str, rng: random.Random, big: bool = False) -> Shown:
    """Each number for a second, all in one place. big: at twice their size."""
    line = rng.choice(_LINES)
    digits = (str(left) for left in range(number, 0, -1))
    return [(big_digit(one, color, BLACK) if big else written(one, color, BLACK, line), SECOND) for one in digits]


def dimming(total: int, rng: random.Random) -> Shown:
    """Five glows, plain or weaker towards the rim, each weaker than the one before; the lamp goes off behind them."""
    colors, lasts = rng.choice(_DIMMINGS), total // len(_DIMMINGS[0])
    if rng.random() < 0.5:
        return [({"type": "pattern", "name": "solid", "params": {"color": color}}, lasts) for color in colors]
    pairs = itertools.pairwise((*colors, BLACK))
    return [
        ({"type": "pattern", "name": "gradient", "params": {"color": color, "color2": weaker}}, lasts)
        for color, weaker in pairs
    ]


def candle(total: int, rng: random.Random) -> Shown:
    """A candle that shortens step by step; its flame comes down with it."""
    wax = rng.choice(_CANDLE["wax"])
    shown: Shown = []
    for number in range(_CANDLE_STEPS):
        top = 5 + number + (number > 3)
        elements: list[Element] = [
            {"type": "fill", "color": "#1F0F00"},
            {"type": "rect", "x": 3, "y": top, "w": 4, "h": 14 - top, "color": wax},
            {"type": "rect", "x": 4, "y": top - 3, "w": 2, "h": 3, "color": str(_CANDLE["flame"])},
            {"type": "rect", "x": 4, "y": top - 4, "w": 1, "h": 1, "color": str(_CANDLE["tip"])},
        ]
        shown.append(({"type": "render", "elements": elements}, total // _CANDLE_STEPS))
    return shown


def span(total: int) -> str:
    """A duration for a program's name."""
    return f"{total // MINUTE} min" if total % MINUTE == 0 else f"{total // SECOND} s"
