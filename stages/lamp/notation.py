"""The short notation of scenes under data/seed: `wave FF4500|FF5E4D FFA500 1200..2000 for 4000`.

Colours are six digits without a #, which YAML would take for the start of a comment. `a|b` is one of the two,
`800..1600` a number in between, in round steps: one line stands for many programs.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Any

from ..errors import UserError
from . import lettering, pixel_art
from .color import BLACK
from .pixel_art import Picture
from .program import PATTERN_DEFAULTS, Command, Element, Step

_ELEMENT_KEYS = {
    "fill": ("color",),
    "pixel": ("x", "y", "color"),
    "rect": ("x", "y", "w", "h", "color"),
    "line": ("x1", "y1", "x2", "y2", "color"),
    "text": ("content", "x", "y", "color"),
}
_RANGE = re.compile(r"(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)")
_COLOR = re.compile(r"[0-9A-Fa-f]{6}")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_GROUND = re.compile(r"(.+) on ([0-9A-Fa-f]{6})")

Pictures = Mapping[str, Picture]


def steps(lines: list[str], rng: random.Random, pictures: Pictures) -> list[Step]:
    """Steps s1, s2, ... from one line of notation each, alternatives and ranges drawn with `rng`.

    Raises UserError for a line that is not notation.
    """
    return [step(f"s{number}", _drawn(line, rng), pictures) for number, line in enumerate(lines, start=1)]


def _drawn(line: str, rng: random.Random) -> str:
    """`line` with one of its alternatives and a number out of each range."""
    return " ".join(_chosen(word.removesuffix(";"), rng) + ";" * word.endswith(";") for word in line.split(" "))


def _chosen(word: str, rng: random.Random) -> str:
    if "|" in word:
        word = rng.choice(word.split("|"))
    if ".." not in word:
        return word
    match = _RANGE.fullmatch(word)
    if match is None or float(match[1]) > float(match[2]):
        raise UserError(f"seed notation {word!r}: a range is LOW..HIGH, both numbers; correct it")
    if "." in match[1] or "." in match[2]:
        low, high = float(match[1]), float(match[2])
        return f"{low + rng.randint(0, round((high - low) / 0.05)) * 0.05:.2f}".rstrip("0")
    first, last = int(match[1]), int(match[2])
    unit = next(unit for unit in (2000, 1000, 500, 250, 100, 50, 25, 10, 1) if last - first >= 4 * unit or unit == 1)
    return str(rng.randrange(first, last + 1, unit))


def step(identity: str, line: str, pictures: Pictures | None = None) -> Step:
    """`COMMAND for MS`, or `COMMAND` for a step that stays for ever."""
    body, separator, duration = line.rpartition(" for ")
    if not separator:
        return {"id": identity, "command": command(line, pictures), "duration": None}
    return {"id": identity, "command": command(body, pictures), "duration": _value("duration", duration)}


def command(text: str, pictures: Pictures | None = None) -> Command:
    """What a line without alternatives says.

    `PATTERN VALUE...` in the order of the lamp's parameters, `draw ELEMENT; ELEMENT...`, `picture NAME`,
    `say TEXT COLOUR` (a _ is a space), the last two with `on COLOUR` for a ground, or `off`.
    """
    name, _, rest = text.partition(" ")
    if name == "off":
        return {"type": "stop"}
    if name == "draw":
        return {"type": "render", "elements": [_element(part.split()) for part in rest.split(";")]}
    if name in ("picture", "say"):
        return _placed(text, name, rest, pictures or {})
    if name not in PATTERN_DEFAULTS:
        known = "draw, picture, say, off, " + ", ".join(PATTERN_DEFAULTS)
        raise UserError(f"seed notation {text!r}: {name!r} is none of {known}")
    keys, values = list(PATTERN_DEFAULTS[name]), rest.split()
    if len(keys) != len(values):
        raise UserError(f"seed notation {text!r}: {name} takes {' '.join(keys)}, got {len(values)} values")
    params = {key: _value(key, value) for key, value in zip(keys, values, strict=True)}
    return {"type": "pattern", "name": name, "params": params}  # type: ignore[return-value,misc]


def _placed(text: str, name: str, rest: str, pictures: Pictures) -> Command:
    """A picture or a text, on a ground."""
    match = _GROUND.fullmatch(rest)
    what, ground = (match[1], f"#{match[2].upper()}") if match else (rest, BLACK)
    if name == "picture":
        if what not in pictures:
            raise UserError(f"seed notation {text!r}: no picture {what!r} in pixel_art; draw it or take another")
        return {"type": "render", "elements": pixel_art.elements(pictures[what], ground)}
    words, _, color = what.rpartition(" ")
    if not words:
        raise UserError(f"seed notation {text!r}: say takes TEXT COLOUR")
    return lettering.written(words.replace("_", " "), _value("color", color), ground)


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
    if key == "content":
        return word
    color = key in ("color", "color2", "bgColor")
    if not (_COLOR if color else _NUMBER).fullmatch(word):
        wanted = "a colour of six digits, without #" if color else "a number"
        raise UserError(f"seed notation: {key} {word!r} is not {wanted}; correct it")
    return f"#{word}" if color else float(word) if "." in word else int(word)
