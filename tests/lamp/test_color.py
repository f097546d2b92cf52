"""Colours: channels, families of hue, luminance."""

import colorsys
import random

import numpy as np
import pytest

from stages.lamp import color
from stages.lamp.color import brightened, dimmed, family, hue, hue_family, luminance, mixed, near, rgb


@pytest.mark.parametrize(
    ("text", "channels"),
    [
        ("#fff", (255, 255, 255)),
        ("#1aF", (17, 170, 255)),
        ("#12aBcD", (18, 171, 205)),
        ("#12ABCD80", (18, 171, 205)),
    ],
)
def test_all_spellings_of_a_colour_are_read_and_alpha_is_dropped(text, channels):
    assert rgb(text) == channels


def test_hues_agree_with_the_standard_librarys():
    draw = random.Random(1)
    for _ in range(500):
        channels = tuple(draw.randrange(256) for _ in range(3))
        expected = colorsys.rgb_to_hsv(*(channel / 255 for channel in channels))[0] * 360
        assert hue(channels) == pytest.approx(expected % 360, abs=1e-6)


def test_greys_have_hue_0():
    assert hue((7, 7, 7)) == 0.0


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("#FF0000", "red"), ("#DC143C", "red"), ("#FF8C00", "orange"), ("#FFA500", "orange"),
        ("#FFD700", "yellow"), ("#FFFF00", "yellow"), ("#00C800", "green"), ("#39FF14", "green"),
        ("#00FFFF", "cyan"), ("#40E0D0", "cyan"), ("#0000FF", "blue"), ("#4169E1", "blue"),
        ("#8A2BE2", "violet"), ("#FF00FF", "magenta"), ("#FF69B4", "magenta"), ("#FFFFFF", "white"),
        ("#F0F8FF", "white"), ("#C0C0C0", "white"), ("#808080", "grey"), ("#000000", "dark"),
        ("#202020", "dark"), ("#280000", "dark"), ("#300000", "red"),
    ],
)  # fmt: skip
def test_an_eye_puts_a_colour_in_its_family(text, name):
    assert family(rgb(text)) == name


def test_every_colour_has_a_family_and_every_family_a_colour():
    steps = range(0, 256, 15)
    found = {family((r, g, b)) for r in steps for g in steps for b in steps}
    assert found == set(color.FAMILIES)


@pytest.mark.parametrize(
    ("degrees", "name"),
    [
        (0, "red"),
        (12, "red"),
        (12.1, "orange"),
        (43.1, "yellow"),
        (255, "blue"),
        (346.1, "red"),
        (360, "red"),
    ],
)
def test_red_wraps_around_the_circle(degrees, name):
    assert hue_family(degrees) == name


def test_luminance_weighs_the_channels_as_the_eye_does():
    def of(*channels):
        return luminance(np.full((4, 3), channels, np.uint8))

    assert of(255, 255, 255) == pytest.approx(1) and of(0, 0, 0) == 0
    assert (of(255, 0, 0), of(0, 255, 0), of(0, 0, 255)) == pytest.approx((0.2126, 0.7152, 0.0722))


def test_luminance_is_the_mean_over_all_pixels_of_any_shape():
    half = np.zeros((2, 5, 3), np.uint8)
    half[0] = 255
    assert luminance(half) == pytest.approx(0.5)


def test_near_is_a_distance_in_rgb():
    assert near((0, 0, 0), (60, 0, 0)) and not near((0, 0, 0), (61, 0, 0))
    assert near((0, 0, 0), (34, 34, 34)) and not near((0, 0, 0), (35, 35, 35))
    assert near((10, 0, 0), (0, 0, 0), 10) and not near((11, 0, 0), (0, 0, 0), 10)


def test_a_mixture_lies_between_its_colours():
    assert mixed("#000000", "#FF8000", 0) == "#000000"
    assert mixed("#000000", "#FF8000", 1) == "#FF8000"
    assert mixed("#000", "#C86432", 0.5) == "#643219"


def test_a_dimmed_colour_has_that_share_of_its_brightness_in_round_steps():
    assert dimmed("#FFFFFF", 1) == "#FFFFFF" and dimmed("#FFFFFF", 0) == "#000000"
    assert dimmed("#FF8800", 0.5) == "#884400"
    draw = random.Random(2)
    for _ in range(200):
        text, share = f"#{draw.randrange(1 << 24):06X}", draw.random()
        for before, after in zip(rgb(text), rgb(dimmed(text, share)), strict=True):
            assert after % 17 == 0 and abs(after - before * share) <= 8.5


def test_a_brightened_colour_is_at_full_light_and_keeps_its_hue():
    assert brightened("#800000") == "#FF0000" and brightened("#204060") == "#55AAFF"
    assert brightened("#FF8C00") == "#FF8C00"
    draw = random.Random(4)
    for _ in range(200):
        channels = tuple(draw.randrange(64, 256) for _ in range(3))
        bright = rgb(brightened("#{:02X}{:02X}{:02X}".format(*channels)))
        assert max(bright) == 255
        assert all(abs(a * max(channels) - b * 255) <= max(channels) / 2 for a, b in zip(bright, channels, strict=True))


def test_black_becomes_a_dim_grey():
    assert brightened("#000000") == "#333333"
