"""The short notation of scenes and moods under data/seed: `wave FF4500 FFA500 1200 for 4000`.

Colours are six digits without a #, which YAML would take for the start of a comment.
"""

from __future__ import annotations

from typing import Any

from ..errors import UserError
from .program import PATTERN_DEFAULTS, Command, Element, Step

_ELEMENT_KEYS = {
    "fill": ("color",),
    "pixel": ("x", "y", "color"),
    "rect": ("x", "y", "w", "h", "color"),
    "line": ("x1", "y1", "x2", "y2", "color"),
    "text": ("content", "x", "y", "color"),
}


def steps(lines: list[str]) -> list[Step]:
    """Steps s1, s2, ... from one line of notation each. Raises UserError for a line that is not notation."""
    return [step(f"s{number}", line) for number, line in enumerate(lines, start=1)]


def step(identity: str, line: str) -> Step:
    """`COMMAND for MS`, or `COMMAND` for a step that stays for ever."""
    body, separator, duration = line.rpartition(" for ")
    if not separator:
        return {"id": identity, "command": command(line), "duration": None}
    return {"id": identity, "command": command(body), "duration": int(duration)}


def command(text: str) -> Command:
    """`PATTERN VALUE...` in the order of the lamp's parameters, `draw ELEMENT; ELEMENT...`, or `off`."""
    name, _, rest = text.partition(" ")
    if name == "off":
        return {"type": "stop"}
    if name == "draw":
        return {"type": "render", "elements": [_element(part.split()) for part in rest.split(";")]}
    if name not in PATTERN_DEFAULTS:
        raise UserError(f"seed notation {text!r}: {name!r} is none of draw, off, {', '.join(PATTERN_DEFAULTS)}")
    keys, values = list(PATTERN_DEFAULTS[name]), rest.split()
    if len(keys) != len(values):
        raise UserError(f"seed notation {text!r}: {name} takes {' '.join(keys)}, got {len(values)} values")
    params = {key: _value(key, value) for key, value in zip(keys, values, strict=True)}
    return {"type": "pattern", "name": name, "params": params}  # type: ignore[return-value,misc]


def _element(words: list[str]) -> Element:
    kind, *values = words
    keys = _ELEMENT_KEYS.get(kind, ())
    if len(keys) != len(values):
        raise UserError(f"seed notation {' '.join(words)!r}: {kind} takes {' '.join(keys) or 'nothing known'}")
    element: dict[str, Any] = {"type": kind}
    for key, value in zip(keys, values, strict=True):
        element[key] = _value(key, value)
    return element  # type: ignore[return-value]


def _value(key: str, word: str) -> Any:
    if key in ("color", "color2", "bgColor"):
        return f"#{word}"
    if key == "content":
        return word
    return float(word) if "." in word else int(word)
