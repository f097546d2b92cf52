"""The library of hand-drawn 10x14 pictures, and how a picture becomes few drawing elements."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

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
        return frozenset((x, y) for y, row in enumerate(self.cells) for x, letter in enumerate(row) if letter != GROUND)


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
    open_cells = {(x, y): letter for y, row in enumerate(cells) for x, letter in enumerate(row)}
    found: list[tuple[Rectangle, str]] = []
    while any(letter != GROUND for letter in open_cells.values()):
        found.append(_best_rectangle(open_cells))
        x, y, width, height = found[-1][0]
        for cell in itertools.product(range(x, x + width), range(y, y + height)):
            open_cells.pop(cell, None)
    return found[::-1]


def _best_rectangle(open_cells: dict[Cell, str]) -> tuple[Rectangle, str]:
    best: tuple[tuple[int, int], Rectangle, str] | None = None
    for x, y in itertools.product(range(GRID_WIDTH), range(GRID_HEIGHT)):
        for width, height, gain, letter in _growths(open_cells, x, y):
            if letter == GROUND:
                continue
            # Among equals the smallest, so that nothing is painted without need.
            rank = (gain, -width * height)
            if best is None or rank > best[0]:
                best = rank, (x, y, width, height), letter
    assert best is not None, "a lit cell is left, so a rectangle exists"
    return best[1], best[2]


def _growths(open_cells: dict[Cell, str], x: int, y: int) -> list[tuple[int, int, int, str]]:
    """(width, height, open cells in it, letter) of rectangles from (x, y) whose open cells share a letter."""
    found = []
    letter: str | None = None
    limit = GRID_WIDTH - x
    rows: list[int] = []  # open cells in the first 1, 2, ... columns of all rows so far
    for height in range(1, GRID_HEIGHT - y + 1):
        row = y + height - 1
        counts, letter, limit = _row_counts(open_cells, x, row, limit, letter)
        if limit == 0:
            break
        rows = [above + own for above, own in zip(rows or [0] * limit, counts, strict=False)]
        if letter is not None:
            found += [(width, height, rows[width - 1], letter) for width in range(1, limit + 1) if rows[width - 1]]
    return found


def _row_counts(
    open_cells: dict[Cell, str], x: int, row: int, limit: int, letter: str | None
) -> tuple[list[int], str | None, int]:
    """Open cells in the first 1, 2, ... cells of a row from x, while they are of one letter."""
    counts: list[int] = []
    total = 0
    for width in range(1, limit + 1):
        cell = open_cells.get((x + width - 1, row))
        if cell is not None:
            if letter is None:
                letter = cell
            if cell != letter:
                return counts, letter, width - 1
            total += 1
        counts.append(total)
    return counts, letter, limit
