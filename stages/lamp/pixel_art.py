"""The library of hand-drawn 10x14 pictures, and how a picture becomes few drawing elements."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from ..errors import UserError
from .color import BLACK
from .program import GRID_HEIGHT, GRID_WIDTH, Element

GROUND = "."
# The loader written in C reads the library six times as fast; where PyYAML has none, its own does.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Cell = tuple[int, int]
Rectangle = tuple[int, int, int, int]  # x, y, width, height


@dataclass(frozen=True)
class Picture:
    """A 10x14 picture.

    say: nouns for it, without article. article: what stands before the noun, None for the usual rule.
    colour: the palette letter that "a red NAME" changes. cells: 14 rows of 10 palette letters or '.'.
    group: the file it stands in; pictures of the group `unseen` never occur in training.
    """

    name: str
    group: str
    say: tuple[str, ...]
    article: str | None
    colour: str
    palette: dict[str, str]
    cells: tuple[str, ...]

    def recoloured(self, color: str) -> Picture:
        """The same picture with its main colour changed."""
        return replace(self, palette={**self.palette, self.colour: color})

    def colors(self) -> list[list[str | None]]:
        """Hex colour of each cell, row by row; None where nothing is lit."""
        return [[self.palette.get(letter) for letter in row] for row in self.cells]

    def mask(self) -> frozenset[Cell]:
        """The lit cells as (x, y)."""
        return _lit(self.cells)[0]

    @property
    def bits(self) -> int:
        """The lit cells as the bits y * 10 + x of an integer, which makes comparing quick."""
        return _lit(self.cells)[1]


@functools.lru_cache(maxsize=8192)
def _lit(cells: tuple[str, ...]) -> tuple[frozenset[Cell], int]:
    lit = frozenset((x, y) for y, row in enumerate(cells) for x, letter in enumerate(row) if letter != GROUND)
    return lit, sum(1 << (y * GRID_WIDTH + x) for x, y in lit)


@functools.cache
def library(folder: Path) -> dict[str, Picture]:
    """All pictures of a folder of YAML files, by name. Raises UserError for a picture that is not right."""
    pictures: dict[str, Picture] = {}
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise UserError(f"{folder}: no pictures (*.yaml) there; restore the folder (git checkout {folder})")
    for path in paths:
        for name, entry in (yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader) or {}).items():
            if name in pictures:
                raise UserError(f"{path}: {name} is also in {pictures[name].group}.yaml; rename one of them")
            pictures[name] = _picture(f"{path}: {name}", name, path.stem, entry)
    return pictures


def _picture(where: str, name: str, group: str, entry: dict[str, Any]) -> Picture:
    missing = [key for key in ("say", "colour", "palette", "picture") if key not in entry]
    if missing:
        raise UserError(f"{where}: no {', '.join(missing)}; every picture needs say, colour, palette and picture")
    rows = tuple(entry["picture"].rstrip("\n").split("\n"))
    if len(rows) != GRID_HEIGHT:
        raise UserError(f"{where}: {len(rows)} rows; a picture has {GRID_HEIGHT}")
    for number, row in enumerate(rows, start=1):
        if len(row) != GRID_WIDTH:
            raise UserError(f"{where}: row {number} is {len(row)} wide: {row!r}; a row has {GRID_WIDTH} letters")
        strange = set(row) - set(entry["palette"]) - {GROUND}
        if strange:
            raise UserError(f"{where}: row {number} has {''.join(sorted(strange))}, which is not in its palette")
    if entry["colour"] not in entry["palette"]:
        raise UserError(f"{where}: colour {entry['colour']!r} is not in its palette")
    say = tuple(entry["say"])
    return Picture(name, group, say, entry.get("article"), entry["colour"], dict(entry["palette"]), rows)


PLACES = ("small", "top", "bottom")
_HALF_WIDTH, _HALF_HEIGHT = GRID_WIDTH // 2, GRID_HEIGHT // 2
_LEFT = (GRID_WIDTH - _HALF_WIDTH) // 2


@functools.cache
def _halved(cells: tuple[str, ...]) -> tuple[str, ...]:
    """5x7 letters for 10x14: of four cells the letter that most of the lit ones have, if two or more are lit."""
    rows = []
    for y in range(0, GRID_HEIGHT, 2):
        row = ""
        for x in range(0, GRID_WIDTH, 2):
            block = [cells[y + dy][x + dx] for dy in (0, 1) for dx in (0, 1)]
            lit = [letter for letter in block if letter != GROUND]
            row += max(lit, key=lambda letter: (lit.count(letter), -block.index(letter))) if len(lit) > 1 else GROUND
        rows.append(row)
    return tuple(rows)


def placed(picture: Picture, place: str) -> Picture:
    """The picture at half its size: in the middle (small), in the top half or in the bottom half."""
    top = {"small": (GRID_HEIGHT - _HALF_HEIGHT) // 2, "top": 0, "bottom": _HALF_HEIGHT}[place]
    right = GRID_WIDTH - _LEFT - _HALF_WIDTH
    middle = [GROUND * _LEFT + row + GROUND * right for row in _halved(picture.cells)]
    rows = [GROUND * GRID_WIDTH] * top + middle
    rows += [GROUND * GRID_WIDTH] * (GRID_HEIGHT - len(rows))
    return replace(picture, cells=tuple(rows))


def elements(picture: Picture, ground: str = BLACK) -> list[Element]:
    """Drawing elements for a picture on a ground: a fill, then rectangles and pixels, few and overlapping."""
    palette = {**picture.palette, GROUND: ground}
    drawn: list[Element] = [{"type": "fill", "color": ground}]
    for (x, y, width, height), letter in _cover(picture.cells):
        color = palette[letter]
        if width == height == 1:
            drawn.append({"type": "pixel", "x": x, "y": y, "color": color})
        else:
            drawn.append({"type": "rect", "x": x, "y": y, "w": width, "h": height, "color": color})
    return drawn


@functools.cache
def _cover(cells: tuple[str, ...]) -> list[tuple[Rectangle, str]]:
    """Rectangles with their palette letters, in drawing order; the same for every recolouring.

    Found backwards: the rectangle painted last must be right as it stands, so take the one that holds one
    letter and settles most cells, call those cells settled (whatever is painted under them does not
    matter), and go on until only ground is left. The greedy order is deterministic.
    """
    letters = sorted({letter for row in cells for letter in row if letter != GROUND})
    grid = np.array([[letters.index(letter) if letter != GROUND else -1 for letter in row] for row in cells])
    # One plane per letter and one for the ground: True where a cell of it is not settled yet.
    planes = np.stack([grid == number for number in (*range(len(letters)), -1)])
    found: list[tuple[Rectangle, str]] = []
    while planes[:-1].any():
        (x, y, width, height), number = _best_rectangle(planes)
        found.append(((x, y, width, height), letters[number]))
        planes[:, y : y + height, x : x + width] = False
    return found[::-1]


def _best_rectangle(planes: NDArray[np.bool_]) -> tuple[Rectangle, int]:
    """The rectangle without a foreign open cell that settles most cells of a letter, and the letter's number.

    Among equals the smallest, so that nothing is painted without need, and of those the first of `_RECTANGLES`.
    """
    sums = np.zeros((len(planes), GRID_HEIGHT + 1, GRID_WIDTH + 1), np.int16)
    sums[:, 1:, 1:] = planes.cumsum(axis=1, dtype=np.int16).cumsum(axis=2, dtype=np.int16)
    corners = sums.reshape(len(planes), -1).take(_CORNERS, axis=1)
    counts = corners[:, 0] - corners[:, 1] - corners[:, 2] + corners[:, 3]
    most = counts[:-1].max(axis=0)
    # One letter alone has all the open cells, and there are some. At most 140 * 141 fits 16 bits.
    rank = np.where((most > 0) & (most == counts.sum(axis=0)), most * np.int16(141) - _AREAS, -1)
    best = int(rank.argmax())
    x, y, w, h = (int(value) for value in _RECTANGLES[best])
    return (x, y, w, h), int(counts[:-1, best].argmax())


# All rectangles in the grid as (x, y, width, height), column by column.
_RECTANGLES = np.array(
    [
        (x, y, width, height)
        for x in range(GRID_WIDTH)
        for y in range(GRID_HEIGHT)
        for height in range(1, GRID_HEIGHT - y + 1)
        for width in range(1, GRID_WIDTH - x + 1)
    ]
)
_AREAS = (_RECTANGLES[:, 2] * _RECTANGLES[:, 3]).astype(np.int16)
# Where the sums of a rectangle's four corners stand: bottom right, top right, bottom left, top left.
_CORNERS = np.array(
    [
        (_RECTANGLES[:, 1] + dy * _RECTANGLES[:, 3]) * (GRID_WIDTH + 1) + _RECTANGLES[:, 0] + dx * _RECTANGLES[:, 2]
        for dx, dy in ((1, 1), (1, 0), (0, 1), (0, 0))
    ]
)
