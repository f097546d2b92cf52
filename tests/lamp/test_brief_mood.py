"""Checks of moods and scenes: the seed data passes in every draw, and each thing that is expected can fail."""

import itertools
import random
from dataclasses import replace

import pytest

from stages.lamp import notation
from stages.lamp.brief import off_brief
from stages.lamp.color import dimmed
from stages.lamp.taxonomy import Mood, Scene
from stages.lamp.teachers import moods
from tests.lamp.spoiling import played

SUNRISE = (
    "draw fill 191970; rect 0 12 10 2 4B0082 for 4000",
    "draw fill 4B0082; rect 3 10 4 1 FF8C00 for 4000",
    "draw fill FF8C00; rect 3 4 4 6 FFFF00 for 4000",
    "gradient FFFF00 FFE4C4",
)
NOON = "solid FFFFFF for 4000"
LIGHTS = ("solid FF0000 for 3000", "solid 00C800 for 3000", "solid FFBF00 for 1000")
STORM = ("wave 191970 4682B4 2000 for 2000", "pulse F0F8FF 300 for 300")


@pytest.fixture
def judge(words):
    """The reasons against a program as a scene of which this is expected, or as a mood that is like this."""

    def reasons(program, mood=None, brightness=None, **expect):
        if mood is not None:
            known = {"hues": frozenset({"any"}), "tempo": "medium", "light": None, **mood}
            toy = Mood(("toy",), known["tempo"], known["hues"], ("#FF0000",), ("solid",), known["light"])
            meaning = {"intent": "mood", "mood": "toy", **({"brightness": brightness} if brightness else {})}
            return off_brief(meaning, program, replace(words, moods={"toy": toy}))
        scene = Scene(("toy",), expect, (), "toy")
        return off_brief({"intent": "scene", "scene": "toy"}, program, replace(words, scenes={"toy": scene}))

    return reasons


# Moods -------------------------------------------------------------------------------------------------------

BLUE = frozenset({"blue", "cyan"})


@pytest.mark.parametrize(
    ("line", "mood", "reason"),
    [
        ("wave 0000FF 00FFFF 5000", {"hues": BLUE}, None),
        ("wave FF0000 FF8C00 5000", {"hues": BLUE}, "not mostly blue, cyan"),
        ("gradient 0000FF FF0000", {"hues": BLUE}, "not mostly blue, cyan"),
        ("off", {"hues": BLUE}, "shows nothing, not mostly blue, cyan"),
        ("off", {"hues": frozenset({"dark"})}, None),
        ("solid 808080", {"hues": frozenset({"white"})}, None),
        ("solid 808080", {"hues": BLUE}, "shows grey, not mostly blue, cyan"),
        ("rainbow 3000", {}, None),
        ("breathing 0000FF 3000", {"tempo": "slow"}, None),
        ("breathing 0000FF 2900", {"tempo": "slow"}, "breathing at 2900 ms is not slow"),
        ("wave 0000FF 00FFFF 500", {"tempo": "slow"}, "wave at 500 ms is not slow"),
        ("rainbow 3000", {"tempo": "slow"}, "rainbow at 3000 ms is not slow"),
        ("pulse 0000FF 1000", {"tempo": "slow"}, "pulse at 1000 ms is not slow"),
        ("sparkle 0000FF 000000 100 0.3", {"tempo": "slow"}, "sparkle at 100 ms is not slow"),
        ("solid 0000FF", {"tempo": "slow"}, None),
        ("wave 0000FF 00FFFF 1500", {"tempo": "fast"}, None),
        ("wave 0000FF 00FFFF 1600", {"tempo": "fast"}, "nothing in it is fast"),
        ("solid 0000FF", {"tempo": "fast"}, "nothing in it is fast"),
        ("solid 000080", {"light": "dim"}, None),
        ("solid 0000FF", {"light": "dim"}, "is not dim: 1.00 of full light, at most 0.55 is wanted"),
        ("breathing 800000 4000", {"light": "dim"}, None),
        ("solid 00C800", {"light": "bright"}, None),
        ("solid 008000", {"light": "bright"}, "is not bright: 0.50 of full light, at least 0.75 is wanted"),
        ("sparkle FFFFFF 000000 100 0.3", {"light": "bright"}, "is not bright: "),
    ],
)
def test_a_mood_is_its_hues_its_tempo_and_its_light(judge, line, mood, reason):
    found = judge(played(line), mood=mood)
    assert found == [] if reason is None else len(found) == 1 and reason in found[0], found


def test_steps_of_a_slow_mood_are_not_short_and_those_of_a_fast_one_may_make_it_fast(judge):
    steps = ("solid 0000FF for {0}", "solid 00FFFF for {0}")
    long, short = (played(*(line.format(ms) for line in steps), loop=0) for ms in (2000, 1000))
    assert judge(long, mood={"tempo": "slow"}) == [] and judge(short, mood={"tempo": "fast"}) == []
    assert judge(short, mood={"tempo": "slow"}) == ["a step of 1000 ms is not slow"] * 2
    assert judge(long, mood={"tempo": "fast"}) == ["nothing in it is fast"]


def test_the_light_that_is_said_goes_before_that_of_the_mood(judge):
    bright, dim = played("solid FFFF00"), played("solid 606000")
    assert judge(bright, mood={"light": "dim"}, brightness="bright") == []
    assert judge(dim, mood={"light": "bright"}, brightness="dim") == []
    assert judge(dim, mood={}, brightness="bright") != [] != judge(bright, mood={}, brightness="dim")


def ways_and_lights(mood):
    """Each way of a mood with each light that it may be asked for in."""
    for way, light in itertools.product(mood.ways, (None, "dim", "bright")):
        others = tuple(other for other in mood.ways if other != "drift") if way == "drift" else ()
        if light and mood.light and light != mood.light:
            continue  # nobody asks for a bright night light
        if any(moods._bright_enough(one, light) for one in others or (way,)):
            yield replace(mood, ways=(way, *others)), light


def test_every_mood_is_on_brief_in_each_of_its_ways_and_lights(words):
    checked, wrong = 0, []
    for name, mood in words.moods.items():
        for number, (one, light) in enumerate([*ways_and_lights(mood)] * 3):
            steps, loop = moods.steps(one, light, random.Random(f"{name}{number}"))
            body = {"name": name, "steps": steps}
            if loop is not None:
                body["loop"] = {"count": loop, "start_step": "s1", "end_step": steps[-1]["id"]}
            meaning = {"intent": "mood", "mood": name, **({"brightness": light} if light else {})}
            found = off_brief(meaning, {"program": body}, words)
            wrong += [(name, one.ways, light, found)] * bool(found)
            checked += 1
    assert wrong == [] and checked > 750


@pytest.mark.parametrize("light", [None, "dim"])
def test_every_pair_of_colours_of_a_mood_is_in_its_mood(words, light):
    wrong = []
    for name, mood in words.moods.items():
        if "gradient" not in mood.ways or mood.light:
            continue
        for pair in itertools.permutations(mood.palette, 2):
            one, other = (dimmed(color, moods.DIM) if light else color for color in pair)
            found = off_brief({"intent": "mood", "mood": name}, played(f"gradient {one[1:]} {other[1:]}"), words)
            wrong += [(name, one, other, reason) for reason in found if "mostly" in reason]
    assert wrong == []


# Scenes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expect", "good", "bad", "reason"),
    [
        ({"hues": ["blue"]}, ("solid 0000FF",), ("solid FF0000",), "shows red, not mostly blue"),
        ({"hues": ["blue"]}, ("wave 0000FF 4169E1 2000",), ("rainbow 3000",), "not mostly blue"),
        ({"shows": ["orange", "blue"]}, ("gradient FF8C00 0000FF",), ("solid 0000FF",), "shows no orange"),
        ({"colorful": 3}, ("rainbow 2000",), ("solid FF0000",), "has only 1 colours, at least 3 are wanted"),
        ({"colorful": 2}, ("gradient FF0000 0000FF",), ("solid FFFFFF",), "has only 1 colours, at least 2"),
        ({"moves": True}, ("wave 0000FF 00FFFF 900",), ("solid 0000FF",), "nothing moves"),
        ({"moves": True}, ("solid 0000FF for 9", "off"), ("solid 0000FF for 9", "solid 0000FF"), "nothing moves"),
        ({"slow": True}, ("breathing 4A90D9 4000",), ("breathing 4A90D9 400",), "breathing at 400 ms is not slow"),
        ({"slow": True}, ("solid FF0000 for 2000", "off"), ("solid FF0000 for 1000", "off"), "a step of 1000 ms"),
        ({"fast": True}, ("rainbow 800",), ("rainbow 5000",), "nothing in it is fast"),
        ({"fast": True}, ("solid FF0000 for 300", "off for 300"), ("solid FF0000",), "nothing in it is fast"),
        ({"flashes": True}, STORM, STORM[:1], "no flash of lightning"),
        ({"flashes": True}, STORM, (STORM[0], "pulse 202020 300 for 300"), "no flash of lightning"),
        ({"flashes": True}, STORM, (STORM[0], "solid FFFFFF for 2000"), "no flash of lightning"),
        ({"brightens": True}, SUNRISE, (NOON, *SUNRISE[2::-1]), "does not get brighter"),
        ({"brightens": True}, SUNRISE, SUNRISE[:1], "does not get brighter"),
        ({"brightens": True}, SUNRISE, (SUNRISE[0], NOON, *SUNRISE[1:]), "does not get steadily brighter"),
        ({"dims": True}, (NOON, "solid 808080"), ("solid 808080 for 4000", NOON), "does not get darker"),
        ({"dims": True}, (NOON, "off"), (NOON, "off for 9", "solid 808080 for 9", "off"), "not get steadily darker"),
        ({"steps": 3}, SUNRISE, SUNRISE[:2], "has 2 steps, at least 3 are wanted"),
        ({"min_ms": 12_000}, SUNRISE, SUNRISE[1:], "changes for 8000 ms, at least 12000 are wanted"),
    ],
)  # fmt: skip
def test_each_thing_that_is_expected_of_a_scene_can_be_there_and_can_be_missing(judge, expect, good, bad, reason):
    def closed(lines):
        return played(*lines, loop=0 if lines[-1].endswith("00") and " for " in lines[-1] else None)

    assert judge(closed(good), **expect) == []
    found = judge(closed(bad), **expect)
    assert any(reason in said for said in found), found


def test_what_goes_on_for_ever_lasts_as_long_as_anybody_wants(judge):
    assert judge(played("solid FF0000 for 100", "solid 0000FF for 100", loop=0), min_ms=60_000) == []
    assert judge(played("solid FF0000 for 100", "solid 0000FF"), min_ms=60_000) != []


def test_lights_change_in_their_order_and_may_begin_with_any_of_them(judge):
    order = ["red", "green", "amber"]
    for turn in range(3):
        assert judge(played(*LIGHTS[turn:], *LIGHTS[:turn], loop=0), order=order) == []
    wrong = {
        (1, 0, 2): "shows green, red, amber instead of red, green, amber",
        (0, 1): "shows red, green instead of",
        (0, 0, 2): "shows red, red, amber instead of",
    }
    for steps, reason in wrong.items():
        [found] = judge(played(*(LIGHTS[step] for step in steps), loop=0), order=order)
        assert found.startswith(reason)
    assert judge(played(*LIGHTS, loop=2), order=order) == ["does not go on"]
    assert judge(played(*LIGHTS[:2], "solid FFBF00"), order=order) == ["does not go on"]


def test_pictures_are_shown_in_their_order_whatever_comes_between(judge, words):
    owl, off, fox = "picture owl for 900", "off for 900", "picture fox on 000080 for 900"

    def shown(*lines):
        return judge(played(*lines, pictures=words.pictures), pictures=["owl", "fox"])

    assert shown(owl, off, fox) == []
    assert shown(fox, owl) == ["fox is not shown, or not in its turn"]
    assert shown(fox, off) == ["owl is not shown, or not in its turn"]
    assert shown(owl, "solid FF0000") == ["fox is not shown, or not in its turn"]


def test_every_draw_of_a_scene_is_on_brief(words):
    wrong = []
    for name, scene in words.scenes.items():
        for number, answer in enumerate(scene.answers * 2):
            steps = notation.steps(answer["steps"], random.Random(f"{name}{number}"), words.pictures)
            body = {"name": name, "steps": steps}
            if "loop" in answer:
                ends = {"start_step": steps[0]["id"], "end_step": steps[-1]["id"]}
                body["loop"] = {"count": answer["loop"], **ends}
            found = off_brief({"intent": "scene", "scene": name}, {"program": body}, words)
            wrong += [(name, number, found)] * bool(found)
    assert wrong == []


@pytest.mark.parametrize("name", ["ocean", "campfire", "aurora", "snowfall"])
def test_a_scene_in_the_colours_of_another_is_off_brief(words, right, name):
    wrong = {"ocean": "campfire", "campfire": "ocean", "aurora": "campfire", "snowfall": "campfire"}[name]
    found = off_brief({"intent": "scene", "scene": name}, right(intent="scene", scene=wrong), words)
    assert any("not mostly" in said for said in found), found
