"""The short notation of scenes: one line, many programs."""

import random
import re

import pytest

from stages.errors import UserError
from stages.lamp import notation, pixel_art


def steps(*lines, seed=1, pictures=None):
    return notation.steps(list(lines), random.Random(seed), pictures or {})


def drawn(line, draws=200):
    """What a line stands for: its commands and durations, in many draws."""
    return [steps(line, seed=seed)[0] for seed in range(draws)]


@pytest.mark.parametrize(
    ("text", "name", "params"),
    [
        ("solid FF0000", "solid", {"color": "#FF0000"}),
        ("gradient FFE4C4 FF6B4A", "gradient", {"color": "#FFE4C4", "color2": "#FF6B4A"}),
        ("breathing 191970 5000", "breathing", {"color": "#191970", "speed": 5000}),
        ("wave 00008B 20B2AA 3000", "wave", {"color": "#00008B", "color2": "#20B2AA", "speed": 3000}),
        ("rainbow 500", "rainbow", {"speed": 500}),
        ("pulse FFFFFF 400", "pulse", {"color": "#FFFFFF", "speed": 400}),
        (
            "sparkle FFD700 191970 100 0.4",
            "sparkle",
            {"color": "#FFD700", "bgColor": "#191970", "speed": 100, "density": 0.4},
        ),
    ],
)
def test_a_pattern_takes_its_values_in_the_lamps_order(text, name, params):
    assert notation.command(text) == {"type": "pattern", "name": name, "params": params}


def test_colours_of_digits_only_stay_text_with_their_zeros():
    assert notation.command("solid 000080")["params"] == {"color": "#000080"}
    assert notation.command("solid 1E1234")["params"] == {"color": "#1E1234"}


def test_off_is_stop():
    assert notation.command("off") == {"type": "stop"}


def test_a_drawing_is_elements_with_semicolons_between():
    drawn = notation.command(
        "draw fill 000040; pixel 1 2 FFFFFF; rect 1 2 3 4 FF0000; line 0 1 2 3 00FF00; text HI 1 -2 0000FF"
    )
    assert drawn == {
        "type": "render",
        "elements": [
            {"type": "fill", "color": "#000040"},
            {"type": "pixel", "x": 1, "y": 2, "color": "#FFFFFF"},
            {"type": "rect", "x": 1, "y": 2, "w": 3, "h": 4, "color": "#FF0000"},
            {"type": "line", "x1": 0, "y1": 1, "x2": 2, "y2": 3, "color": "#00FF00"},
            {"type": "text", "content": "HI", "x": 1, "y": -2, "color": "#0000FF"},
        ],
    }


def test_text_that_looks_like_a_number_stays_text():
    assert notation.command("draw text 24 0 0 FFFFFF")["elements"][0]["content"] == "24"


def test_steps_are_numbered_from_1_and_one_without_a_duration_stays():
    assert steps("solid FF0000 for 4000", "off") == [
        {
            "id": "s1",
            "command": {"type": "pattern", "name": "solid", "params": {"color": "#FF0000"}},
            "duration": 4000,
        },
        {"id": "s2", "command": {"type": "stop"}, "duration": None},
    ]


# Pictures and words ------------------------------------------------------------------------------------------


def test_a_picture_of_the_library_is_drawn_on_black_or_on_a_ground(words):
    owl = words.pictures["owl"]
    on_black, on_navy = (notation.command(text, words.pictures) for text in ("picture owl", "picture owl on 000080"))
    assert on_black == {"type": "render", "elements": pixel_art.elements(owl, "#000000")}
    assert on_navy == {"type": "render", "elements": pixel_art.elements(owl, "#000080")}


def test_words_are_said_in_a_colour_on_black_or_on_a_ground():
    said = notation.command("say GO 00c800 on ff0000")
    assert [element["type"] for element in said["elements"]] == ["fill", "text"]
    assert (said["elements"][0]["color"], said["elements"][1]["content"]) == ("#FF0000", "GO")
    assert notation.command("say GO 00C800")["elements"][0]["color"] == "#000000"


def test_an_underscore_is_a_space_and_parts_the_rows():
    rows = notation.command("say JAN_15 FFFFFF")["elements"][1:]
    assert [row["content"] for row in rows] == ["JAN", "15"]


# Alternatives and ranges -------------------------------------------------------------------------------------


def test_each_alternative_comes_and_no_other():
    colors = [step["command"]["params"]["color"] for step in drawn("solid FF0000|00C800|0000FF")]
    assert set(colors) == {"#FF0000", "#00C800", "#0000FF"}
    assert min(map(colors.count, set(colors))) > 30


@pytest.mark.parametrize(
    ("span", "unit"),
    [
        ("4000..20000", 2000),
        ("5000..20000", 2000),
        ("2000..3000", 250),
        ("1000..1600", 100),
        ("300..520", 50),
        ("80..120", 10),
        ("2..4", 1),
    ],
)
def test_a_number_out_of_a_range_is_a_round_one_within_it(span, unit):
    low, high = map(int, span.split(".."))
    durations = {step["duration"] for step in drawn(f"solid FF0000 for {span}")}
    assert durations == set(range(low, high + 1, unit))


def test_a_range_of_densities_goes_in_twentieths():
    densities = {step["command"]["params"]["density"] for step in drawn("sparkle FFD700 191970 100 0.1..0.25")}
    assert densities == {0.1, 0.15, 0.2, 0.25}


def test_an_alternative_may_be_a_range_and_may_stand_before_a_semicolon():
    durations = {step["duration"] for step in drawn("off for 5|1000..1400")}
    assert durations == {5, 1000, 1100, 1200, 1300, 1400}
    fills = {
        tuple(part["color"] for part in step["command"]["elements"])
        for step in drawn("draw fill 000000|000040; rect 0 0 9 1 FF0000|00FF00; pixel 1 1 FFFFFF")
    }
    assert fills == {(a, b, "#FFFFFF") for a in ("#000000", "#000040") for b in ("#FF0000", "#00FF00")}


def test_the_same_draws_give_the_same_steps():
    lines = ("wave FF0000|00FF00 0000FF 1000..3000 for 2000..6000", "solid FF0000|00FF00")
    assert steps(*lines, seed=5) == steps(*lines, seed=5)
    assert len({str(steps(*lines, seed=seed)) for seed in range(20)}) > 5


# Mistakes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("disco FF0000", "'disco' is none of draw, picture, say, off, solid"),
        ("", "'' is none of draw"),
        ("wave FF0000 3000", "wave takes color color2 speed, got 2 values"),
        ("solid FF0000 00FF00", "solid takes color, got 2 values"),
        ("draw pixel 1 2", "pixel takes x y color"),
        ("draw fill 000000; circle 1 2 FFFFFF", "circle takes nothing known"),
        ("picture owlet", "no picture 'owlet' in pixel_art; draw it or take another"),
        ("say HI", "say takes TEXT COLOUR"),
        ("say HI white", "color 'white' is not a colour of six digits"),
        ("solid red", "color 'red' is not a colour of six digits, without #"),
        ("solid #FF0000", "color '#FF0000' is not a colour of six digits, without #"),
        ("breathing FF0000 slowly", "speed 'slowly' is not a number"),
        ("draw pixel a 2 FFFFFF", "x 'a' is not a number"),
        ("solid FF0000 for ever", "duration 'ever' is not a number"),
        ("breathing FF0000 slow..fast", "'slow..fast': a range is LOW..HIGH, both numbers"),
        ("breathing FF0000 900..100", "'900..100': a range is LOW..HIGH"),
    ],
)
def test_a_line_that_is_no_notation_is_shown_with_what_it_should_be(text, said):
    with pytest.raises(UserError, match=re.escape(said)) as caught:
        steps(text)
    assert "\n" not in str(caught.value)
