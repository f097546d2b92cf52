"""Does a frame look like a picture of the library: each like itself, none like another."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from stages.lamp import clock_face, film, pixel_art
from stages.lamp.resemblance import COLOR_SHARE, LIKENESS, mostly, shows_clock, shows_picture


def shot(*elements):
    command = {"type": "render", "elements": list(elements)}
    step = {"id": "s1", "command": command, "duration": None}
    return film.watch({"program": {"name": "n", "steps": [step]}}).shots[0]


def drawn(picture, ground="#000000", **palette):
    """A shot of a picture, some of its letters in other colours."""
    shown = replace(picture, palette={**picture.palette, **palette})
    return shot(*pixel_art.elements(shown, ground))


def found(words, name, seen, **meaning):
    return list(shows_picture({"intent": "picture", "object": name, **meaning}, seen, words))


# Pictures --------------------------------------------------------------------------------------------------


def likenesses(pictures):
    """How alike the outlines of all pairs are at their best shift, [shown, asked]: counted with matrices."""
    masks = np.zeros((len(pictures), 14, 10), np.float32)
    for mask, picture in zip(masks, pictures, strict=True):
        for x, y in picture.mask():
            mask[y, x] = 1
    best = np.zeros((len(pictures), len(pictures)))
    flat = masks.reshape(len(pictures), -1)
    for dx, dy in itertools.product(range(-3, 4), range(-4, 5)):
        moved = np.zeros_like(masks)
        columns, rows = slice(max(dx, 0), 10 + min(dx, 0)), slice(max(dy, 0), 14 + min(dy, 0))
        moved[:, rows, columns] = masks[:, rows.start - dy : rows.stop - dy, columns.start - dx : columns.stop - dx]
        moved = moved.reshape(len(pictures), -1)
        common = flat @ moved.T
        best = np.maximum(best, common / (flat.sum(axis=1)[:, None] + moved.sum(axis=1)[None] - common))
    return best


def test_every_picture_passes_for_itself_and_none_of_all_pairs_for_another(words):
    assert len(words.pictures) > 230
    names = list(words.pictures)
    shots = {name: drawn(picture) for name, picture in words.pictures.items()}
    # A picture is wholly like itself: what is clearly less alike than that looks more like what is shown, and some of
    # those pairs are enough. Of those with nearly the same outline every one is tried.
    alike = likenesses(words.pictures.values())
    close = [*np.argwhere(alike >= 0.98), *np.argwhere((alike >= LIKENESS) & (alike < 0.98))[::30]]
    pairs = [(names[asked], names[shown]) for shown, asked in close]
    passing = {pair for pair in pairs if not found(words, pair[0], shots[pair[1]])}
    assert len(pairs) > len(names)
    assert passing == {(name, name) for name in names}


def test_what_is_less_alike_than_the_limit_is_refused_for_that(words):
    names = list(words.pictures)[::11]
    shots = {name: drawn(words.pictures[name]) for name in names}
    alike = likenesses([words.pictures[name] for name in names])
    for (row, shown), (column, asked) in itertools.product(enumerate(names), repeat=2):
        refused = any(reason.startswith("likeness to ") for reason in found(words, asked, shots[shown]))
        assert refused == (alike[row, column] < LIKENESS), (asked, shown)


def in_the_outline_of(model, picture):
    """A picture cut or filled, with its main colour, to the outline of another."""
    rows = zip(model.cells, picture.cells, strict=True)
    cells = tuple("".join(map(lambda m, p: m if m == "." else p.replace(".", picture.colour), *row)) for row in rows)
    return replace(picture, cells=cells)


@pytest.mark.parametrize(
    ("asked", "shown", "reason"),
    [
        ("circle", "football", "inside, 80 LEDs that are one part of circle are of several colours"),
        ("circle", "yin_yang", "inside, 80 LEDs that are one part of circle are of several colours"),
        ("football", "circle", "the parts of football have one colour"),
        ("football", "yin_yang", "inside, 50 LEDs that are one part of football are of several colours"),
        ("yin_yang", "circle", "the parts of yin_yang have one colour"),
        ("yin_yang", "football", "inside, 42 LEDs that are one part of yin_yang are of several colours"),
    ],
)
def test_pictures_of_one_outline_are_told_apart_by_what_is_inside(words, asked, shown, reason):
    balls = {name: in_the_outline_of(words.pictures["football"], words.pictures[name]) for name in (asked, shown)}
    shapes = [film.as_shape(ball.mask()) for ball in balls.values()]
    assert film.likeness(*shapes)[0] == 1, "their outlines are the same"
    assert found(replace(words, pictures=balls), asked, drawn(balls[shown])) == [reason]


def test_pictures_of_one_outline_in_the_library_are_told_apart(words):
    assert words.pictures["dice"].bits == words.pictures["pause_button"].bits
    assert found(words, "dice", drawn(words.pictures["pause_button"])) != []
    assert found(words, "pause_button", drawn(words.pictures["dice"])) != []


@pytest.mark.parametrize(
    ("asked", "shown"), [("smiley_face", "winking_face"), ("winking_face", "smiley_face"), ("sword", "pencil")]
)
def test_the_wrong_one_of_two_that_are_alike_is_named_for_what_it_is(words, asked, shown):
    assert f"looks more like {shown}" in found(words, asked, drawn(words.pictures[shown]))


def test_a_picture_may_be_in_other_colours_as_long_as_its_parts_differ(words):
    football = words.pictures["football"]
    first, second = football.palette
    assert found(words, "football", drawn(football, **{first: "#FF0000", second: "#0000FF"})) == []
    alike = {first: "#FF0000", second: "#FA0000"}
    assert found(words, "football", drawn(football, **alike)) == ["the parts of football have one colour"]


def test_what_is_asked_for_in_a_colour_has_it_in_its_main_part(words):
    star = words.pictures["star"]
    red, blue = (drawn(star, **{star.colour: color}) for color in ("#FF0000", "#0000FF"))
    assert found(words, "star", red, colors=["#FF0000"]) == []
    [reason] = found(words, "star", blue, colors=["#FF0000"])
    assert reason.startswith("the star is #FF0000 in 0 of ")


def test_what_is_asked_for_on_a_ground_stands_on_it(words):
    navy, black = (drawn(words.pictures["star"], ground) for ground in ("#000080", "#000000"))
    assert found(words, "star", navy, ground="#000080") == []
    [reason] = found(words, "star", black, ground="#000080")
    assert reason == f"likeness to star is 0.50, at least {LIKENESS} is wanted"


# Pictures in their place -------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", pixel_art.PLACES)
def test_every_picture_at_half_its_size_passes_in_its_place_and_nowhere_else(words, place):
    for name, picture in words.pictures.items():
        small = drawn(pixel_art.placed(picture, place))
        assert found(words, name, small, place=place) == [], name
    shown = {name: drawn(picture) for name, picture in words.pictures.items()}
    assert [name for name, one in shown.items() if not found(words, name, one, place=place)] == []


@pytest.mark.parametrize(("asked", "shown"), list(itertools.permutations(pixel_art.PLACES, 2)))
def test_a_picture_in_another_place_is_told_where_it_is(words, asked, shown):
    reasons = found(words, "owl", drawn(pixel_art.placed(words.pictures["owl"], shown)), place=asked)
    assert len(reasons) == 1 and reasons[0].startswith(("owl is 0 columns and ", "likeness to owl is ")), reasons
    assert reasons[0].endswith((f"rows away from its place ({asked})", f"at least {LIKENESS} is wanted"))


def test_a_picture_may_be_a_row_off_its_place_but_no_further(words):
    owl = pixel_art.placed(words.pictures["owl"], "small")

    def lower(rows):
        return drawn(replace(owl, cells=(*["." * 10] * rows, *owl.cells[: 14 - rows])))

    assert found(words, "owl", lower(1), place="small") == []
    assert found(words, "owl", lower(2), place="small") == ["owl is 0 columns and 2 rows away from its place (small)"]


def test_another_picture_is_not_taken_for_it_at_half_its_size(words):
    small = drawn(pixel_art.placed(words.pictures["key"], "top"))
    [reason] = found(words, "house", small, place="top")
    assert reason.startswith("likeness to house is ")


# Colours -----------------------------------------------------------------------------------------------------


def test_most_of_the_cells_must_be_of_the_colour():
    rows = [[(255, 0, 0)] * 7 + [(0, 0, 255)] * 3] * 14
    cells = frozenset(itertools.product(range(10), range(14)))
    assert pytest.approx(0.7) == COLOR_SHARE
    assert list(mostly(rows, cells, "#FF0000", "the ground")) == []
    assert list(mostly(rows, cells, "#0000FF", "the ground")) == ["the ground is #0000FF in 42 of 140 LEDs"]


# Clocks ----------------------------------------------------------------------------------------------------

TIMES = list(itertools.product(range(1, 13), (0, 15, 30, 45)))


def clock(hour, minute):
    return shot(*clock_face.elements(hour, minute)).frames[0]


@pytest.mark.parametrize(("hour", "minute"), [(3, 0), (12, 30), (6, 45), (9, 15)])
def test_a_time_is_told_from_every_other(hour, minute):
    passing = [time for time in TIMES if not list(shows_clock({"hour": hour, "minute": minute}, clock(*time)))]
    assert passing == [(hour, minute)]


def test_a_clock_is_of_the_colour_that_was_asked_for():
    three = {"intent": "clock", "hour": 3, "minute": 0}
    shown = next(element["color"] for element in clock_face.elements(3, 0) if element["type"] != "fill")
    assert list(shows_clock({**three, "colors": [shown]}, clock(3, 0))) == []
    assert list(shows_clock({**three, "colors": ["#00C800"]}, clock(3, 0))) == ["the clock is not #00C800"]
