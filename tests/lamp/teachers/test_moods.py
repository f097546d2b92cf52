"""What a mood looks like: colours of its palette, in its ways, at its tempo, as bright as was said."""

import random
from collections import Counter

import pytest

from stages.lamp.color import brightened, dimmed, rgb
from stages.lamp.program import PATTERN_DEFAULTS
from stages.lamp.taxonomy import Mood
from stages.lamp.teachers import moods

PALETTE = ("#FF0000", "#00C800", "#0000FF", "#808000")


def mood(*ways, tempo="slow", light=None):
    return Mood(("toy",), tempo, frozenset({"any"}), PALETTE, ways, light)


def drawn(one, brightness=None, count=60):
    """Steps and loop of many draws."""
    return [moods.steps(one, brightness, random.Random(seed)) for seed in range(count)]


def params(steps):
    return [step["command"]["params"] for step in steps]


def test_each_way_of_a_mood_comes():
    names = [steps[0]["command"]["name"] for steps, _ in drawn(mood("wave", "solid", "breathing"))]
    assert Counter(names).keys() == {"wave", "solid", "breathing"} and min(Counter(names).values()) > 8


def test_one_way_is_one_step_that_stays():
    for steps, loop in drawn(mood("wave")):
        assert loop is None and [(step["id"], step["duration"]) for step in steps] == [("s1", None)]


@pytest.mark.parametrize(
    ("tempo", "least", "most"), [("slow", 8000, 20_000), ("medium", 4000, 8000), ("fast", 1500, 4000)]
)
def test_a_drift_goes_through_two_or_three_other_ways_for_ever(tempo, least, most):
    counts = Counter()
    for steps, loop in drawn(mood("drift", "wave", "solid", tempo=tempo)):
        if loop is None:
            continue
        assert loop == 0 and {step["command"]["name"] for step in steps} <= {"wave", "solid"}
        assert [step["id"] for step in steps] == [f"s{number}" for number in range(1, len(steps) + 1)]
        assert all(least <= step["duration"] <= most for step in steps)
        counts[len(steps)] += 1
    assert counts.keys() == {2, 3}


def test_every_colour_of_the_palette_comes_first_and_no_two_of_one_light_are_the_same():
    pairs = {(one["color"], one["color2"]) for steps, _ in drawn(mood("gradient"), count=200) for one in params(steps)}
    assert {first for first, _ in pairs} == {second for _, second in pairs} == set(PALETTE)
    assert all(first != second for first, second in pairs)


def test_dim_is_with_less_light_unless_the_mood_is_dim_already():
    dim = {dimmed(color, moods.DIM) for color in PALETTE}
    assert {one["color"] for steps, _ in drawn(mood("solid"), "dim") for one in params(steps)} <= dim
    asleep = mood("solid", light="dim")
    assert {one["color"] for steps, _ in drawn(asleep, "dim") for one in params(steps)} <= set(PALETTE)


def test_bright_is_in_the_brightest_colours_at_full_light():
    shown = {one["color"] for steps, _ in drawn(mood("solid"), "bright") for one in params(steps)}
    assert shown <= {brightened(color) for color in PALETTE} and all(max(rgb(color)) >= 230 for color in shown)
    assert brightened("#808000") not in shown, "the darkest is left out"


def test_sparks_are_never_bright_and_a_rainbow_is_never_dim():
    one = mood("sparkle", "rainbow", "drift")
    for brightness, never in (("bright", "sparkle"), ("dim", "rainbow")):
        names = {step["command"]["name"] for steps, _ in drawn(one, brightness) for step in steps}
        assert never not in names and names


@pytest.mark.parametrize("tempo", ["slow", "medium", "fast"])
@pytest.mark.parametrize("name", PATTERN_DEFAULTS)
def test_a_pattern_has_all_that_the_lamp_wants_at_a_speed_of_its_tempo(name, tempo):
    for seed in range(20):
        command = moods.pattern(name, ["#FF0000", "#0000FF"], tempo, random.Random(seed))
        assert command["type"] == "pattern" and command["name"] == name
        assert list(command["params"]) == list(PATTERN_DEFAULTS[name])
        if "speed" in command["params"]:
            first, last, unit = moods.SPEEDS[name][tempo]
            assert command["params"]["speed"] in range(first, last + 1, unit)
        if name == "sparkle":
            assert 0.05 <= command["params"]["density"] <= 0.5


@pytest.mark.parametrize("name", moods.SPEEDS)
def test_slow_medium_and_fast_do_not_overlap(name):
    (slow, _, _), (medium, slowest, _), (_, fast, _) = (
        moods.SPEEDS[name][tempo] for tempo in ("slow", "medium", "fast")
    )
    assert fast < medium and slowest <= slow
