"""Changing the program that is running: what was asked for, everywhere, and nothing else."""

import copy
from typing import get_args

import pytest

from stages.lamp.request import Change
from stages.lamp.teachers.changes import changed, colors_of
from stages.lamp.validation import validate
from tests.lamp.spoiling import commands, played

DRIFT = played(
    "wave FF8000 0000FF 1000 for 4000", "sparkle FFFFFF 000080 100 0.3 for 3000", "solid FF8000 for 2000", loop=0,
    end="breathing FF8000 1000",
)  # fmt: skip


def program():
    return copy.deepcopy(DRIFT)


def speeds(one):
    return [command["params"].get("speed") for command in commands(one) if command["type"] == "pattern"]


def colors(one):
    return [holder[key] for command in commands(one) for holder, key in colors_of(command)]


def durations(one):
    return [step["duration"] for step in one["program"]["steps"]]


@pytest.mark.parametrize("change", get_args(Change))
def test_ids_order_loop_name_and_the_program_itself_stay(change):
    before = program()
    after = changed(before, change, "#FF0000")
    assert before == DRIFT and after != before and validate(after) == []
    for key in ("name", "loop"):
        assert after["program"][key] == before["program"][key]
    assert [step["id"] for step in after["program"]["steps"]] == ["s1", "s2", "s3"]


@pytest.mark.parametrize(("change", "factor"), [("slower", 2), ("calmer", 2), ("faster", 0.5), ("livelier", 0.5)])
def test_a_pace_changes_turns_and_durations_alike(change, factor):
    after = changed(program(), change, None)
    assert speeds(after) == [1000 * factor, 100 * factor, None]
    assert durations(after) == [4000 * factor, 3000 * factor, 2000 * factor]
    assert after["program"]["on_complete"]["command"]["params"]["speed"] == 1000 * factor
    if change in ("slower", "faster"):
        assert colors(after) == colors(DRIFT)


def test_a_pace_has_its_limits():
    for speed, change, limit in ((19_000, "slower", 20_000), (60, "faster", 50)):
        after = changed(played(f"breathing FF0000 {speed}"), change, None)
        assert commands(after)[0]["params"]["speed"] == limit


def test_a_single_step_that_ends_keeps_its_time():
    assert durations(changed(played("breathing FF0000 1000 for 60000"), "slower", None)) == [60_000]


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ("dimmer", ["#884400", "#000088", "#888888", "#000044", "#884400"]),
        ("calmer", ["#884400", "#000088", "#888888", "#000044", "#884400"]),
        ("brighter", ["#FF8000", "#0000FF", "#FFFFFF", "#0000FF", "#FF8000"]),
        ("livelier", ["#FF8000", "#0000FF", "#FFFFFF", "#0000FF", "#FF8000"]),
    ],
)
def test_less_light_or_all_of_it_in_every_colour(change, shown):
    assert colors(changed(program(), change, None)) == shown


def test_warmer_has_more_red_and_cooler_more_blue():
    [warm], [cool] = (colors(changed(played("solid 808080"), change, None)) for change in ("warmer", "cooler"))
    assert int(warm[1:3], 16) > int(warm[5:], 16) and int(cool[1:3], 16) < int(cool[5:], 16)
    assert speeds(changed(program(), "warmer", None)) == speeds(DRIFT)


# Another colour ----------------------------------------------------------------------------------------------


def test_the_first_colour_of_each_command_becomes_the_one_that_was_said():
    after = changed(program(), "recolor", "#00C800")
    assert colors(after) == ["#00C800", "#0000FF", "#00C800", "#000080", "#00C800"]
    assert after["program"]["on_complete"]["command"]["params"]["color"] == "#00C800"


def test_a_drawing_is_recoloured_and_not_its_ground(words):
    before = played("draw fill 000040; rect 0 0 2 2 FF0000; pixel 5 5 00C800; pixel 6 6 FF0000")
    assert colors(changed(before, "recolor", "#FFFFFF")) == ["#000040", "#FFFFFF", "#00C800", "#FFFFFF"]
    assert colors(changed(played("draw fill FF0000"), "recolor", "#FFFFFF")) == ["#FFFFFF"]


# Another pattern ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "name", "color"),
    [("add_sparkle", "sparkle", "bgColor"), ("breathe", "breathing", "color"), ("still", "solid", "color")],
)
def test_every_command_becomes_that_pattern_in_its_first_colour(change, name, color):
    after = changed(program(), change, None)
    assert [command["name"] for command in commands(after)] == [name] * 3
    assert [command["params"][color] for command in commands(after)] == ["#FF8000", "#FFFFFF", "#FF8000"]
    assert durations(after) == durations(DRIFT)


@pytest.mark.parametrize("change", ["add_sparkle", "breathe", "still", "recolor", "dimmer", "warmer"])
@pytest.mark.parametrize("line", ["rainbow 3000", "off"])
def test_what_has_no_colour_stays_as_it_is(change, line):
    assert changed(played(line), change, "#FF0000") == played(line)


def test_a_change_that_is_not_known_is_an_error():
    with pytest.raises(KeyError):
        changed(program(), "louder", None)
