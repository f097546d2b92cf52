"""Changing the program that is running: "slower", "that but in blue". Only what was asked for changes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from ..color import brightened, dimmed, mixed
from ..program import Command, Program

_MIN_SPEED, _MAX_SPEED = 50, 20_000
_FACTOR = 2
_DIMMER = 0.5
_WARM, _COOL = "#FF8C00", "#4A90D9"
_TINT = 0.5
_SPARK = "#FFFFFF"
_COLOR_KEYS = ("color", "color2", "bgColor")

Edit = Callable[[Command], Command]


def changed(program: Program, change: str, color: str | None) -> Program:
    """`program` with one change made to every command; ids, order, loop and name stay.

    color: what `recolor` takes. Raises KeyError for a change that is not known.
    """
    new = copy.deepcopy(program)
    edits = _edits(color)[change]
    body = new["program"]
    final = body.get("on_complete")
    for holder in [*body["steps"], *([final] if final else [])]:
        for edit in edits:
            holder["command"] = edit(holder["command"])
    if change in ("slower", "faster", "calmer", "livelier") and len(body["steps"]) > 1:
        for step in body["steps"]:
            if step["duration"] is not None:
                slow = change in ("slower", "calmer")
                step["duration"] = step["duration"] * _FACTOR if slow else max(1, step["duration"] // _FACTOR)
    return new


def _edits(color: str | None) -> dict[str, tuple[Edit, ...]]:
    def slower(command: Command) -> Command:
        return _with_speed(command, lambda speed: min(_MAX_SPEED, speed * _FACTOR))

    def faster(command: Command) -> Command:
        return _with_speed(command, lambda speed: max(_MIN_SPEED, speed // _FACTOR))

    def colored(change: Callable[[str], str]) -> Edit:
        return lambda command: _with_colors(command, change)

    dimmer, brighter = colored(lambda one: dimmed(one, _DIMMER)), colored(brightened)
    return {
        "slower": (slower,),
        "faster": (faster,),
        "brighter": (brighter,),
        "dimmer": (dimmer,),
        "warmer": (colored(lambda one: mixed(one, _WARM, _TINT)),),
        "cooler": (colored(lambda one: mixed(one, _COOL, _TINT)),),
        "recolor": (lambda command: _recolored(command, color or _WARM),),
        "add_sparkle": (lambda command: _as_pattern(command, "sparkle"),),
        "breathe": (lambda command: _as_pattern(command, "breathing"),),
        "still": (lambda command: _as_pattern(command, "solid"),),
        "calmer": (slower, dimmer),
        "livelier": (faster, brighter),
    }


def _with_speed(command: Command, change: Callable[[int], int]) -> Command:
    if command["type"] == "pattern" and "speed" in command["params"]:
        command["params"]["speed"] = change(command["params"]["speed"])  # type: ignore[typeddict-item,typeddict-unknown-key]
    return command


def _with_colors(command: Command, change: Callable[[str], str]) -> Command:
    for holder, key in colors_of(command):
        holder[key] = change(holder[key])
    return command


def colors_of(command: Command) -> Iterator[tuple[dict[str, Any], str]]:
    """Where the colours of a command stand: a dict and the key in it."""
    holders: list[Any] = []
    if command["type"] == "pattern":
        holders = [command["params"]]
    elif command["type"] == "render":
        holders = list(command["elements"])
    for holder in holders:
        for key in _COLOR_KEYS:
            if key in holder:
                yield holder, key


def _recolored(command: Command, color: str) -> Command:
    """The command's first colour changed; of a drawing, what is painted first on its ground."""
    places = list(colors_of(command))
    if command["type"] == "render" and len(places) > 1:
        places = places[1:]
    for holder, key in places[:1]:
        old = holder[key]
        for other, name in places:
            if other[name] == old:
                other[name] = color
    return command


def _as_pattern(command: Command, name: str) -> Command:
    """Another pattern in the command's first colour; what has none (rainbow, stop) stays as it is."""
    places = list(colors_of(command))
    if not places:
        return command
    holder, key = places[0]
    color = holder[key]
    params: dict[str, Any] = {"color": color}
    if name == "sparkle":
        params = {"color": _SPARK, "bgColor": color, "speed": 150, "density": 0.2}
    if name == "breathing":
        params["speed"] = 3000
    return {"type": "pattern", "name": name, "params": params}  # type: ignore[return-value,misc]
