"""Checks of follow-ups: the program that was running passes with the change that was asked for, and with no other."""

import copy

import pytest

from stages.lamp.brief import off_brief
from stages.lamp.teachers.changes import changed
from stages.lamp.validation import validate
from tests.lamp.spoiling import (
    all_durations,
    command,
    first_step_only,
    loop,
    params,
    played,
    recolour,
    reordered,
    without_loop,
)

BLUE_WAVE = ("wave 000080 008080 3000",)
DRIFT = ("wave 000080 008080 3000 for 4000", "breathing 000080 4000 for 6000")
GLOW = ("solid 806040",)


def running(lines):
    """What is running when the follow-up is said; several steps go round for ever."""
    return played(*lines, loop=0 if len(lines) > 1 else None)


def reasons(words, change, before, after, color="#FF0000"):
    meaning = {"intent": "mood", "mood": "calm", "change": change}
    if change == "recolor":
        meaning["colors"] = [color]
    return off_brief(meaning, after, words, before)


CHANGES = [
    ("slower", DRIFT), ("faster", DRIFT), ("calmer", DRIFT), ("livelier", DRIFT), ("brighter", DRIFT),
    ("dimmer", DRIFT), ("warmer", DRIFT), ("cooler", GLOW), ("recolor", DRIFT),
    ("add_sparkle", BLUE_WAVE), ("breathe", BLUE_WAVE), ("still", BLUE_WAVE),
]  # fmt: skip


@pytest.mark.parametrize(("change", "lines"), CHANGES)
def test_what_was_asked_for_passes_and_the_program_as_it_was_does_not(words, change, lines):
    before = running(lines)
    after = changed(before, change, "#FF0000")
    assert validate(after) == []
    assert reasons(words, change, before, after) == []
    assert reasons(words, change, before, copy.deepcopy(before)) != []


@pytest.mark.parametrize(
    ("one", "other"),
    [("slower", "faster"), ("calmer", "livelier"), ("brighter", "dimmer"), ("warmer", "cooler"), ("breathe", "still")],
)
def test_the_opposite_is_off_brief(words, one, other):
    before = running(BLUE_WAVE if one == "breathe" else DRIFT)
    for asked, done in ((one, other), (other, one)):
        assert reasons(words, asked, before, changed(before, done, None)) != []


SPOILT = [
    # a change, what was running, how the right answer is spoilt, what the reason says
    ("slower", BLUE_WAVE, params(speed=3000), "a turn takes 3000 ms, it took 3000"),
    ("slower", DRIFT, params(1, speed=100), "a turn takes 100 ms, it took 4000"),
    ("slower", DRIFT, recolour(("#000080", "#800000")), "the colours changed"),
    ("slower", DRIFT, command("sparkle 000080 008080 6000 0.2"), "shows something else than before"),
    ("slower", DRIFT, command("off", 1), "shows something else than before"),
    ("slower", DRIFT, first_step_only, "has 1 steps, the program that was running had 2"),
    ("slower", DRIFT, reordered(0, 1, 1), "has 3 steps, the program that was running had 2"),
    ("slower", DRIFT, loop(3), "the loop is another one"),
    ("slower", DRIFT, without_loop, "the loop is another one"),
    ("slower", DRIFT, all_durations(40), "the durations changed"),
    ("brighter", BLUE_WAVE, params(speed=300), "a turn takes 300 ms, it took 3000"),
    ("brighter", GLOW, params(color="#0000FF"), "the colours changed"),
    ("dimmer", GLOW, params(color="#000040"), "the colours changed"),
    ("livelier", BLUE_WAVE, params(color="#FF0000"), "the colours changed"),
    ("warmer", BLUE_WAVE, params(speed=300), "a turn takes 300 ms, it took 3000"),
    ("recolor", BLUE_WAVE, params(speed=300), "a turn takes 300 ms, it took 3000"),
    ("recolor", BLUE_WAVE, params(color2="#FFFF00"), "other colours changed, too"),
    ("add_sparkle", DRIFT, all_durations(40), "the durations changed"),
    ("faster", BLUE_WAVE, params(speed=5000), "a turn takes 5000 ms, it took 3000"),
    ("calmer", BLUE_WAVE, params(speed=1000), "a turn takes 1000 ms, it took 3000"),
    ("calmer", BLUE_WAVE, recolour(("#000044", "#000080"), ("#004444", "#008080")), "of full light, it had"),
    ("livelier", BLUE_WAVE, recolour(("#0000FF", "#000040"), ("#00FFFF", "#004040")), "of full light, it had"),
    ("brighter", GLOW, params(color="#806040"), "of full light, it had"),
    ("brighter", GLOW, params(color="#402010"), "of full light, it had"),
    ("brighter", DRIFT, all_durations(100), "the durations changed"),
    ("dimmer", GLOW, params(color="#FFFFFF"), "of full light, it had"),
    ("dimmer", DRIFT, all_durations(9000), "the durations changed"),
    ("warmer", GLOW, params(color="#4060A0"), "is not warmer"),
    ("cooler", GLOW, params(color="#C06000"), "is not cooler"),
    ("recolor", BLUE_WAVE, recolour(("#FF0000", "#00FF00")), "nothing is #FF0000"),
    ("recolor", BLUE_WAVE, command("solid FF0000"), "shows something else than before"),
    ("recolor", DRIFT, all_durations(100), "the durations changed"),
    ("add_sparkle", BLUE_WAVE, command("wave 000080 008080 3000"), "plays wave, not sparkle"),
    ("add_sparkle", BLUE_WAVE, params(bgColor="#800000"), "#000080 is gone"),
    ("breathe", BLUE_WAVE, command("solid 000080"), "plays solid, not breathing"),
    ("breathe", BLUE_WAVE, params(color="#FF0000"), "#000080 is gone"),
    ("still", BLUE_WAVE, command("breathing 000080 3000"), "plays breathing, not solid"),
    ("still", BLUE_WAVE, params(color="#008000"), "#000080 is gone"),
]


@pytest.mark.parametrize(("change", "lines", "spoil", "reason"), SPOILT)
def test_a_change_that_is_another_or_too_large_fails_for_its_reason(words, change, lines, spoil, reason):
    before = running(lines)
    after = changed(before, change, "#FF0000")
    spoil(after)
    assert validate(after) == [], "only what is valid is checked"
    found = reasons(words, change, before, after)
    assert any(reason in said for said in found), found


def test_there_is_no_brighter_than_bright(words):
    before = running(("solid FF8C00",))
    assert reasons(words, "brighter", before, copy.deepcopy(before)) == []
    assert reasons(words, "brighter", before, running(("solid 884A00",))) != []


def test_what_follows_up_is_checked_by_its_meaning_where_nothing_is_running(words):
    meaning = {"intent": "mood", "mood": "calm", "change": "slower"}
    assert off_brief(meaning, running(BLUE_WAVE), words) != [] or off_brief(meaning, running(GLOW), words) != []
    assert off_brief(meaning, running(("breathing 4A90D9 5000",)), words) == []


def test_colours_that_are_left_out_are_those_that_the_lamp_takes(words):
    bare = {"program": {"name": "n", "steps": [
        {"id": "s1", "command": {"type": "pattern", "name": "wave", "params": {}}, "duration": None},
    ]}}  # fmt: skip
    slower = copy.deepcopy(bare)
    slower["program"]["steps"][0]["command"]["params"]["speed"] = 4000
    assert reasons(words, "slower", bare, slower) == []
    slower["program"]["steps"][0]["command"]["params"]["speed"] = 2000
    assert reasons(words, "slower", bare, slower) == ["a turn takes 2000 ms, it took 2000"]


def test_a_picture_is_recoloured_and_nothing_else(words):
    before = played("picture owl", pictures=words.pictures)
    after = changed(before, "recolor", "#FF0000")
    assert reasons(words, "recolor", before, after) == []
    assert reasons(words, "recolor", before, played("picture fox", pictures=words.pictures)) == [
        "shows something else than before"
    ]
