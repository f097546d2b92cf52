"""Does a shot say a text, or show how much there is of something? Checks of text, weather and gauges."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from . import font
from .color import family, near, rgb
from .film import Film, Shot, drawn_cells, front, likeness, shifted
from .pixel_art import Cell
from .program import Element
from .request import Meaning
from .resemblance import EVERYWHERE, SAME_COLOR, mostly

_VISIBLE_SHARE = 0.8
_BRIGHT = 96
_LEVEL_TOLERANCE = 0.12
_BIG_LIKENESS = 0.9
_GRID_BOTTOM = 12

Reasons = Iterator[str]


def says(meaning: Meaning, film: Film) -> Reasons:
    """Why a film does not show the text that was asked for, in its colour, on its ground, in its motion."""
    if meaning.get("motion") == "scrolls":
        yield from _scrolls(meaning["text"], film)
    else:
        yield from shows_text(meaning["text"], film.shots[0])
    texts = texts_of(film.shots[0])
    if meaning.get("colors") and not all(near(rgb(text["color"]), rgb(meaning["colors"][0])) for text in texts):
        yield f"the text is not {meaning['colors'][0]}"
    if "ground" in meaning:
        rows = front(film.shots[0].frames[0])
        yield from mostly(rows, EVERYWHERE - _text_cells(texts), meaning["ground"], "the ground")
    if meaning.get("motion") == "blinks":
        yield from blinks(film, "the text")


def blinks(film: Film, what: str) -> Reasons:
    """Why a film does not go off and on for ever."""
    if len(film.shots) < 2 or film.shots[1].light > film.shots[0].light / 2:
        yield f"{what} does not go off and on"
    if not film.repeats:
        yield "the blinking ends"


def _scrolls(text: str, film: Film) -> Reasons:
    """Why a text does not run through from right to left, over and over."""
    lefts = []
    for shot in film.shots:
        texts = texts_of(shot)
        if len(texts) != 1 or texts[0]["type"] != "text" or _letters(texts[0]["content"]) != _letters(text):
            yield f"a step does not say {text!r}"
            return
        lefts.append(texts[0]["x"])
    if len(lefts) < 3 or any(after >= before for before, after in itertools.pairwise(lefts)):
        yield "the text does not run to the left"
    elif lefts[0] < 0 or lefts[-1] + font.width(text) > font.width(text) // 2 + 10:
        yield "not all of the text is seen"
    if not film.repeats:
        yield "the text runs through only once"


def texts_of(shot: Shot) -> list[Element]:
    """The text elements of a shot, in drawing order."""
    if shot.command["type"] != "render":
        return []
    return [element for element in shot.command["elements"] if element["type"] == "text"]


def _text_cells(texts: list[Element]) -> frozenset[Cell]:
    cells: set[Cell] = set()
    for text in texts:
        assert text["type"] == "text"
        cells |= {(text["x"] + x, text["y"] + y) for x, y in font.lit_cells(text["content"])}
    return frozenset(cells)


def shows_text(text: str, shot: Shot) -> Reasons:
    """Why a shot does not say a text that can be read."""
    if len(text) == 1 and not texts_of(shot) and _is_big(text, shot):
        return
    texts = texts_of(shot)
    rows_of_text = [element["content"] for element in texts if element["type"] == "text"]
    # Hours and minutes in two rows need no colon between them.
    if _letters(text) not in (_letters("".join(rows_of_text)), _letters(":".join(rows_of_text))):
        yield f"says {' '.join(rows_of_text)!r} instead of {text!r}"
        return
    cells = _text_cells(texts)
    visible = shifted(cells, (0, 0))
    rows = front(shot.frames[0])
    x, y = min(visible, default=(0, 0))
    beside = rows[y][x - 1] if x else rows[y - 1][x]
    if len(visible) < _VISIBLE_SHARE * len(cells):
        yield f"only {len(visible)} of {len(cells)} LEDs of {text!r} are in the grid"
    elif (x - 1, y) not in visible and any(near(rows[row][column], beside, 48) for column, row in visible):
        yield f"{text!r} does not stand out from its ground"


def _letters(text: str) -> str:
    return "".join(character for character in text.upper() if character != " ")


def _is_big(digit: str, shot: Shot) -> bool:
    """Whether a shot is a glyph drawn at twice its size."""
    cells = {(2 + 2 * x + dx, 2 + 2 * y + dy) for x, y in font.lit_cells(digit) for dx in (0, 1) for dy in (0, 1)}
    shape = drawn_cells(shot.frames[0], (0, 0, 0))
    return likeness(shape, sum(1 << (y * 10 + x) for x, y in cells))[0] >= _BIG_LIKENESS


def shows_weather(meaning: Meaning, film: Film) -> Reasons:
    """Why a film does not show the weather and the degrees that were asked for."""
    shot = film.shots[0]
    yield from shows_text(str(meaning["number"]), shot)
    rows = front(shot.frames[0])
    hidden = _text_cells(texts_of(shot))
    bright = [
        color
        for y, row in enumerate(rows)
        for x, color in enumerate(row)
        if (x, y) not in hidden and max(color) >= _BRIGHT
    ]
    shown = [family(color) for color in bright]
    white = sum(near(color, (255, 255, 255), SAME_COLOR) for color in bright)
    pale, yellow = shown.count("grey") + shown.count("white"), shown.count("yellow") + shown.count("orange")
    drawn = {
        "sunny": yellow >= 6,
        "cloudy": pale >= 8,
        "rainy": pale >= 6 and "blue" in shown,
        "snowy": pale >= 6 and 0 < white < pale,
        "stormy": pale >= 6 and yellow >= 2,
    }
    if not drawn[meaning["weather"]]:
        yield f"does not look {meaning['weather']}"


def shows_status(meaning: Meaning, film: Film) -> Reasons:
    """Why a film does not show as much as was asked for: lit rows of a column, or lit bars."""
    frame = np.array(front(film.shots[0].frames[0]))  # rows, columns, channels
    bright = frame.max(axis=2) >= _BRIGHT
    grey = np.abs(frame - frame.mean(axis=2, keepdims=True)).max(axis=2) < SAME_COLOR
    asked = meaning.get("colors")
    if asked:
        # In a colour that was asked for even grey would count.
        grey &= ~np.array([[near((int(r), int(g), int(b)), rgb(asked[0]), 30) for r, g, b in row] for row in frame])
    lit = bright & ~grey
    # One column tells: inside a battery from row 2 down, inside a tank from row 1.
    column = lit[2 if meaning["status"] == "battery" else 1 : 13, 5]
    counted = lit[_GRID_BOTTOM, 0:10:2] if meaning["status"] == "bars" else column
    shown = float(counted.mean())
    wanted = meaning["percent"] / 100
    if abs(shown - wanted) > _LEVEL_TOLERANCE and not (0 < wanted < 0.1 and 0 < shown <= 0.2):
        yield f"shows {100 * shown:.0f} % instead of {meaning['percent']} %"
    if asked and lit.any():
        colors = [tuple(map(int, cell)) for cell in frame[lit]]
        if sum(near(color, rgb(asked[0])) for color in colors) < 0.7 * len(colors):  # type: ignore[arg-type]
            yield f"it is not {asked[0]}"
