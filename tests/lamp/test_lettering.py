"""How words are set on the grid: in one row where they fit, else in two, in the middle, never outside."""

import string

import pytest

from stages.lamp import font, simulator
from stages.lamp.color import rgb
from stages.lamp.lettering import centred, rows_of, written


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("A", ["A"]),
        ("HI", ["HI"]),
        ("-5", ["-5"]),
        ("3:2", ["3:2"]),
        ("WOW", ["WOW"]),
        ("LOVE", ["LO", "VE"]),
        ("HELLO", ["HEL", "LO"]),
        ("12:45", ["12", "45"]),
        ("JAN 15", ["JAN", "15"]),
        ("GO UP", ["GO", "UP"]),
        ("I AM", ["I", "AM"]),
        ("SNOW!!", ["SNO", "W!!"]),
    ],
)
def test_text_is_one_row_where_it_fits_else_two_cut_at_its_space_or_colon(text, rows):
    assert rows_of(text) == rows


def test_a_row_of_three_letters_is_a_column_too_wide_and_still_one_row():
    assert font.width("WOW") == 11 and rows_of("WOW") == ["WOW"]


@pytest.mark.parametrize(("text", "x"), [("I", 3), ("HI", 1), ("WOW", 0), ("WELCOME", 0)])
def test_a_row_stands_in_the_middle_of_the_width_or_begins_at_its_edge(text, x):
    element = centred(text, 4, "#FFFFFF")
    assert (element["x"], element["y"], element["content"]) == (x, 4, text)
    left, right = x, 10 - x - font.width(text)
    assert abs(left - right) <= 1 or right < 0


def test_a_row_is_moved_up_where_it_would_end_below_the_grid():
    assert centred("HI", 30, "#FFFFFF")["y"] == 14 - font.GLYPH_HEIGHT


def test_text_stands_on_its_ground_in_its_colour():
    command = written("GO", "#00C800", "#000080")
    assert command["elements"][0] == {"type": "fill", "color": "#000080"}
    colors = {tuple(cell) for row in simulator.grid(simulator.frame(command, 0)).tolist() for cell in row}
    assert colors == {rgb("#00C800"), rgb("#000080")}


def test_one_row_stands_in_the_middle_of_the_height_and_two_below_each_other():
    [one] = written("HI", "#FFFFFF", "#000000")["elements"][1:]
    assert one["y"] == 4
    first, second = written("HELLO", "#FFFFFF", "#000000")["elements"][1:]
    assert first["y"] + font.GLYPH_HEIGHT < second["y"] <= 14 - font.GLYPH_HEIGHT


def test_the_line_that_a_text_begins_in_can_be_chosen():
    [row] = written("5", "#FFFFFF", "#000000", line=0)["elements"][1:]
    assert row["y"] == 0


@pytest.mark.parametrize("text", ["HI", "WOW", "LOVE", "HELLO", "12:45", "JAN 15", "99", "-9", *string.digits])
def test_nothing_of_a_text_but_its_last_column_is_lost(text):
    for row in written(text, "#FFFFFF", "#000000")["elements"][1:]:
        cells = [(row["x"] + x, row["y"] + y) for x, y in font.lit_cells(row["content"])]
        assert all(x <= 10 and 0 <= y < 14 for x, y in cells), row
        assert sum(x == 10 for x, _ in cells) <= 5
