"""Strict validation of lamp programs: every defect with its place, its value and what is allowed there.

Nothing is repaired. A program is valid when it parses, matches the definition in `program`, stays in the
grid, its step ids are unique, its loop resolves and every step but the last has a duration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from .font import GLYPHS
from .program import ADAPTER, GRID_HEIGHT, GRID_WIDTH, PATTERN_DEFAULTS, Command, Program


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong.

    kind: a short name, for counting. path: JSON path. value: what stands there. allowed: what may.
    """

    kind: str
    path: str
    value: Any
    allowed: str

    def __str__(self) -> str:
        shown = repr(self.value)
        if len(shown) > 60:
            shown = shown[:57] + "..."
        return f"{self.path}: {self.kind}: {shown}; {self.allowed}"


class InvalidProgram(ValueError):  # noqa: N818 - it is what it says
    """Carries all `defects` of a program, at least one."""

    def __init__(self, defects: list[Defect]) -> None:
        super().__init__("; ".join(map(str, defects)))
        self.defects = defects


# pydantic's error types -> our kinds. What is not listed is a wrong value.
_KINDS = {
    "missing": "missing-field",
    "extra_forbidden": "unknown-field",
    "string_pattern_mismatch": "bad-color",
    "union_tag_invalid": "unknown-type",
    "union_tag_not_found": "missing-field",
    "literal_error": "unknown-type",
    "too_short": "empty",
    "string_too_short": "empty",
    "int_type": "wrong-type",
    "int_from_float": "wrong-type",
    "float_type": "wrong-type",
    "string_type": "wrong-type",
    "list_type": "wrong-type",
    "dict_type": "wrong-type",
    "model_attributes_type": "wrong-type",
}
_PARAMS = {name: defaults.keys() for name, defaults in PATTERN_DEFAULTS.items()}
_GRID_KEYS = {"x", "y", "w", "h", "x1", "y1", "x2", "y2"}


def parse(text: str | bytes) -> Program:
    """The program that `text` (JSON) is, keys in the definition's order.

    Raises InvalidProgram with all defects. This is the fast way for valid programs, which are the rule.
    """
    try:
        program = ADAPTER.validator.validate_json(text)
    except ValidationError:
        raise InvalidProgram(_explain(text)) from None
    if _has_strange_numbers(program):
        raise InvalidProgram([_STRANGE_NUMBER])
    defects = _semantic_defects(program)
    if defects:
        raise InvalidProgram(defects)
    return program  # type: ignore[no-any-return]


def validate(value: Any) -> list[Defect]:
    """All defects of an already decoded JSON value; empty when it is a valid program."""
    foreign = _foreign_dialect(value)
    if foreign:
        return foreign
    try:
        program = ADAPTER.validator.validate_python(value)
    except ValidationError as error:
        return [_defect(detail, value) for detail in error.errors(include_url=False)]
    except RecursionError:
        return [Defect("wrong-type", "$", "...", "nesting this deep is no lamp program")]
    if _has_strange_numbers(program):
        return [_STRANGE_NUMBER]
    return _semantic_defects(program)


_STRANGE_NUMBER = Defect("bad-value", "$", "...", "no NaN, infinite number or integer beyond 64 bits")


def _has_strange_numbers(program: Program) -> bool:
    """Numbers that JSON Lines cannot carry on unchanged; only parameters that the lamp ignores can hold them."""
    body = program["program"]
    final = body.get("on_complete")
    commands = [step["command"] for step in body["steps"]]
    if final is not None:
        commands.append(final["command"])
    for command in commands:
        if command["type"] == "pattern" and not command["params"].keys() <= _PARAMS[command["name"]]:
            try:
                return bool(orjson.loads(orjson.dumps(program)) != program)
            except (TypeError, orjson.JSONEncodeError):
                return True
    return False


def _explain(text: str | bytes) -> list[Defect]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        shown = text if isinstance(text, str) else text.decode(errors="replace")
        return [Defect("not-json", "$", shown, f"one JSON object is expected ({error})")]
    # orjson is laxer than pydantic nowhere that matters, so the two agree that something is wrong.
    return validate(value) or [Defect("not-json", "$", "...", "one JSON object is expected")]


def _defect(detail: Any, value: Any) -> Defect:
    path, found = _locate(detail["loc"], value)
    kind = _KINDS.get(detail["type"], "bad-value")
    if detail["type"] == "missing":
        return Defect(kind, path, None, "this key is required")
    if detail["type"] == "extra_forbidden":
        return Defect(kind, path, found, "no such key is known here")
    key = path.rpartition(".")[2]
    if kind == "bad-value" and key in _GRID_KEYS:
        kind = "out-of-grid"
    if kind == "bad-color":
        return Defect(kind, path, found, "allowed: #RGB, #RRGGBB or #RRGGBBAA")
    if detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
        tag = detail["ctx"]["discriminator"].strip("'")
        expected = detail["ctx"].get("expected_tags", "")
        shown = found.get(tag) if isinstance(found, dict) else found
        return Defect(kind, f"{path}.{tag}", shown, f"allowed: {expected}" if expected else "this key is required")
    return Defect(kind, path, found, _lower_first(detail["msg"]))


def _lower_first(message: str) -> str:
    return message[:1].lower() + message[1:]


def _locate(location: tuple[str | int, ...], value: Any) -> tuple[str, Any]:
    """JSON path of a pydantic location and the value there.

    pydantic also names the union members that it went through: behind `command` the type, behind that a
    pattern's name, and behind an element's number its type.
    """
    path, parts = "$", list(location)
    while parts:
        part = parts.pop(0)
        if isinstance(part, int):
            path += f"[{part}]"
            value = value[part] if isinstance(value, list) else None
            in_elements = path.endswith(f".elements[{part}]")
            del parts[: int(in_elements)]
        else:
            path += f".{part}"
            value = value.get(part) if isinstance(value, dict) else None
            if part == "command" and parts:
                del parts[: 2 if parts[0] == "pattern" else 1]
    return path, value


def _semantic_defects(program: Program) -> list[Defect]:
    """What types cannot say: rectangles in the grid, unique ids, durations, the loop."""
    body = program["program"]
    steps = body["steps"]
    defects: list[Defect] = []
    ids: dict[str, int] = {}
    last = len(steps) - 1
    for number, step in enumerate(steps):
        if step["id"] in ids:
            defects.append(
                Defect("duplicate-step-id", f"$.program.steps[{number}].id", step["id"], "step ids are unique")
            )
        ids.setdefault(step["id"], number)
        if step["duration"] is None and number < last:
            allowed = "only the last step may stay for ever; give milliseconds"
            defects.append(Defect("missing-duration", f"$.program.steps[{number}].duration", None, allowed))
        command = step["command"]
        if command["type"] == "render":
            defects += _rect_defects(command, f"$.program.steps[{number}].command")
    final = body.get("on_complete")
    if final is not None:
        defects += _rect_defects(final["command"], "$.program.on_complete.command")
    return defects + _loop_defects(program, ids)


def _rect_defects(command: Command, path: str) -> list[Defect]:
    if command["type"] != "render":
        return []
    defects = []
    for number, element in enumerate(command["elements"]):
        if element["type"] != "rect":
            continue
        right, bottom = element["x"] + element["w"], element["y"] + element["h"]
        if right > GRID_WIDTH or bottom > GRID_HEIGHT:
            allowed = f"x + w is at most {GRID_WIDTH} and y + h at most {GRID_HEIGHT}"
            defects.append(Defect("out-of-grid", f"{path}.elements[{number}]", f"{right}x{bottom}", allowed))
    return defects


def _loop_defects(program: Program, ids: dict[str, int]) -> list[Defect]:
    loop = program["program"].get("loop")
    if loop is None:
        return []
    known = "allowed: " + ", ".join(ids)
    defects = []
    if loop["start_step"] not in ids:
        defects.append(Defect("dangling-loop", "$.program.loop.start_step", loop["start_step"], known))
    if loop["end_step"] not in ids:
        defects.append(Defect("dangling-loop", "$.program.loop.end_step", loop["end_step"], known))
    if not defects and ids[loop["start_step"]] > ids[loop["end_step"]]:
        backwards = f"{loop['start_step']}..{loop['end_step']}"
        defects.append(Defect("dangling-loop", "$.program.loop", backwards, "start_step comes before end_step"))
    return defects


def _foreign_dialect(value: Any) -> list[Defect]:
    """Signs of another lamp's format; one of them explains all the other defects it would cause."""
    if not isinstance(value, dict) or not isinstance(value.get("program"), dict):
        return []
    body = value["program"]
    signs: list[tuple[str, Any, str]] = []
    steps = body.get("steps")
    for number, step in enumerate(steps if isinstance(steps, list) else []):
        if isinstance(step, dict) and isinstance(step.get("command"), str):
            allowed = "a command is an object with a type"
            signs.append((f"$.program.steps[{number}].command", step["command"], allowed))
    loop = body.get("loop")
    if isinstance(loop, dict) and "enabled" in loop:
        signs.append(("$.program.loop.enabled", loop["enabled"], "a loop has count, start_step and end_step"))
    final = body.get("on_complete")
    if isinstance(final, dict) and "action" in final:
        signs.append(("$.program.on_complete.action", final["action"], "on_complete has a command"))
    return [Defect("foreign-dialect", path, found, allowed) for path, found, allowed in signs]


def remarks(program: Program) -> list[Defect]:
    """What is valid but was perhaps not meant: the firmware ignores it, assumes it, or never reaches it."""
    body = program["program"]
    found: list[Defect] = []
    commands = [(f"$.program.steps[{number}].command", step["command"]) for number, step in enumerate(body["steps"])]
    final = body.get("on_complete")
    if final is not None:
        commands.append(("$.program.on_complete.command", final["command"]))
    for path, command in commands:
        found += _command_remarks(command, path)
    loop = body.get("loop")
    endless_tail = body["steps"][-1]["duration"] is None
    if loop is not None and endless_tail and loop["end_step"] == body["steps"][-1]["id"]:
        found.append(Defect("never-repeats", "$.program.loop", loop["end_step"], "its last step stays for ever"))
    if final is not None and (endless_tail or (loop is not None and loop["count"] == 0)):
        found.append(Defect("never-reached", "$.program.on_complete", final["command"]["type"], "nothing ends before"))
    return found


def _command_remarks(command: Command, path: str) -> list[Defect]:
    found = []
    if command["type"] == "pattern":
        defaults = PATTERN_DEFAULTS[command["name"]]
        for key in defaults.keys() - command["params"].keys():
            found.append(Defect("default-assumed", f"{path}.params.{key}", None, f"the lamp takes {defaults[key]}"))
        for key in command["params"].keys() - defaults.keys():
            found.append(Defect("ignored-param", f"{path}.params.{key}", None, "the lamp ignores it"))
    if command["type"] == "render":
        for number, element in enumerate(command["elements"]):
            if element["type"] == "text" and not set(element["content"].upper()) <= GLYPHS.keys():
                odd = f"the font has only {''.join(GLYPHS)}"
                found.append(Defect("not-in-font", f"{path}.elements[{number}].content", element["content"], odd))
    return found
