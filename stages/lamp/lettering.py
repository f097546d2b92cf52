"""Text on the lamp: how words are set in the 10 columns and 14 rows of the grid."""

from __future__ import annotations

from . import font
from .program import GRID_HEIGHT, GRID_WIDTH, Command, Element

SECOND_ROW = 7  # rows from one line of text to the next


def written(text: str, color: str, ground: str, line: int | None = None) -> Command:
    """Text on a ground: in one row where it fits, else in two. line: top row of the text."""
    rows = rows_of(text)
    top = line if line is not None else (4 if len(rows) == 1 else 1)
    drawn: list[Element] = [{"type": "fill", "color": ground}]
    drawn += [centred(row, top + SECOND_ROW * number, color) for number, row in enumerate(rows)]
    return {"type": "render", "elements": drawn}


def rows_of(text: str) -> list[str]:
    """A text as one or two rows: cut at its space or colon, else in half."""
    if font.width(text) <= GRID_WIDTH:
        return [text]
    for separator in (" ", ":"):
        if separator in text:
            first, _, second = text.partition(separator)
            return [first, second]
    # Three characters are 11 columns wide: the last column is lost, which the eye forgives.
    if len(text) <= 3:
        return [text]
    half = (len(text) + 1) // 2
    return [text[:half], text[half:]]


def centred(text: str, y: int, color: str) -> Element:
    """One row of text in the middle of the grid's width, its top at row `y` or as far down as it fits."""
    x = max(0, (GRID_WIDTH - font.width(text)) // 2)
    return {"type": "text", "content": text, "x": x, "y": min(y, GRID_HEIGHT - font.GLYPH_HEIGHT), "color": color}
