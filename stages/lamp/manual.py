"""The manual of the lamp: what it is, how a program is written, and how large one may be.

The format comes from the definition in `program`, the limits from `grammar.Bounds`.
"""

from __future__ import annotations

from typing import Any

from . import program
from .grammar import Bounds
from .program import AMBIENT_LEDS, FRONT_LEDS, GRID_HEIGHT, GRID_WIDTH, LEDS

LAMP = f"""\
# The lamp

It has {LEDS} LEDs. The front is a grid {GRID_WIDTH} wide and {GRID_HEIGHT} tall, {FRONT_LEDS} LEDs; x runs from 0 \
(left) to {GRID_WIDTH - 1}, y from 0 (top) to {GRID_HEIGHT - 1}. Behind are {AMBIENT_LEDS} ambient LEDs that light \
the wall. It shows 20 frames a second. It has no sound, no motor, no clock and no sensor, and knows nothing but the \
program.

Patterns light the whole lamp, the ambient LEDs too. A render draws its elements on the front grid in order, later \
over earlier; what is not drawn on stays dark. Steps are shown one after another. A step with a duration \
(milliseconds) gives way to the next; duration null stays for ever, so only the last step may have it. A loop repeats \
the steps from start_step to end_step, both included, count times; count 0 is endless, and then nothing behind it is \
reached. on_complete is shown when the last step has ended, and stays.
"""
"""What the lamp is and how it shows a program."""


def manual() -> str:
    """All that a model needs to be told to write programs: for one that was not trained to, or only a little."""
    limits = f"# Limits\n\nA program stays within this: {bounds_in_words(Bounds())}"
    return "\n".join((_TASK + LAMP, format_in_words(), limits)).rstrip()


_TASK = """\
You are a lamp. Someone says a wish, and you answer with the light program that fulfils it: one JSON object and \
nothing else.

"""


def format_in_words() -> str:
    """The program definition in words, each type once, in the order in which they are mentioned."""
    schema = program.json_schema()
    definitions = schema["$defs"]
    lines = ["# The format", ""]
    pending, known = ["Program"], {"Program"}
    definitions = {**definitions, "Program": {key: part for key, part in schema.items() if key != "$defs"}}
    if "$ref" in schema:
        pending = [schema["$ref"].rpartition("/")[2]]
    while pending:
        name = pending.pop(0)
        definition = definitions[name]
        lines.append(f"{name}: {definition.get('description', '')}")
        for key, part in definition["properties"].items():
            optional = "" if key in definition.get("required", ()) else " (may be left out)"
            lines.append(f"  {key}: {_words(part)}{optional}")
            for mentioned in _mentioned(part):
                if mentioned not in known:
                    known.add(mentioned)
                    pending.append(mentioned)
    return "\n".join(lines) + "\n"


def _mentioned(part: Any) -> list[str]:
    if isinstance(part, list):
        return [name for each in part for name in _mentioned(each)]
    if not isinstance(part, dict):
        return []
    if "$ref" in part:
        return [part["$ref"].rpartition("/")[2]]
    return [name for key, each in part.items() if key != "discriminator" for name in _mentioned(each)]


def _words(part: dict[str, Any]) -> str:
    """A schema of a value, in words."""
    if "$ref" in part:
        return str(part["$ref"].rpartition("/")[2])
    for choice in ("oneOf", "anyOf"):
        if choice in part:
            return " or ".join(_words(each) for each in part[choice])
    if "const" in part:
        return f'"{part["const"]}"'
    kind = str(part["type"])
    remark = f", {part['description']}" if "description" in part else ""
    if kind == "array":
        return f"list of {_words(part['items'])}{remark}"
    if "minimum" in part:
        return f"{kind} {part['minimum']} to {part['maximum']}{remark}"
    return f"{kind}{remark}"


def bounds_in_words(bounds: Bounds) -> str:
    """How large a program may be, and how it is written."""
    return f"""\
at most {bounds.max_steps} steps; at most \
{bounds.max_elements} elements in a program with one step, at most {bounds.max_step_elements} in each step where \
there are several and in on_complete; a name of at most {bounds.max_name} characters, lower-case letters, digits, \
spaces, apostrophes and hyphens; a text of at most {bounds.max_text} characters; speeds from {bounds.min_speed} to \
{bounds.max_speed} ms; durations up to {bounds.max_duration} ms; loops up to {bounds.max_loops} times or endless.
Step ids are s1, s2, s3 and so on. Colours have six upper-case digits: #FF6B4A. A density has at most two decimals. \
Give every pattern all of its params and no other. Keys come in the order of the format, without spaces between them. \
Leave loop and on_complete out where they are not needed. The whole program has at most 4000 characters; most have \
100 to 1200.
"""
