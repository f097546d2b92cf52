"""Checks of texts, weather and gauges: a right answer passes, a spoilt one fails for its reason."""

import pytest

from stages.lamp import notation
from stages.lamp.brief import off_brief
from stages.lamp.validation import validate
from tests.lamp.spoiling import (
    all_contents,
    both,
    command,
    commands,
    content,
    drawn,
    duration,
    first_step_only,
    label,
    loop,
    move_text,
    on_top,
    played,
    recolour,
    reordered,
    still,
    without_drawing,
    without_loop,
)

HI = {"intent": "text", "text": "HI", "colors": ["#00C800"], "ground": "#000080"}
SOS = {"intent": "text", "text": "SOS", "motion": "blinks"}
HELLO = {"intent": "text", "text": "HELLO WORLD", "motion": "scrolls", "colors": ["#00FFFF"]}
SUNNY = {"intent": "weather", "weather": "sunny", "number": 24}
BATTERY = {"intent": "status", "status": "battery", "percent": 50}
RED_BATTERY = {**BATTERY, "colors": ["#FF0000"]}
BARS = {"intent": "status", "status": "bars", "percent": 60}
LEVEL = {"intent": "status", "status": "level", "percent": 100}
EMPTY = {"intent": "status", "status": "level", "percent": 0}

SPOILT = [
    # a meaning, how its right answer is spoilt, what the reason says
    (HI, content("HA"), "says 'HA' instead of 'HI'"),
    (HI, without_drawing("text"), "says '' instead of 'HI'"),
    (HI, command("solid 00C800"), "says '' instead of 'HI'"),
    (HI, recolour(("#00C800", "#FF0000")), "the text is not #00C800"),
    (HI, recolour(("#000080", "#000000")), "the ground is #000080 in 0 of"),
    (HI, move_text(7, 4), "of 'HI' are in the grid"),
    (HI, move_text(1, 12), "of 'HI' are in the grid"),
    (HI, on_top("fill 000080"), "'HI' does not stand out"),
    (SOS, first_step_only, "the text does not go off and on"),
    (SOS, command("solid FFFFFF", 1), "the text does not go off and on"),
    (SOS, loop(3), "the blinking ends"),
    (SOS, both(without_loop, duration(None, -1)), "the blinking ends"),
    (SOS, content("SO"), "says 'SO' instead of 'SOS'"),
    (HELLO, content("HELL", 3), "a step does not say 'HELLO WORLD'"),
    (HELLO, all_contents("BYE"), "a step does not say 'HELLO WORLD'"),
    (HELLO, command("solid 00FFFF", 2), "a step does not say 'HELLO WORLD'"),
    (HELLO, reordered(0, 1), "the text does not run to the left"),
    (HELLO, reordered(3, 2, 1, 0), "the text does not run to the left"),
    (HELLO, reordered(0, 1, 2), "not all of the text is seen"),
    (HELLO, reordered(4, 5, 6, 7, 8, 9, 10), "not all of the text is seen"),
    (HELLO, loop(1), "the text runs through only once"),
    (HELLO, recolour(("#00FFFF", "#FF0000")), "the text is not #00FFFF"),
    (SUNNY, content("25"), "says '25' instead of '24'"),
    (SUNNY, without_drawing("rect"), "does not look sunny"),
    (SUNNY, recolour(("#FFD700", "#C0C0C0")), "does not look sunny"),
    (BATTERY, on_top("rect 2 2 6 3 00C800"), "shows 82 % instead of 50 %"),
    (BATTERY, on_top("rect 2 2 6 11 000000"), "shows 0 % instead of 50 %"),
    (BATTERY, on_top("rect 2 2 6 11 C0C0C0"), "shows 0 % instead of 50 %"),
    (BATTERY, command("solid 00C800"), "shows 100 % instead of 50 %"),
    (RED_BATTERY, recolour(("#FF0000", "#00C800")), "it is not #FF0000"),
    (BARS, on_top("rect 4 0 1 13 000000"), "shows 40 % instead of 60 %"),
    (BARS, on_top("rect 6 0 1 13 00FFFF"), "shows 80 % instead of 60 %"),
    (LEVEL, on_top("rect 1 1 8 6 000000"), "instead of 100 %"),
    (EMPTY, on_top("rect 1 8 8 5 4169E1"), "instead of 0 %"),
]  # fmt: skip


@pytest.mark.parametrize(("meaning", "spoil", "reason"), SPOILT, ids=label)
def test_a_right_answer_passes_and_a_spoilt_one_fails_for_its_reason(words, right, meaning, spoil, reason):
    program = right(**meaning)
    assert off_brief(meaning, program, words) == []
    spoil(program)
    assert validate(program) == [], "only what is valid is checked"
    found = off_brief(meaning, program, words)
    assert any(reason in said for said in found), found


# Texts -------------------------------------------------------------------------------------------------------


def written(*rows):
    """Rows of text one below the other."""
    texts = [
        {"type": "text", "content": row, "x": 0, "y": 7 * number, "color": "#FFFFFF"} for number, row in enumerate(rows)
    ]
    return still(drawn({"type": "fill", "color": "#000000"}, *texts))


@pytest.mark.parametrize(
    ("text", "rows"),
    [("1:23", ("1", "23")), ("1:23", ("1:", "23")), ("HI", ("H", "I")), ("JAN 15", ("JAN", "15")), ("HI", ("hi",))],
)
def test_text_may_stand_in_two_rows_of_which_the_break_is_the_colon_or_the_space(words, text, rows):
    assert off_brief({"intent": "text", "text": text}, written(*rows), words) == []


@pytest.mark.parametrize(
    ("text", "rows"), [("1:23", ("12", "3")), ("12:3", ("1", "23")), ("1:23", ("123",)), ("123", ("1:", "23"))]
)
def test_the_break_between_rows_is_in_the_place_of_the_colon(words, text, rows):
    found = off_brief({"intent": "text", "text": text}, written(*rows), words)
    assert found == [f"says {' '.join(rows)!r} instead of {text!r}"]


@pytest.mark.parametrize("shown", ["7", "3"])
def test_one_digit_may_be_drawn_at_twice_its_size_and_is_read(words, right, shown):
    big = right(intent="countdown", number=8, place="big")["program"]["steps"][8 - int(shown)]["command"]
    assert not [element for element in big["elements"] if element["type"] == "text"]
    for digit in "37":
        assert (off_brief({"intent": "text", "text": digit}, still(big), words) == []) == (digit == shown)


@pytest.mark.parametrize("text", ["SALE NOW", "12345678", "A"])
@pytest.mark.parametrize("pace", [200, 400])
def test_any_text_that_runs_through_is_seen_whole(words, right, text, pace):
    meaning = {"intent": "text", "text": text, "motion": "scrolls"}
    program = right(**meaning)
    for step in program["program"]["steps"]:
        step["duration"] = pace
    assert off_brief(meaning, program, words) == []


def test_what_blinks_must_be_darker_by_half(words):
    def blinking(color):
        return played("say HI FFFFFF for 500", f"draw fill {color} for 500", loop=0)

    meaning = {"intent": "text", "text": "HI", "motion": "blinks"}
    assert off_brief(meaning, blinking("000000"), words) == []
    assert off_brief(meaning, blinking("404040"), words) == ["the text does not go off and on"]


# Weather -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "wrong", "reason"),
    [
        ("cloudy", "fill 000040", "does not look cloudy"),
        ("cloudy", "fill 404040; rect 1 1 3 1 808080", "does not look cloudy"),
        ("rainy", "fill 000000; rect 1 1 8 3 808080", "does not look rainy"),
        ("rainy", "fill 000040; rect 1 1 8 3 808080", "does not look rainy"),
        ("snowy", "fill 404040; rect 1 1 8 3 FFFFFF", "does not look snowy"),
        ("snowy", "fill 000040; rect 1 1 8 3 808080", "does not look snowy"),
        ("stormy", "fill 000040; rect 1 0 8 3 808080", "does not look stormy"),
    ],
)
def test_each_weather_looks_like_itself(words, right, kind, wrong, reason):
    meaning = {"intent": "weather", "weather": kind, "number": -9}
    program = right(**meaning)
    assert off_brief(meaning, program, words) == []
    text = [part for part in commands(program)[0]["elements"] if part["type"] == "text"]
    commands(program)[0]["elements"] = [*notation.command(f"draw {wrong}")["elements"], *text]
    assert off_brief(meaning, program, words) == [reason]


# Gauges ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["battery", "bars", "level"])
def test_a_gauge_shows_as_much_as_was_asked_for_and_not_much_else(words, right, kind):
    for percent in range(0, 101, 20):
        program = right(intent="status", status=kind, percent=percent)
        for asked in range(0, 101, 20):
            meaning = {"intent": "status", "status": kind, "percent": asked}
            assert (off_brief(meaning, program, words) == []) == (asked == percent), (percent, asked)


def test_a_little_may_be_one_row_but_not_nothing(words):
    low = {"intent": "status", "status": "battery", "percent": 5}
    assert off_brief(low, played("draw fill 000000; rect 2 12 6 1 FF0000"), words) == []
    assert off_brief(low, played("draw fill 000000; rect 2 10 6 3 FF0000"), words) == ["shows 27 % instead of 5 %"]


def test_a_gauge_in_grey_is_one_where_grey_was_asked_for(words):
    half = played("draw fill 000000; rect 2 7 6 6 C0C0C0")
    assert off_brief({**BATTERY, "colors": ["#C0C0C0"]}, half, words) == []
    assert off_brief(BATTERY, half, words) == ["shows 0 % instead of 50 %"]
