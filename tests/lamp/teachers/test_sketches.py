"""Pictures and texts in motion and in place."""

import itertools
import random

import pytest

from stages.lamp import font, pixel_art, simulator
from stages.lamp.pixel_art import Picture
from stages.lamp.teachers import sketches

BAR = Picture("bar", "t", ("bar",), None, "a", {"a": "#FF0000"}, ("aaaa......", *["." * 10] * 13))


def lit(command):
    """The lit cells of a command as (x, y)."""
    frame = simulator.grid(simulator.frame(command, 0))
    return {(x, y) for y, row in enumerate(frame.tolist()) for x, cell in enumerate(row) if max(cell)}


@pytest.mark.parametrize("place", [None, *pixel_art.PLACES])
def test_a_picture_is_drawn_in_its_place(place):
    command = sketches.drawn(BAR, "#000000", place)
    assert lit(command) == (pixel_art.placed(BAR, place) if place else BAR).mask()


# Motion ------------------------------------------------------------------------------------------------------


def test_what_blinks_is_dark_in_between():
    command = sketches.drawn(BAR, "#000000")
    (first, on), (second, off) = sketches.blinking(command, 700, 300)
    assert (first, on, off) == (command, 700, 300) and lit(second) == set()


@pytest.mark.parametrize("seed", range(5))
def test_points_of_light_twinkle_around_a_picture_and_never_touch_it(seed):
    frames = sketches.twinkling(BAR, "#000000", "#FFFFFF", random.Random(seed))
    (one, lasts), (other, lasts_too) = frames
    assert lasts == lasts_too and 400 <= lasts <= 700
    lights = [lit(command) - BAR.mask() for command in (one, other)]
    assert [len(each) for each in lights] == [3, 3] and not lights[0] & lights[1]
    for (x, y), (a, b) in itertools.product(lights[0] | lights[1], BAR.mask()):
        assert max(abs(x - a), abs(y - b)) > 1


def test_where_a_picture_leaves_no_room_the_corners_twinkle():
    full = Picture("full", "t", ("full",), None, "a", {"a": "#FF0000"}, ("a" * 10,) * 14)
    corners = {(0, 0), (9, 0), (0, 13), (9, 13)}
    for command, _ in sketches.twinkling(full, "#000000", "#FFFFFF", random.Random(1)):
        white = [element for element in command["elements"] if element["color"] == "#FFFFFF"]
        assert len(white) == 2 and {(element["x"], element["y"]) for element in white} <= corners


@pytest.mark.parametrize("text", ["A", "SOS", "HELLO WORLD", "TIME FOR BED"])
def test_a_text_runs_in_from_the_right_and_out_to_the_left(text):
    frames = sketches.scrolling(text, "#00FFFF", "#000080", 300)
    lefts = [command["elements"][1]["x"] for command, _ in frames]
    assert len(frames) <= 12 and {lasts for _, lasts in frames} == {300}
    assert lefts == sorted(set(lefts), reverse=True) and lefts[0] == 9
    assert lefts[-1] + font.width(text) <= 10 + font.width(text) // 2
    assert all(command["elements"][0] == {"type": "fill", "color": "#000080"} for command, _ in frames)
    shown = set().union(
        *({x - left for x, _ in lit_text(command, "#000080")} for (command, _), left in zip(frames, lefts, strict=True))
    )
    assert shown == {x for x, _ in font.lit_cells(text)}, "every column is seen at some time"


def lit_text(command, ground):
    frame = simulator.grid(simulator.frame(command, 0)).tolist()
    under = simulator.grid(simulator.frame({"type": "render", "elements": [command["elements"][0]]}, 0)).tolist()
    return {(x, y) for y, row in enumerate(frame) for x, cell in enumerate(row) if cell != under[y][x]}


# Digits and steps --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("digit", "0123456789")
def test_a_big_digit_is_the_font_at_twice_its_size(digit):
    wanted = {(2 + 2 * x + dx, 2 + 2 * y + dy) for x, y in font.lit_cells(digit) for dx in (0, 1) for dy in (0, 1)}
    assert lit(sketches.big_digit(digit, "#FF0000", "#000000")) == wanted


def test_two_digits_are_as_large_as_ever():
    command = sketches.big_digit("10", "#FF0000", "#000000")
    assert [element["content"] for element in command["elements"] if element["type"] == "text"] == ["10"]


def test_steps_are_numbered_from_one():
    steps = sketches.numbered([({"type": "stop"}, 5), (sketches.DARK, 7)])
    assert [(step["id"], step["command"]["type"], step["duration"]) for step in steps] == [
        ("s1", "stop", 5), ("s2", "pattern", 7),
    ]  # fmt: skip
