"""Programs that last what they say: timers, pomodoros, countdowns, dimming, a candle that burns down."""

from __future__ import annotations

import random

from ..color import BLACK
from ..lettering import written
from ..program import GRID_WIDTH, Command, Element
from .sketches import big_digit

MINUTE = 60_000
SECOND = 1000
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
    warm, cool = rng.choice(_WORK_COLORS), rng.choice(_REST_COLORS)
    return [
        (written(str(work // MINUTE), "#FFFFFF", warm), work),
        (written(str(rest // MINUTE), "#FFFFFF", cool), rest),
    ]


def countdown(number: int, color: str, big: bool) -> Shown:
    """Each number for a second."""
    digits = (str(left) for left in range(number, 0, -1))
    return [(big_digit(one, color, BLACK) if big else written(one, color, BLACK), SECOND) for one in digits]


def dimming(total: int, rng: random.Random) -> Shown:
    """Five glows, each weaker than the one before; the lamp goes off behind them."""
    colors = rng.choice(_DIMMINGS)
    return [
        ({"type": "pattern", "name": "solid", "params": {"color": color}}, total // len(colors)) for color in colors
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
