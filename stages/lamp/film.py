"""What a program looks like over time, measured on simulated frames: colours, light, motion, shapes."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from .color import Rgb, family, luminance
from .pixel_art import Cell
from .program import FRONT_LEDS, GRID_HEIGHT, GRID_WIDTH, Command, Program
from .simulator import Schedule, frame, grid

Frame = NDArray[np.uint8]
Shape = int

# When a command is looked at (ms), at uneven distances so that no period hides between them; for a shorter
# command the moments are squeezed into its duration.
_MOMENTS_MS = (0, 50, 150, 250, 450, 700, 1050, 1600, 2350, 3300, 4450, 5750)
_WATCHED_MS = 6000
_WEIGHTS = [after - at for at, after in itertools.pairwise((*_MOMENTS_MS, _WATCHED_MS))]
# Cells that differ by less than this from the ground belong to it.
_CONTRAST = 48
_DARK = 64
_MAX_SHIFT = (3, 4)
_EVERYWHERE = (1 << FRONT_LEDS) - 1
_EVERY_ROW = sum(1 << (y * GRID_WIDTH) for y in range(GRID_HEIGHT))  # the first bit of each row


@dataclass(frozen=True)
class Shot:
    """One command as it plays: when it starts, how long (None for ever) and frames from it."""

    start_ms: int
    duration_ms: int | None
    command: Command
    frames: tuple[Frame, ...]

    @property
    def weights(self) -> list[int]:
        """How long each frame stands for, relative to the others."""
        return _WEIGHTS if len(self.frames) == len(_WEIGHTS) else [1] * len(self.frames)

    @cached_property
    def light(self) -> float:
        """Mean luminance of all LEDs over the shot, 0..1."""
        return float(np.average([luminance(one) for one in self.frames], weights=self.weights))

    @cached_property
    def brightest(self) -> float:
        """The shot's highest mean luminance."""
        return max(luminance(one) for one in self.frames)

    @cached_property
    def moves(self) -> bool:
        """Whether the picture changes while the command plays."""
        return any(not np.array_equal(self.frames[0], one) for one in self.frames[1:])


@dataclass(frozen=True)
class Film:
    """A program played once through (a loop once round).

    total_ms: when the last timed step ends, loop repetitions included; None when that never happens.
    repeats: whether it never happens because a loop goes round for ever, rather than because a step stays.
    """

    shots: tuple[Shot, ...]
    total_ms: int | None
    repeats: bool

    @property
    def timed_ms(self) -> int:
        """The durations of all timed steps, each counted once."""
        return sum(shot.duration_ms or 0 for shot in self.shots)

    @cached_property
    def families(self) -> dict[str, float]:
        """Share of LED-time in each colour family, every shot weighing the same; sums to 1."""
        shares: dict[str, float] = defaultdict(float)
        for shot in self.shots:
            whole = len(self.shots) * sum(shot.weights)
            for one, weight in zip(shot.frames, shot.weights, strict=True):
                for name, share in _frame_families(one.tobytes()).items():
                    shares[name] += share * weight / whole
        return dict(shares)

    @property
    def moves(self) -> bool:
        """Whether anything changes at all."""
        first = self.shots[0].frames[0]
        return any(shot.moves or not np.array_equal(first, shot.frames[0]) for shot in self.shots)


def watch(program: Program) -> Film:
    """Simulate a valid program: each command that is ever reached, at several moments."""
    schedule = Schedule(program)
    shots = []
    for start, duration, command in schedule.once():
        shots.append(Shot(start, duration, command, _frames(command, duration)))
    staying = any(shot.duration_ms is None for shot in shots)
    return Film(tuple(shots), schedule.total_ms, schedule.total_ms is None and not staying)


def _frames(command: Command, duration: int | None) -> tuple[Frame, ...]:
    if command["type"] == "stop" or command["type"] == "render":
        return (frame(command, 0),)
    if command["name"] in ("solid", "gradient"):
        return (frame(command, 0),)
    watched = min(duration or _WATCHED_MS, _WATCHED_MS)
    return tuple(frame(command, watched * moment // _WATCHED_MS) for moment in _MOMENTS_MS)


@lru_cache(maxsize=4096)
def _frame_families(levels: bytes) -> dict[str, float]:
    pixels = np.frombuffer(levels, np.uint8).reshape(-1, 3).astype(np.uint32)
    # As one number per colour: sorting rows of three takes ten times as long.
    colors, counts = np.unique(pixels[:, 0] << 16 | pixels[:, 1] << 8 | pixels[:, 2], return_counts=True)
    shares: dict[str, float] = defaultdict(float)
    for color, count in zip(colors.tolist(), counts.tolist(), strict=True):
        shares[_family((color >> 16, color >> 8 & 255, color & 255))] += count / len(pixels)
    return dict(shares)


@lru_cache(maxsize=65536)
def _family(color: Rgb) -> str:
    return family(color)


def front(one: Frame) -> list[list[Rgb]]:
    """The front grid as 14 rows of 10 colours."""
    return [[(red, green, blue) for red, green, blue in row] for row in grid(one).tolist()]


def drawn_cells(one: Frame, ground: Rgb) -> Shape:
    """The front cells that stand out from `ground`."""
    distance = one[:FRONT_LEDS].astype(np.int32) - np.array(ground, np.int32)
    lit = (distance * distance).sum(axis=1) > _CONTRAST**2
    return int.from_bytes(np.packbits(lit, bitorder="little").tobytes(), "little")


def ground_of(rows: list[list[Rgb]]) -> Rgb:
    """The colour that a picture stands on: a dark one that covers a tenth of the grid, else that of most corners."""
    counts = Counter(color for row in rows for color in row)
    dark = [color for color, count in counts.items() if max(color) < _DARK and count >= FRONT_LEDS // 10]
    if dark:
        return min(dark, key=sum)
    corners = Counter(rows[y][x] for y in (0, -1) for x in (0, -1))
    return max(corners, key=lambda color: (corners[color], -sum(color)))


def likeness(shape: Shape, model: Shape) -> tuple[float, Cell]:
    """Intersection over union (0..1) of two shapes at the best shift of the model, and that shift.

    The shift is at most 3 columns and 4 rows; what a shift moves out of the grid is lost.
    """
    best = (0.0, (0, 0))
    for shift, moved in _shifts(model):
        score = (shape & moved).bit_count() / max(1, (shape | moved).bit_count())
        if score > best[0]:
            best = (score, shift)
    return best


@lru_cache(maxsize=4096)
def _shifts(model: Shape) -> list[tuple[Cell, Shape]]:
    columns, rows = range(-_MAX_SHIFT[0], _MAX_SHIFT[0] + 1), range(-_MAX_SHIFT[1], _MAX_SHIFT[1] + 1)
    return [((dx, dy), _moved(model, dx, dy)) for dx in columns for dy in rows]


def _moved(shape: Shape, dx: int, dy: int) -> Shape:
    """A shape moved by columns and rows; what leaves the grid is lost."""
    staying = sum(1 << x for x in range(GRID_WIDTH) if 0 <= x + dx < GRID_WIDTH) * _EVERY_ROW
    distance = dx + dy * GRID_WIDTH
    kept = shape & staying
    return (kept << distance if distance >= 0 else kept >> -distance) & _EVERYWHERE


def shifted(cells: Iterable[Cell], shift: Cell) -> frozenset[Cell]:
    """The cells moved by (columns, rows), clipped to the grid."""
    moved = ((x + shift[0], y + shift[1]) for x, y in cells)
    return frozenset((x, y) for x, y in moved if 0 <= x < GRID_WIDTH and 0 <= y < GRID_HEIGHT)


def as_shape(cells: Iterable[Cell]) -> Shape:
    """A set of front cells as the bits y * 10 + x of an integer, which makes comparing quick."""
    return sum(1 << (y * GRID_WIDTH + x) for x, y in cells)


@lru_cache(maxsize=4096)
def as_cells(shape: Shape) -> frozenset[Cell]:
    """The cells of a shape as (x, y)."""
    return frozenset((led % GRID_WIDTH, led // GRID_WIDTH) for led in range(FRONT_LEDS) if shape >> led & 1)
