"""Ways to break a right answer so that it stays a valid program but is no longer what was asked for.

Whether a change did break it is not decided here: it may have touched what the request leaves open. Values that
are put in come from answers to other requests, or a model would learn to tell the odd number, not the wrong one.
"""

from __future__ import annotations

import copy
import hashlib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from .program import Program

Item = TypeVar("Item")

_COLOR_KEYS = ("color", "color2", "bgColor")
# Colours at least this far apart (of 441) are different ones to everybody.
_ANOTHER_COLOR = 150
# A tempo or a time is another one when it is so many times as long or as short.
_ANOTHER_TEMPO, _ANOTHER_TIME = 2.5, 1.5
# Values that are tried where the first does not break the answer.
_TRIES = 3


class Flaw(StrEnum):
    """What is wrong with a rejected answer."""

    COLOR = "color"
    """One of its colours is another one."""
    TEMPO = "tempo"
    """Its patterns run at another tempo."""
    DURATION = "duration"
    """Its steps last longer or less long."""
    TEXT = "text"
    """It writes something else."""
    ORDER = "order"
    """Its steps come in the reverse order."""
    SUBJECT = "subject"
    """It answers another request of the same kind: another object's picture, another mood's colours."""
    REQUEST = "request"
    """It answers a request of another kind."""
    UNCHANGED = "unchanged"
    """It is the program that was running, as it was; of follow-ups only."""


class Ring(Generic[Item]):
    """Items in the order of their keys' hashes, as a ring that can be entered anywhere.

    An item more in the ring changes what is found first only for the keys right before it.
    """

    def __init__(self, items: Iterable[tuple[str, Item]]) -> None:
        hashed = sorted(((_place(key), item) for key, item in items), key=lambda pair: pair[0])
        self._places = [place for place, _ in hashed]
        self._items = [item for _, item in hashed]

    def behind(self, key: str) -> Iterator[Item]:
        """All items, from the first one behind the place of `key`."""
        begin = bisect_left(self._places, _place(key))
        yield from self._items[begin:]
        yield from self._items[:begin]


def _place(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


@dataclass(frozen=True)
class Stock:
    """What is put in: colours and speeds of patterns, durations of steps, and texts by their length."""

    colors: Ring[str]
    speeds: dict[str, Ring[int]]
    durations: Ring[int]
    texts: dict[int, Ring[str]]

    @classmethod
    def of(cls, programs: Iterable[Program]) -> Stock:
        """The values that occur in the programs. Colours: of patterns; pictures are full of shades."""
        colors: set[str] = set()
        speeds: dict[str, set[int]] = {}
        durations: set[int] = set()
        texts: dict[int, set[str]] = {}
        for program in programs:
            durations |= {step["duration"] for step in program["program"]["steps"] if step["duration"]}
            for command in _commands(program):
                params = command.get("params", {})
                colors |= {params[name] for name in _COLOR_KEYS if name in params}
                if "speed" in params:
                    speeds.setdefault(command["name"], set()).add(params["speed"])
                for text in _texts(command):
                    texts.setdefault(len(text["content"]), set()).add(text["content"])
        return cls(
            _ring(colors),
            {name: _ring(found) for name, found in speeds.items()},
            _ring(durations),
            {length: _ring(found) for length, found in texts.items()},
        )


def _ring(values: Iterable[Item]) -> Ring[Item]:
    return Ring((str(value), value) for value in dict.fromkeys(values))


def changed(flaw: Flaw, program: Program, stock: Stock, key: str) -> Iterator[Program]:
    """Programs like this one but for one thing, which hangs on `key`; none where it has nothing of the kind.

    flaw: one that is made by changing the answer, see CHANGES.
    """
    yield from CHANGES[flaw](program, stock, key)


def _recolored(program: Program, stock: Stock, key: str) -> Iterator[Program]:
    shown = Ring((color, color) for color in dict.fromkeys(_colors(program)))
    for number, color in enumerate(shown.behind(key)):
        if number == _TRIES:
            return
        others = (other for other in stock.colors.behind(f"{key}:{color}") if _differ(color, other))
        if (other := next(others, None)) is not None:
            yield _with_values(program, {name: {color: other} for name in _COLOR_KEYS})


def _differ(one: str, other: str) -> bool:
    from .color import near, rgb  # numpy costs 0.1 s, which `--help` of a stage need not pay

    return not near(rgb(one), rgb(other), _ANOTHER_COLOR)


def _paced(program: Program, stock: Stock, key: str) -> Iterator[Program]:
    """With other speeds: all of them faster, then all slower, or the other way round."""
    speeds = {
        (command["name"], command["params"]["speed"])
        for command in _commands(program)
        if "speed" in command.get("params", {})
    }
    for faster in _ways(key):
        others = {
            (name, speed): next(_far(stock.speeds.get(name), speed, _ANOTHER_TEMPO, faster, key), None)
            for name, speed in sorted(speeds)
        }
        if others and None not in others.values():
            spoilt = copy.deepcopy(program)
            for command in _commands(spoilt):
                if "speed" in command.get("params", {}):
                    command["params"]["speed"] = others[command["name"], command["params"]["speed"]]
            yield spoilt


def _timed(program: Program, stock: Stock, key: str) -> Iterator[Program]:
    durations = sorted({step["duration"] for step in program["program"]["steps"] if step["duration"]})
    for shorter in _ways(key):
        others = {
            duration: next(_far(stock.durations, duration, _ANOTHER_TIME, shorter, key), None) for duration in durations
        }
        if others and None not in others.values():
            spoilt = copy.deepcopy(program)
            for step in spoilt["program"]["steps"]:
                if step["duration"]:
                    step["duration"] = others[step["duration"]]
            yield spoilt


def _ways(key: str) -> tuple[bool, bool]:
    first = _place(f"{key}:way")[0] % 2 == 0
    return first, not first


def _far(ring: Ring[int] | None, value: int, factor: float, less: bool, key: str) -> Iterator[int]:
    for other in ring.behind(f"{key}:{value}") if ring else ():
        if other * factor <= value if less else other >= value * factor:
            yield other


def _reworded(program: Program, stock: Stock, key: str) -> Iterator[Program]:
    """With other texts of the same lengths, so that they stand as well as the right ones did."""
    texts = dict.fromkeys(text["content"] for command in _commands(program) for text in _texts(command))
    others: dict[str, str] = {}
    for text in texts:
        found = (other for other in stock.texts[len(text)].behind(f"{key}:{text}") if other.upper() != text.upper())
        if (other := next(found, None)) is not None:
            others[text] = other
    if others:
        yield _with_values(program, {"content": others})


def _reversed(program: Program, stock: Stock, key: str) -> Iterator[Program]:
    spoilt = copy.deepcopy(program)
    steps = spoilt["program"]["steps"]
    commands = [step["command"] for step in steps]
    if commands != commands[::-1]:
        for step, command in zip(steps, reversed(commands), strict=True):
            step["command"] = command
        yield spoilt


CHANGES: dict[Flaw, Callable[[Program, Stock, str], Iterator[Program]]] = {
    Flaw.COLOR: _recolored,
    Flaw.TEMPO: _paced,
    Flaw.DURATION: _timed,
    Flaw.TEXT: _reworded,
    Flaw.ORDER: _reversed,
}
"""The flaws that are made by changing the right answer, with what changes it."""


def _commands(program: Program) -> Iterator[Any]:
    body: Any = program["program"]
    yield from (step["command"] for step in body["steps"])
    if body.get("on_complete"):
        yield body["on_complete"]["command"]


def _texts(command: Any) -> list[Any]:
    return [element for element in command.get("elements", ()) if element["type"] == "text"]


def _colors(program: Program) -> Iterator[str]:
    for command in _commands(program):
        for part in (command.get("params", {}), *command.get("elements", ())):
            yield from (part[name] for name in _COLOR_KEYS if name in part)


def _with_values(program: Program, others: dict[str, dict[str, str]]) -> Program:
    """A copy in which parameters and elements have other values. others: by key, the new value of an old one."""
    spoilt = copy.deepcopy(program)
    for command in _commands(spoilt):
        for part in (command.get("params", {}), *command.get("elements", ())):
            for key, values in others.items():
                if part.get(key) in values:
                    part[key] = values[part[key]]
    return spoilt
