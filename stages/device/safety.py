"""The safety filter: whether a request, and the texts of a program, are something for a lamp in a living room.

In:   a request or a program, and the file that the stage model_safety makes
Out:  a verdict: safe or not, how sure, and a line for the user where it is not; `SAFE_PROGRAM` is shown instead
Holds: any text has a verdict; a long one is read at its beginning and end, `READ` characters each. Whatever names
      hurting oneself (a list of phrases in the file) is declined with kind words, whatever the classifier says.

A linear model knows words and their neighbours, not meanings: it keeps plain insults, threats and instructions off the
lamp, and somebody who wants to get past it will. Measured in metrics/model_safety.json.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .linear_text import Model, normalised, read
from .word_kinds import OTHER, Kinds, in_order, kinds, runs

if TYPE_CHECKING:
    from ..lamp.program import Program

READ = 600
"""Characters of a text that are read of its beginning, and as many of its end."""
DECLINED: Final = "That is nothing for this lamp. Here is a calm, warm light instead; ask for another one any time."
KINDNESS: Final = (
    "I'm sorry that it is so hard right now. You matter: please talk to somebody you trust, or call your local"
    " emergency number or a crisis line, now. A warm light stays on with you."
)
SAFE_PROGRAM: Final[Program] = {
    "program": {
        "name": "Calm warm light",
        "steps": [
            {
                "id": "breathe",
                "command": {"type": "pattern", "name": "breathing", "params": {"color": "#FFB07C", "speed": 5000}},
                "duration": None,
            }
        ],
    }
}
"""What is shown instead of what is declined: a warm light that breathes slowly."""
SELF_HARM = "self_harm"
"""The list of phrases in the model's file."""

# A sentence that harms drowns in a long text: it is read in pieces of so many characters, which overlap.
_PIECE, _STEP = 160, 110
_ASIAN = "\u2e80"  # scripts from here on have no spaces between words


class Verdict(NamedTuple):
    """safe: whether it may be shown. score: 0..1, how much it looks like harm. line: for the user, empty where safe."""

    safe: bool
    score: float
    line: str


class Filter:
    """The filter, with the model of a file. The file is read at the first use; UserError when it is missing or none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _model(self) -> Model:
        return read(self._path)

    @cached_property
    def _kinds(self) -> Kinds:
        return kinds(words_by_kind(self._model.lists))

    @cached_property
    def _self_harm(self) -> re.Pattern[str] | None:
        return phrases(self._model.lists.get(SELF_HARM, ()))

    def request(self, text: str) -> Verdict:
        """The verdict on what somebody asks for."""
        return self._verdict([text])

    def program(self, program: Any) -> Verdict:
        """The verdict on what a program says: its name, its texts, and those read on from one to the next."""
        said = list(texts(program))
        contents = said[1:]
        joined = [" ".join(contents), "".join(contents)] if len(contents) > 1 else []
        return self._verdict([*dict.fromkeys(said), *joined])

    def _verdict(self, said: Sequence[str]) -> Verdict:
        pattern = self._self_harm
        parts = [plain for text in said for piece in pieces(edges(text)) if (plain := normalised(piece))]
        if pattern and any(map(pattern.search, parts)):
            return Verdict(False, 1.0, KINDNESS)
        score = max((self._model.score(*reading(part, self._kinds)) for part in parts), default=0.0)
        safe = score < self._model.threshold
        return Verdict(safe, score, "" if safe else DECLINED)


def words_by_kind(lists: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """The lists of a model's file that are of words."""
    return {kind: words for kind, words in lists.items() if kind != SELF_HARM}


def reading(text: str, known: Kinds) -> tuple[str, list[str]]:
    """What the model is given of a text, and signs: the kinds of words it has, runs and pairs of them."""
    plain = normalised(text)
    order = in_order(plain, known)
    there = sorted(set(order) - {OTHER})
    pairs = (f"{one}+{other}" for place, one in enumerate(there) for other in there[place + 1 :])
    return plain, sorted({*there, *runs(order), *pairs})


def texts(program: Any) -> Iterator[str]:
    """The name of a program (empty where it has none), then the content of each text element, in order."""
    held = program.get("program", program) if isinstance(program, dict) else {}
    name = held.get("name") if isinstance(held, dict) else None
    yield name if isinstance(name, str) else ""
    yield from _contents(held)


def _contents(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        content = value.get("content")
        if value.get("type") == "text" and isinstance(content, str):
            yield content
        for part in value.values():
            yield from _contents(part)
    elif isinstance(value, list):
        for part in value:
            yield from _contents(part)


def edges(text: str) -> str:
    """The beginning and the end of a long text."""
    return text if len(text) <= 2 * READ else f"{text[:READ]} {text[-READ:]}"


def pieces(text: str) -> list[str]:
    """The text in overlapping pieces; all of a short one."""
    if len(text) <= _PIECE:
        return [text]
    return [text[start : start + _PIECE] for start in range(0, len(text) - _PIECE + _STEP, _STEP)]


def phrases(wanted: Sequence[str]) -> re.Pattern[str] | None:
    """A pattern of whole words for these phrases; None for none."""
    if not wanted:
        return None
    parts = (rf"\b{re.escape(each)}\b" if each < _ASIAN else re.escape(each) for each in map(normalised, wanted))
    return re.compile("|".join(parts))
