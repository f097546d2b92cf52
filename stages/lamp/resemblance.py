"""Does a frame look like a picture of the library, or like a clock at a certain time?"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator

from . import clock_face
from .color import Rgb, near, rgb
from .film import Frame, Shape, Shot, drawn_cells, front, ground_of, likeness, shifted
from .pixel_art import Cell, Picture, placed
from .program import GRID_HEIGHT, GRID_WIDTH
from .request import Meaning
from .simulator import frame
from .taxonomy import Taxonomy

# A shape counts as the library's when at least this much of the two agrees, at the best shift, and no other
# picture of the library agrees more.
LIKENESS = 0.75
COLOR_SHARE = 0.7
EVERYWHERE = frozenset((x, y) for x in range(GRID_WIDTH) for y in range(GRID_HEIGHT))
_PURITY = 0.85
_RIM_LEDS = 16
_PLACE_TOLERANCE = 1
SAME_COLOR = 24

Reasons = Iterator[str]


def shows_picture(meaning: Meaning, shot: Shot, taxonomy: Taxonomy) -> Reasons:
    """Why a shot is not the picture that was asked for, in its colour and on its ground."""
    name = meaning["object"]
    picture = taxonomy.pictures[name]
    rows = front(shot.frames[0])
    if "place" in meaning:
        picture = placed(picture, meaning["place"])
    shape, score, shift = _best_ground(shot.frames[0], picture, meaning)
    if score < LIKENESS:
        yield f"likeness to {name} is {score:.2f}, at least {LIKENESS} is wanted"
        return
    if "place" in meaning:
        # At half its size one picture may look like another; what counts is where it stands.
        if max(map(abs, shift)) > _PLACE_TOLERANCE:
            yield f"{name} is {shift[0]} columns and {shift[1]} rows away from its place ({meaning['place']})"
        return
    for other in taxonomy.pictures.values():
        # No likeness is above 1, nor above the share that a smaller picture can cover (a larger one may be clipped
        # to fit): for a picture drawn right that spares every comparison.
        if min(1.0, other.bits.bit_count() / max(1, shape.bit_count())) <= score + 0.01:
            continue
        if other.name != name and likeness(shape, other.bits)[0] > score + 0.01:
            yield f"looks more like {other.name}"
            break
    yield from _inside(rows, picture, shift)
    if meaning.get("colors") and meaning["intent"] == "picture":
        main = frozenset(cell for cell in picture.mask() if picture.cells[cell[1]][cell[0]] == picture.colour)
        yield from mostly(rows, shifted(main, shift), meaning["colors"][0], f"the {name}")


def _inside(rows: list[list[Rgb]], picture: Picture, shift: Cell) -> Reasons:
    """Pictures of one outline differ inside: what is of one colour is so here, what is of two is of two."""
    shown = []
    for letter in sorted(picture.palette, key=lambda letter: -sum(row.count(letter) for row in picture.cells))[:2]:
        cells = shifted((cell for cell in picture.mask() if picture.cells[cell[1]][cell[0]] == letter), shift)
        if not cells:
            return
        (color, count), *_ = Counter(rows[y][x] for x, y in cells).most_common(1)
        if count < _PURITY * len(cells):
            yield f"inside, {len(cells)} LEDs that are one part of {picture.name} are of several colours"
            return
        shown.append(color)
    if len(shown) == 2 and near(shown[0], shown[1], SAME_COLOR):
        yield f"the parts of {picture.name} have one colour"


def _best_ground(one: Frame, picture: Picture, meaning: Meaning) -> tuple[Shape, float, Cell]:
    """The shape that stands out from the ground, its likeness to the picture, and the shift."""
    ground = rgb(meaning["ground"]) if "ground" in meaning else ground_of(front(one))
    shape = drawn_cells(one, ground)
    return shape, *likeness(shape, picture.bits)


def mostly(rows: list[list[Rgb]], cells: frozenset[Cell], color: str, what: str) -> Reasons:
    """Why some cells are not of a colour."""
    alike = sum(near(rows[y][x], rgb(color)) for x, y in cells)
    if alike < COLOR_SHARE * len(cells):
        yield f"{what} is {color} in {alike} of {len(cells)} LEDs"


def shows_clock(meaning: Meaning, one: Frame) -> Reasons:
    """Why a frame is not a clock at the hour and minute that were asked for."""
    # The rim alone gives most of the likeness, so the right time must also be the likeliest.
    shape = drawn_cells(one, ground_of(front(one)))
    times = [(hour, minute) for hour in range(1, 13) for minute in (0, 15, 30, 45)]
    scores = {time: likeness(shape, _clock_shape(*time))[0] for time in times}
    wanted = (meaning["hour"], meaning["minute"])
    if scores[wanted] < LIKENESS:
        yield f"likeness to a clock is {scores[wanted]:.2f}, at least {LIKENESS} is wanted"
    elif max(scores.values()) > scores[wanted]:
        yield "the hands show {0[0]}:{0[1]:02}".format(max(scores, key=lambda time: scores[time]))
    if meaning.get("colors"):
        colors = [color for row in front(one) for color in row]
        if sum(near(color, rgb(meaning["colors"][0])) for color in colors) < _RIM_LEDS:
            yield f"the clock is not {meaning['colors'][0]}"


@functools.cache
def _clock_shape(hour: int, minute: int) -> Shape:
    return drawn_cells(frame({"type": "render", "elements": clock_face.elements(hour, minute)}, 0), (0, 0, 0))
