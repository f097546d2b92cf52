"""Pictures and texts in motion and in place: blinking, twinkling, small, in a half of the grid, scrolling."""

from __future__ import annotations

import random

from .. import font, lettering, pixel_art
from ..color import BLACK
from ..pixel_art import Picture
from ..program import GRID_HEIGHT, GRID_WIDTH, Command, Element, Step

_TWINKLES = 3  # points of light around a picture
_TWINKLE_MS = (400, 700, 100)
_SCROLL_STEPS = 11
DARK: Command = {"type": "pattern", "name": "solid", "params": {"color": BLACK}}


def drawn(picture: Picture, ground: str, place: str | None = None) -> Command:
    """A picture on a ground, as it is or at a `place`: small (half the size, centred), top or bottom."""
    if place is not None:
        picture = pixel_art.placed(picture, place)
    return {"type": "render", "elements": pixel_art.elements(picture, ground)}


def twinkling(picture: Picture, ground: str, color: str, rng: random.Random) -> list[tuple[Command, int]]:
    """A picture with points of light around it that change: commands and their durations, to be looped."""
    free = sorted(
        {(x, y) for x in range(GRID_WIDTH) for y in range(GRID_HEIGHT)} - {*_around(picture)},
    ) or [(0, 0), (GRID_WIDTH - 1, 0), (0, GRID_HEIGHT - 1), (GRID_WIDTH - 1, GRID_HEIGHT - 1)]
    lasts = rng.randrange(_TWINKLE_MS[0], _TWINKLE_MS[1] + 1, _TWINKLE_MS[2])
    places = rng.sample(free, min(2 * _TWINKLES, len(free)))
    frames: list[tuple[Command, int]] = []
    for cells in (places[: len(places) // 2], places[len(places) // 2 :]):
        lights: list[Element] = [{"type": "pixel", "x": x, "y": y, "color": color} for x, y in cells]
        frames.append(({"type": "render", "elements": [*pixel_art.elements(picture, ground), *lights]}, lasts))
    return frames


def _around(picture: Picture) -> set[tuple[int, int]]:
    """The cells of a picture and those that touch it."""
    return {(x + dx, y + dy) for x, y in picture.mask() for dx in (-1, 0, 1) for dy in (-1, 0, 1)}


def scrolling(text: str, color: str, ground: str, pace_ms: int) -> list[tuple[Command, int]]:
    """A text that runs from right to left: commands and their durations, to be looped."""
    travel = font.width(text) + GRID_WIDTH
    frames: list[tuple[Command, int]] = []
    for number in range(_SCROLL_STEPS):
        x = GRID_WIDTH - 1 - round(travel * number / _SCROLL_STEPS)
        shown: list[Element] = [
            {"type": "fill", "color": ground},
            {"type": "text", "content": text, "x": x, "y": 4, "color": color},
        ]
        frames.append(({"type": "render", "elements": shown}, pace_ms))
    return frames


def blinking(command: Command, on_ms: int = 800, off_ms: int = 400) -> list[tuple[Command, int]]:
    """A command and the dark in turn."""
    return [(command, on_ms), (DARK, off_ms)]


def big_digit(digit: str, color: str, ground: str) -> Command:
    """A digit at twice its size, 6 columns wide and 10 rows high; of two digits each is as wide as ever."""
    if len(digit) > 1:
        return lettering.written(digit, color, ground)
    cells = {(2 + 2 * x + dx, 2 + 2 * y + dy) for x, y in font.lit_cells(digit) for dx in (0, 1) for dy in (0, 1)}
    rows = tuple(
        "".join("d" if (x, y) in cells else pixel_art.GROUND for x in range(GRID_WIDTH)) for y in range(GRID_HEIGHT)
    )
    picture = Picture(digit, "digits", (digit,), None, "d", {"d": color}, rows)
    return {"type": "render", "elements": pixel_art.elements(picture, ground)}


def numbered(shown: list[tuple[Command, int]]) -> list[Step]:
    """Commands and durations as steps s1, s2, ..."""
    return [
        {"id": f"s{number}", "command": command, "duration": lasts} for number, (command, lasts) in enumerate(shown, 1)
    ]
