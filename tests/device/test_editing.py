"""Plain changes of a running program, by rule."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages.device import editing
from stages.lamp import validation
from stages.lamp.program import Program, compact

ROOT = Path(__file__).resolve().parents[2]


def wave(color: str, speed: int) -> Program:
    params: dict[str, Any] = {"color": color, "color2": "#FFFFFF", "speed": speed}
    command = {"type": "pattern", "name": "wave", "params": params}
    body = {"name": "p", "steps": [{"id": "s1", "command": command, "duration": None}]}
    return validation.parse(compact({"program": body}))  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("said", "change"),
    [
        ("slower", "slower"),
        ("um, could you slow that down a little, please?", "slower"),
        ("not so fast!", "slower"),
        ("too slow", "faster"),
        ("speed it up a bit", "faster"),
        ("brighter please", "brighter"),
        ("too bright", "dimmer"),
        ("dim that", "dimmer"),
        ("that's too cold, warm it up", "warmer"),
        ("a touch cooler", "cooler"),
        ("add some sparkle", "add_sparkle"),
        ("make it breathe", "breathe"),
        ("hold still", "still"),
        ("calm it down", "calmer"),
        ("spice it up", "livelier"),
    ],
)
def test_a_plain_change_is_understood(said: str, change: str) -> None:
    assert editing.meant(said) == (change, None)


@pytest.mark.parametrize(
    ("said", "color"),
    [("that but in blue", "#0000FF"), ("now in sky blue", "#87CEEB"), ("Change the color to teal", "#008B8B")],
)
def test_another_colour_is_understood(said: str, color: str) -> None:
    assert editing.meant(said) == ("recolor", color)


@pytest.mark.parametrize(
    "said",
    [
        "slower and brighter",
        "slower, but in red",
        "red and blue instead",
        "blue",
        "slower, over 20 minutes",
        "like that, only as if it was winter",
        "",
        "a warm and cosy evening by the fire, with a wine red light that slowly gets darker and darker",
    ],
)
def test_what_is_not_plain_is_left_to_the_model(said: str) -> None:
    assert editing.meant(said) is None


def test_none_of_the_lines_of_the_data_set_is_misunderstood_and_most_are_understood() -> None:
    groups = yaml.safe_load((ROOT / "data/seed/requests/conversational.yaml").read_text())["follow_up"]["groups"]
    lines = [(line.format(color="teal"), group["meaning"]["change"]) for group in groups for line in group["say"]]
    understood = {said: found[0] for said, _ in lines if (found := editing.meant(said))}
    assert {said: change for said, change in lines if said in understood} == understood
    assert len(understood) >= 0.75 * len(lines)


def test_only_what_was_asked_for_changes() -> None:
    running = wave("#FF0000", 1000)
    assert editing.edited("slower", running) == wave("#FF0000", 2000)
    assert editing.edited("the same in green", running) == wave("#00C800", 1000)
    assert running == wave("#FF0000", 1000)


def test_there_is_one_copy_of_the_colour_words_and_the_installed_package_gets_it() -> None:
    assert editing.COLORS.resolve() == ROOT / "data" / "seed" / "colors.yaml"
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert editing.COLORS.name in settings["package-data"]["lampforge.device"]
