"""The short notation of scenes and moods."""

import pytest

from stages.errors import UserError
from stages.lamp import notation


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
    assert notation.steps(["solid FF0000 for 4000", "off"]) == [
        {
            "id": "s1",
            "command": {"type": "pattern", "name": "solid", "params": {"color": "#FF0000"}},
            "duration": 4000,
        },
        {"id": "s2", "command": {"type": "stop"}, "duration": None},
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("disco FF0000", "'disco' is none of draw, off, solid"),
        ("wave FF0000 3000", "wave takes color color2 speed, got 2 values"),
        ("solid FF0000 00FF00", "solid takes color, got 2 values"),
        ("draw pixel 1 2", "pixel takes x y color"),
        ("draw fill 000000; circle 1 2 FFFFFF", "circle takes nothing known"),
    ],
)
def test_a_line_that_is_no_notation_is_shown_with_what_it_should_be(text, said):
    with pytest.raises(UserError) as caught:
        notation.command(text)
    assert said in str(caught.value) and "\n" not in str(caught.value)
