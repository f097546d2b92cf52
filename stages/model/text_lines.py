"""Lines of text that a classifier learns from: read from YAML, compared by spelling, split by hashes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ..errors import UserError


class Line(NamedTuple):
    """A text to learn from. key: what decides on which side of a split it is. weight: it counts as so many lines."""

    key: str
    text: str
    answer: bool
    weight: float = 1.0


def rank(key: str, seed: int) -> bytes:
    """What lines are drawn by: the first ones of this order are a sample, whatever others there are."""
    return sha256(f"{seed}:{key}".encode("utf-8", "surrogatepass")).digest()


def held_out(key: str, share: float, seed: int) -> bool:
    """Whether a line is kept from training to measure with: about this share of the keys, by their hashes alone."""
    return int.from_bytes(rank(key, seed)[:8], "big") < share * 2**64


def split(lines: Iterable[Line], share: float, seed: int) -> tuple[list[Line], list[Line]]:
    """The lines to train on and those to measure with: about `share` of the keys, and none that is trained on as well.

    Each text once on a side, in any spelling; both sides are sorted.
    """
    kept: dict[str, Line] = {}
    measured: dict[str, Line] = {}
    for line in sorted(lines):
        side = measured if held_out(line.key, share, seed) else kept
        side.setdefault(spelling(line.text), line)
    return list(kept.values()), [line for spelt, line in measured.items() if spelt not in kept]


def spelling(text: str) -> str:
    """What two lines have in common that differ by case, accents, punctuation and spaces only."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    words = re.findall(r"[^\W_]+", "".join(letter for letter in letters if not unicodedata.combining(letter)))
    return " ".join(words) or text.strip()


def read_lines(path: Path, names: Sequence[str] = ()) -> dict[str, list[str]]:
    """The lists of lines of a YAML file, by name. names: which ones it must have; none: any.

    Raises UserError naming the file, and a list or line that is none.
    """
    held = _read(path)
    if names and set(held) != set(names):
        raise UserError(f"{path}: has {', '.join(map(str, held))}; it must have the lists {' and '.join(names)}")
    for name, lines in held.items():
        for line in lines if isinstance(lines, list) and lines else [None]:
            if not isinstance(line, str) or not line.strip():
                raise UserError(f"{path}: {name}: {line!r} is no line of text; put it in quotes, or delete it")
    return held


def read_texts(path: Path) -> dict[str, str]:
    """The texts of a YAML file, by name. Raises UserError naming the file and what is none."""
    held = _read(path)
    for name, text in held.items():
        if not isinstance(text, str):
            raise UserError(f"{path}: {name}: is no text, but {text!r}; put it in quotes")
    return held


def _read(path: Path) -> dict[str, Any]:
    try:
        held = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; restore it (git checkout {path})") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}; correct the file") from None
    if not isinstance(held, dict):
        raise UserError(f"{path}: is no mapping; restore it (git checkout {path})")
    return held


# The loader written in C is six times as fast; where PyYAML has none, its own does.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
