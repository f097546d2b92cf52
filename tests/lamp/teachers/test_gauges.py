"""How much there is of something, and the weather with its degrees."""

import random

import pytest

from stages.lamp import simulator
from stages.lamp.color import family
from stages.lamp.teachers import gauges


def cells(command):
    """Colours of the grid as [y][x]."""
    return [[tuple(cell) for cell in row] for row in simulator.grid(simulator.frame(command, 0)).tolist()]


def count(command, color):
    return sum(family(cell) == color for row in cells(command) for cell in row)


@pytest.mark.parametrize(
    ("percent", "rows", "filled"), [(0, 11, 0), (1, 11, 1), (5, 12, 1), (50, 12, 6), (100, 11, 11)]
)
def test_a_little_is_never_nothing_and_all_is_full(percent, rows, filled):
    assert gauges.filled(percent, rows) == filled


def test_more_is_never_less():
    for rows in (gauges.BARS, gauges.BATTERY_ROWS, gauges.LEVEL_ROWS):
        shown = [gauges.filled(percent, rows) for percent in range(101)]
        assert shown == sorted(shown) and shown[-1] == rows


@pytest.mark.parametrize(
    ("percent", "color"), [(5, "red"), (20, "red"), (25, "yellow"), (50, "yellow"), (55, "green"), (100, "green")]
)
def test_a_battery_is_red_when_nearly_empty_then_amber_then_green(percent, color):
    command = gauges.status("battery", percent, None)
    assert count(command, color) == 6 * gauges.filled(percent, 11)


def test_a_battery_fills_from_the_bottom_within_its_frame():
    grid = cells(gauges.status("battery", 50, "#0000FF"))
    blue = {(x, y) for y, row in enumerate(grid) for x, cell in enumerate(row) if family(cell) == "blue"}
    assert blue == {(x, y) for x in range(2, 8) for y in range(7, 13)}
    assert family(grid[13][1]) == family(grid[0][4]) == "white" and family(grid[2][2]) == "dark"


@pytest.mark.parametrize(("percent", "bars"), [(0, 0), (20, 1), (60, 3), (100, 5)])
def test_as_many_bars_are_lit_and_each_is_higher_than_the_one_before(percent, bars):
    grid = cells(gauges.status("bars", percent, None))
    heights = [sum(family(grid[y][x]) == "cyan" for y in range(14)) for x in range(0, 10, 2)]
    assert sum(height > 0 for height in heights) == bars and heights[:bars] == sorted(set(heights[:bars]))
    assert all(family(grid[12][x]) in ("cyan", "grey") for x in range(0, 10, 2)), "the others stand there unlit"


def test_a_level_rises_in_its_tank():
    heights = []
    for percent in (0, 25, 50, 75, 100):
        grid = cells(gauges.status("level", percent, None))
        heights.append(sum(family(grid[y][5]) == "blue" for y in range(14)))
        assert family(grid[13][0]) == family(grid[1][9]) == "white"
    assert heights == [0, 3, 6, 9, 12]


@pytest.mark.parametrize("kind", ["battery", "bars", "level"])
def test_a_gauge_takes_the_colour_that_is_said(kind):
    assert count(gauges.status(kind, 60, "#FF00FF"), "magenta") > 10
    assert count(gauges.status(kind, 60, None), "magenta") == 0


@pytest.mark.parametrize("kind", ["sunny", "cloudy", "rainy", "snowy", "stormy"])
def test_the_sky_stands_above_the_degrees_and_looks_different(kind):
    drawn = {str(gauges.weather(kind, -9, random.Random(seed))) for seed in range(20)}
    assert len(drawn) > 1
    elements = gauges.weather(kind, -9, random.Random(1))["elements"]
    [text] = [element for element in elements if element["type"] == "text"]
    assert text["content"] == "-9" and text["y"] >= 7
    assert all(element.get("y", 0) + element.get("h", 1) <= text["y"] for element in elements[1:-1] if "y" in element)
