"""Ways to make programs, and ways to spoil a right one: each returns a function that changes a program in place."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import orjson

from stages.lamp import clock_face, notation

Spoil = Callable[[dict[str, Any]], None]


def played(*lines: str, loop: int | None = None, end: str | None = None, pictures: Any = None) -> dict[str, Any]:
    """A program of steps in notation."""
    steps = notation.steps(list(lines), random.Random(1), pictures or {})
    body: dict[str, Any] = {"name": "n", "steps": steps}
    if loop is not None:
        body["loop"] = {"count": loop, "start_step": steps[0]["id"], "end_step": steps[-1]["id"]}
    if end is not None:
        body["on_complete"] = {"command": notation.command(end)}
    return {"program": body}


def still(command: Any) -> dict[str, Any]:
    """A program of one command that stays."""
    return {"program": {"name": "n", "steps": [{"id": "s1", "command": command, "duration": None}]}}


def drawn(*elements: Any) -> dict[str, Any]:
    return {"type": "render", "elements": list(elements)}


def commands(program: dict[str, Any]) -> list[Any]:
    return [step["command"] for step in program["program"]["steps"]]


def command(text: str, at: int = 0) -> Spoil:
    """Another command in one of the steps, in notation."""

    def spoil(program: dict[str, Any]) -> None:
        program["program"]["steps"][at]["command"] = notation.command(text)

    return spoil


def recolour(*pairs: tuple[str, str]) -> Spoil:
    """Colours replaced wherever they stand."""

    def spoil(program: dict[str, Any]) -> None:
        text = orjson.dumps(program).decode()
        for old, new in pairs:
            assert old in text, f"{old} is not in {text}"
            text = text.replace(old, "#TEMP" + new[1:])
        program.update(orjson.loads(text.replace("#TEMP", "#")))

    return spoil


def params(at: int = 0, **changes: Any) -> Spoil:
    def spoil(program: dict[str, Any]) -> None:
        commands(program)[at]["params"].update(changes)

    return spoil


def duration(ms: int | None, at: int = 0) -> Spoil:
    def spoil(program: dict[str, Any]) -> None:
        program["program"]["steps"][at]["duration"] = ms

    return spoil


def all_durations(ms: int) -> Spoil:
    def spoil(program: dict[str, Any]) -> None:
        for step in program["program"]["steps"]:
            step["duration"] = ms

    return spoil


def loop(count: int) -> Spoil:
    def spoil(program: dict[str, Any]) -> None:
        program["program"]["loop"]["count"] = count

    return spoil


def without_loop(program: dict[str, Any]) -> None:
    program["program"].pop("loop")


def content(text: str, at: int = 0) -> Spoil:
    """Another text in the one place where there is text."""

    def spoil(program: dict[str, Any]) -> None:
        [element] = [part for part in commands(program)[at]["elements"] if part["type"] == "text"]
        element["content"] = text

    return spoil


def all_contents(text: str) -> Spoil:
    def spoil(program: dict[str, Any]) -> None:
        for at in range(len(commands(program))):
            content(text, at)(program)

    return spoil


def move_text(x: int, y: int, at: int = 0) -> Spoil:
    def spoil(program: dict[str, Any]) -> None:
        for part in commands(program)[at]["elements"]:
            if part["type"] == "text":
                part.update(x=x, y=y)

    return spoil


def without_drawing(kind: str, at: int = 0) -> Spoil:
    def spoil(program: dict[str, Any]) -> None:
        part = commands(program)[at]
        part["elements"] = [one for one in part["elements"] if one["type"] != kind]

    return spoil


def on_top(text: str, at: int = 0) -> Spoil:
    """Elements drawn over all others."""

    def spoil(program: dict[str, Any]) -> None:
        commands(program)[at]["elements"] += notation.command("draw " + text)["elements"]  # type: ignore[typeddict-item]

    return spoil


def reordered(*order: int) -> Spoil:
    """Steps in another order, fewer of them, or some of them twice."""

    def spoil(program: dict[str, Any]) -> None:
        body = program["program"]
        body["steps"] = [{**body["steps"][at], "id": f"s{number}"} for number, at in enumerate(order, start=1)]
        if body.get("loop"):
            body["loop"].update(start_step=body["steps"][0]["id"], end_step=body["steps"][-1]["id"])

    return spoil


def first_step_only(program: dict[str, Any]) -> None:
    program["program"]["steps"] = program["program"]["steps"][:1]
    program["program"].pop("loop", None)


def without_end(program: dict[str, Any]) -> None:
    program["program"].pop("on_complete")


def ending(text: str) -> Spoil:
    def spoil(program: dict[str, Any]) -> None:
        program["program"]["on_complete"] = {"command": notation.command(text)}

    return spoil


def clock(hour: int, minute: int) -> Spoil:
    def spoil(program: dict[str, Any]) -> None:
        commands(program)[0]["elements"] = clock_face.elements(hour, minute)

    return spoil


def both(*spoils: Spoil) -> Spoil:
    def spoil(program: dict[str, Any]) -> None:
        for one in spoils:
            one(program)

    return spoil


def label(value: Any) -> str | None:
    """What pytest calls a case: the meaning, or the reason that is wanted."""
    if isinstance(value, dict):
        parts = value.get("parts") or [value]
        return "-".join(str(one) for part in parts for one in part.values()) or None
    return value if isinstance(value, str) else None
