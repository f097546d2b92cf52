"""The checks can fail: a right answer passes, and each way of getting it wrong is found with its reason."""

import pytest

from stages.lamp import pixel_art
from stages.lamp.brief import off_brief
from stages.lamp.validation import validate
from tests.lamp.spoiling import (
    all_durations,
    both,
    clock,
    command,
    content,
    drawn,
    duration,
    first_step_only,
    label,
    loop,
    on_top,
    params,
    played,
    recolour,
    reordered,
    still,
    without_loop,
)

STAR = {"intent": "picture", "object": "star"}
RED_STAR = {**STAR, "colors": ["#FF0000"]}
NAVY_STAR = {**STAR, "ground": "#000080"}
SMALL_STAR = {**STAR, "place": "small"}
BLINKING = {**STAR, "motion": "blinks"}
TWINKLING = {**STAR, "motion": "sparkles"}
CLOCK = {"intent": "clock", "hour": 3, "minute": 0}
RED_CLOCK = {**CLOCK, "colors": ["#FF0000"]}
WAVE = {"intent": "pattern", "pattern": "wave", "colors": ["#FF0000", "#0000FF"], "tempo": "slow"}
FAST_WAVE = {**WAVE, "tempo": "fast"}
SOLID = {"intent": "pattern", "pattern": "solid", "colors": ["#0000FF"]}
DIM_SOLID = {**SOLID, "brightness": "dim"}
PULSE = {"intent": "pattern", "pattern": "pulse", "colors": ["#FF0000"]}
BLEND = {"intent": "blend", "colors": ["#FF0000", "#00C800", "#0000FF"]}
CYCLE = {"intent": "cycle", "colors": ["#FF0000", "#00C800", "#0000FF"]}
STAR_THEN = {
    "intent": "then", "first": "picture", "second": "breathing", "object": "star", "colors": ["#0000FF"],
    "duration_ms": 60_000,
}  # fmt: skip
TEXT_THEN = {"intent": "then", "first": "text", "second": "rainbow", "text": "GO"}
COUNT_THEN = {"intent": "then", "first": "countdown", "second": "celebrate", "number": 3}
RED_COUNT_THEN = {**COUNT_THEN, "colors": ["#FF0000"]}
FLASH_THEN = {
    "intent": "then", "first": "flash", "second": "picture", "object": "star", "colors": ["#00FFFF"],
}  # fmt: skip
STAR_AND_WAVE = {"intent": "sequence", "parts": [{**STAR, "duration_ms": 5000}, WAVE]}
GO_AND_COUNT = {"intent": "sequence", "parts": [{"intent": "text", "text": "GO"}, {"intent": "countdown", "number": 3}]}
THREE_PARTS = {"intent": "sequence", "parts": [STAR, SOLID, {"intent": "off"}]}
STAR_AND_PULSE = {"intent": "sequence", "parts": [STAR, PULSE]}


SPOILT = [
    # a meaning, how its right answer is spoilt, what the reason says
    (STAR, command("solid FFFF00"), "likeness to star"),
    (STAR, command("draw fill 000000; rect 3 3 4 8 FFD700"), "likeness to star is"),
    (STAR, on_top("rect 0 0 10 7 000000"), "likeness to star"),
    (RED_STAR, recolour(("#FF0000", "#00FF00")), "the star is #FF0000 in 0 of"),
    (NAVY_STAR, recolour(("#000080", "#000000")), "likeness to star is"),
    (SMALL_STAR, on_top("rect 0 0 10 14 FFFF00"), "likeness to star is"),
    (BLINKING, first_step_only, "the picture does not go off and on"),
    (BLINKING, command("solid FFFFFF", 1), "the picture does not go off and on"),
    (BLINKING, loop(5), "the blinking ends"),
    (BLINKING, duration(None, -1), "the blinking ends"),
    (TWINKLING, first_step_only, "nothing twinkles"),
    (TWINKLING, reordered(0, 0), "nothing twinkles"),
    (TWINKLING, loop(5), "the twinkling ends"),
    (TWINKLING, command("solid FFFF00"), "likeness to star"),
    (CLOCK, clock(9, 0), "the hands show 9:00"),
    (CLOCK, clock(3, 30), "the hands show 3:30"),
    (CLOCK, command("draw fill 808080"), "likeness to a clock is 0.00"),
    (RED_CLOCK, clock(3, 0), "the clock is not #FF0000"),
    (RED_CLOCK, recolour(("#FF0000", "#0000FF")), "the clock is not #FF0000"),
    (WAVE, command("breathing FF0000 5000"), "plays breathing, not wave"),
    (WAVE, command("draw fill FF0000"), "plays render, not wave"),
    (WAVE, command("off"), "plays stop, not wave"),
    (WAVE, recolour(("#FF0000", "#0000FF"), ("#0000FF", "#FF0000")), "instead of #FF0000"),
    (WAVE, params(color2="#00FF00"), "#00FF00 instead of #0000FF"),
    (WAVE, params(speed=1000), "a turn of 1000 ms is not slow"),
    (FAST_WAVE, params(speed=4000), "a turn of 4000 ms is not fast"),
    (SOLID, params(color="#00FFFF"), "#00FFFF instead of #0000FF"),
    (DIM_SOLID, params(color="#0000FF"), "#0000FF instead of #0000FF"),
    (DIM_SOLID, params(color="#770000"), "#770000 instead of #0000FF"),
    (PULSE, first_step_only, "it pulses only once"),
    (PULSE, loop(3), "it pulses only once"),
    (PULSE, duration(None, -1), "it pulses only once"),
    (BLEND, recolour(("#00C800", "#FF0000")), "#00C800 is not shown"),
    (BLEND, reordered(0), "#0000FF is not shown"),
    (BLEND, reordered(1, 0), "the colours come in another order"),
    (BLEND, loop(2), "does not go on"),
    (BLEND, both(without_loop, duration(None, -1)), "does not go on"),
    (CYCLE, reordered(0, 2, 1), "#00C800 is missing or out of turn"),
    (CYCLE, reordered(0, 1), "has 2 steps for 3 colours"),
    (CYCLE, loop(2), "does not go on"),
    (CYCLE, duration(None, -1), "does not go on"),
    (STAR_THEN, first_step_only, "nothing follows"),
    (STAR_THEN, command("solid 0000FF"), "likeness to star"),
    (STAR_THEN, duration(5000), "the picture stays 5000 ms instead of 60000"),
    (STAR_THEN, command("wave 0000FF 000000 2000", 1), "plays wave, not breathing"),
    (STAR_THEN, params(1, color="#FF0000"), "#FF0000 instead of #0000FF"),
    (TEXT_THEN, content("NO"), "says 'NO' instead of 'GO'"),
    (TEXT_THEN, command("solid FFFFFF", 1), "plays solid, not rainbow"),
    (COUNT_THEN, content("9", 1), "says '9' instead of '2'"),
    (COUNT_THEN, command("solid FFFFFF", -1), "it ends without a celebration"),
    (RED_COUNT_THEN, command("sparkle 00FF00 0000FF 100 0.4", -1), "#FF0000 is not shown"),
    (FLASH_THEN, command("solid FF0000"), "#00FFFF is not shown"),
    (FLASH_THEN, command("solid FFFFFF", -1), "likeness to star"),
    (STAR_AND_WAVE, first_step_only, "part 2: nothing is left for it"),
    (STAR_AND_WAVE, reordered(1), "part 1: likeness to star"),
    (STAR_AND_WAVE, duration(9000), "part 1: lasts 9000 ms instead of 5000"),
    (STAR_AND_WAVE, params(1, speed=500), "part 2: a turn of 500 ms is not slow"),
    (GO_AND_COUNT, content("NO"), "part 1: says 'NO' instead of 'GO'"),
    (GO_AND_COUNT, content("9", 2), "part 2: "),
    (GO_AND_COUNT, reordered(0, 1, 2), "part 2: "),
    (THREE_PARTS, command("solid FF0000", 1), "part 2: #FF0000 instead of #0000FF"),
    (THREE_PARTS, command("solid 010101", -1), "part 3: the lamp is still lit"),
    (STAR_AND_PULSE, without_loop, "part 2: it pulses only once"),
    ({"intent": "off"}, command("solid 010101"), "the lamp is still lit"),
]  # fmt: skip


@pytest.mark.parametrize(("meaning", "spoil", "reason"), SPOILT, ids=label)
def test_a_right_answer_passes_and_a_spoilt_one_fails_for_its_reason(words, right, meaning, spoil, reason):
    program = right(**meaning)
    assert off_brief(meaning, program, words) == []
    spoil(program)
    assert validate(program) == [], "only what is valid is checked"
    found = off_brief(meaning, program, words)
    assert any(reason in said for said in found), found


# What is not said ------------------------------------------------------------------------------------------


def patterned(name, **params):
    return still({"type": "pattern", "name": name, "params": params})


def test_a_parameter_that_is_missing_has_the_value_that_the_lamp_takes(words):
    wave = {"intent": "pattern", "pattern": "wave", "colors": ["#FF6B4A", "#FFE4C4"]}
    assert off_brief(wave, patterned("wave"), words) == []
    assert off_brief(wave, patterned("wave", color2="#0000FF"), words) == ["#0000FF instead of #FFE4C4"]
    red = {"intent": "pattern", "pattern": "solid", "colors": ["#FF0000"]}
    assert off_brief(red, patterned("solid"), words) == ["#FF6B4A instead of #FF0000"]
    ground = {"intent": "pattern", "pattern": "sparkle", "colors": ["#FFFFFF", "#0000FF"]}
    assert off_brief(ground, patterned("sparkle"), words) == ["#1a1a1a instead of #0000FF"]
    for tempo in ("slow", "fast"):
        found = off_brief({"intent": "pattern", "pattern": "wave", "tempo": tempo}, patterned("wave"), words)
        assert found == [f"a turn of 2000 ms is not {tempo}"]
    calm = {"intent": "mood", "mood": "calm"}
    assert "breathing at 2000 ms is not slow" in off_brief(calm, patterned("breathing", color="#4A90D9"), words)


@pytest.mark.parametrize(
    ("color", "dim"),
    [
        ("#0000FF", False),
        ("#000099", True),
        ("#000077", True),
        ("#000055", True),
        ("#000011", False),
        ("#000000", False),
    ],
)
def test_a_dim_colour_is_the_named_one_with_less_light(words, color, dim):
    assert (off_brief(DIM_SOLID, patterned("solid", color=color), words) == []) == dim


# Pictures --------------------------------------------------------------------------------------------------


def picture_of(words, name, **changes):
    picture = words.pictures[name]
    if changes.get("shift"):
        dx, dy = changes["shift"]
        cells = [[" "] * 10 for _ in range(14)]
        for x, y in picture.mask():
            if 0 <= x + dx < 10 and 0 <= y + dy < 14:
                cells[y + dy][x + dx] = picture.cells[y][x]
        rows = tuple("".join(row).replace(" ", ".") for row in cells)
        picture = pixel_art.Picture(name, "t", (name,), None, picture.colour, picture.palette, rows)
    return still(drawn(*pixel_art.elements(picture, changes.get("ground", "#000000"))))


def test_a_picture_may_stand_a_little_off_and_on_any_ground(words):
    key = {"intent": "picture", "object": "key"}
    assert off_brief(key, picture_of(words, "key", shift=(1, 0)), words) == []
    assert off_brief(key, picture_of(words, "key", ground="#000080"), words) == []


@pytest.mark.parametrize("place", pixel_art.PLACES)
def test_a_picture_stands_where_it_was_asked_for(words, right, place):
    program = right(**STAR, place=place)
    for other in pixel_art.PLACES:
        assert (off_brief({**STAR, "place": other}, program, words) == []) == (other == place), other
    assert off_brief({**STAR, "place": place}, right(**STAR), words) != []


# Sequences ---------------------------------------------------------------------------------------------------


def test_a_part_may_take_several_steps(words):
    twice = {"intent": "sequence", "parts": [{"intent": "fade", "colors": ["#FF0000", "#0000FF"]}, {"intent": "off"}]}
    fading = ("solid FF0000 for 2000", "gradient FF0000 0000FF for 2000", "solid 0000FF for 2000")
    assert off_brief(twice, played(*fading, "off"), words) == []
    assert off_brief(twice, played(*fading[:1], "off"), words) == ["part 1: ends in another colour than #0000FF"]


def test_what_goes_on_for_ever_by_itself_only_takes_its_turn_in_a_sequence(words):
    pulse_then_off = {"intent": "sequence", "parts": [PULSE, {"intent": "off"}]}
    assert off_brief(pulse_then_off, played("pulse FF0000 1000 for 4000", "off"), words) == []


def test_steps_that_nobody_asked_for_are_found(words, right):
    program = right(**THREE_PARTS)
    assert off_brief(THREE_PARTS, program, words) == []
    all_durations(1000)(program)
    extra = played(*["off for 1000"] * 4)["program"]["steps"]
    program["program"]["steps"] += [{**step, "id": f"x{number}"} for number, step in enumerate(extra)]
    assert off_brief(THREE_PARTS, program, words) == ["4 more steps follow"]


# Whatever is answered ----------------------------------------------------------------------------------------


ODD = [
    still({"type": "render", "elements": []}),
    still({"type": "pattern", "name": "sparkle", "params": {}}),
    still({"type": "pattern", "name": "wave", "params": {"color": "#f00", "color2": "#12345678"}}),
    still(drawn({"type": "text", "content": "", "x": 99, "y": -99, "color": "#fff"})),
    played("off for 1", "off for 1", loop=0),
    played("rainbow 500 for 1", "off"),
]


def test_no_check_breaks_whatever_valid_program_it_gets(words, requests, answers):
    odd = [program for program in ODD if not validate(program)]
    assert len(odd) >= 4
    for number, request in enumerate(requests[::3]):
        other = answers[(7 * number + 1) % len(answers)]
        for program in (other, odd[number % len(odd)]):
            reasons = off_brief(request["meaning"], program, words)
            assert all(isinstance(reason, str) and reason for reason in reasons)
            if "change" in request["meaning"]:
                off_brief(request["meaning"], program, words, other)
