"""Whether a request changes the program that is running ("slower", "that but in blue") or begins a new one.

In:   the request, and the file that the stage model_follow_up makes
Out:  yes or no
Holds: with no program running nothing is changed; any text has an answer, in a fraction of a millisecond.

Beside words and letters the model sees kinds of words (`more`, `that`, `colour` ...) and their order; the lists are in
data/seed/follow_ups/words.yaml and travel in the model's file.
"""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path

from .linear_text import Model, normalised, read
from .word_kinds import Kinds, in_order, kinds, runs

_DIGIT = re.compile(r"\d")
_POLITE = "polite"
# Requests of up to so many words are told apart by how many they have.
_LENGTHS = (1, 2, 3, 5, 8, 13)


class Decider:
    """The decision, with the model of a file. The file is read at the first use."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _model(self) -> Model:
        return read(self._path)

    @cached_property
    def _kinds(self) -> Kinds:
        return kinds(self._model.lists)

    def changes(self, request: str, running_program: object | None) -> bool:
        """Whether `request` changes `running_program`; never where that is None.

        Raises UserError when the model's file is missing or none.
        """
        return running_program is not None and self.score(request) >= self._model.threshold

    def score(self, request: str) -> float:
        """The probability that a request changes whatever is running, 0..1."""
        return self._model.score(*reading(request, self._kinds))


def reading(request: str, known: Kinds) -> tuple[str, list[str]]:
    """What the model is given of a request: its text with digits as 0, and signs.

    Signs are the kinds of words that it has, runs of them in its order, and about how long it is. Politeness is left
    out of the order.
    """
    text = _DIGIT.sub("0", normalised(request))
    said = in_order(text, known)
    order = [kind for kind in said if kind != _POLITE]
    length = next((most for most in _LENGTHS if len(order) <= most), "long")
    return text, sorted({*said, *runs(order), f"length {length}"})
