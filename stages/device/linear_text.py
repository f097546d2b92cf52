"""A linear model over the words and letters of a short text, and the one small file that it is kept in.

In:   a text, and the model's file (JSON: what the features are, and a weight for each hashed feature)
Out:  a probability 0..1
Holds: any text has a score, lone surrogates, control characters and the empty text too; what a text costs is bounded,
      as only its first and last `EDGE` characters are read; the same model is written as the same bytes.

Features are hashed (Weinberger et al., "Feature hashing for large scale multitask learning", 2009): a word or a run of
letters is the weight in the bucket that its CRC-32 names, so the file holds no words and its size is fixed.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from .. import files
from ..errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT = "lampforge linear text 1"
EDGE = 200
"""Characters read of a text's beginning, and as many of its end: what is asked for stands there."""
MAX_BUCKETS = 1 << 18
"""Of a file below 2 MB, with two bytes a bucket in base64."""

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*|[^\w\s]")


@dataclass(frozen=True)
class Shape:
    """What the features of a text are.

    words: runs of up to so many words are features. characters: runs of letters, from so many to so many, within a
    word and the spaces around it. buckets: weights that they are hashed to, a power of two.
    """

    words: int
    characters: tuple[int, int]
    buckets: int


@dataclass(frozen=True)
class Model:
    """A trained model. weights: float16 of shape (buckets,). threshold: the score from which the answer is yes.

    lists: word lists that features are made of by whoever uses the model.
    """

    shape: Shape
    weights: NDArray[np.float16]
    bias: float
    threshold: float
    lists: dict[str, tuple[str, ...]]

    @cached_property
    def _table(self) -> list[float]:
        # Picking a few hundred weights out of a list is faster than out of an array.
        return [float(weight) for weight in self.weights]

    def score(self, text: str, signs: Iterable[str] = ()) -> float:
        """The probability that the answer is yes, 0..1. signs: names of further features that the text has."""
        table = self._table
        total = self.bias
        for places, value in features(text, self.shape, signs):
            total += value * sum(table[place] for place in places)
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, total))))


def normalised(text: str) -> str:
    """The text as features see it: its edges, in one form of Unicode and lower case, with single spaces.

    What cannot be printed (controls, lone surrogates, invisible joiners) is left out.
    """
    if len(text) > 2 * EDGE:
        text = f"{text[:EDGE]} {text[-EDGE:]}"
    # NFKC can make eighteen letters of one.
    folded = unicodedata.normalize("NFKC", text).casefold()[: 4 * EDGE]
    shown = "".join([letter for letter in folded if letter.isprintable() or letter.isspace()])
    return " ".join(shown.replace("\u2019", "'").split())


def words_of(text: str) -> list[str]:
    """The words and signs of a normalised text, in order."""
    return _WORD.findall(text)


def features(text: str, shape: Shape, signs: Iterable[str] = ()) -> list[tuple[list[int], float]]:
    """The buckets of a text's features, and what each of them counts: words, letters and signs in turn.

    Words and letters have length one each, however long the text, and signs length two. The buckets are sorted.
    """
    words = words_of(normalised(text))
    runs = {
        f"w{' '.join(words[start : start + size])}"
        for size in range(1, shape.words + 1)
        for start in range(len(words) - size + 1)
    }
    least, most = shape.characters
    letters = {
        f"c{padded[start : start + size]}"
        for padded in (f" {word} " for word in set(words))
        for size in range(least, most + 1)
        for start in range(len(padded) - size + 1)
    }
    named = {f"s{sign}" for sign in signs}
    blocks = ((_places(names, shape), length) for names, length in ((runs, 1), (letters, 1), (named, 2)))
    return [(places, length / math.sqrt(len(places))) for places, length in blocks if places]


def _places(names: set[str], shape: Shape) -> list[int]:
    mask = shape.buckets - 1
    return sorted({crc32(name.encode("utf-8", "surrogatepass")) & mask for name in names})


def write(path: Path, model: Model) -> None:
    """Publish a model; the same model is the same bytes."""
    weights = base64.b64encode(model.weights.astype("<f2").tobytes()).decode("ascii")
    files.write_json(
        path,
        {
            "format": FORMAT,
            "words": model.shape.words,
            "characters": list(model.shape.characters),
            "buckets": model.shape.buckets,
            "bias": model.bias,
            "threshold": model.threshold,
            "lists": {name: list(words) for name, words in model.lists.items()},
            "weights": weights,
        },
    )


def read(path: Path) -> Model:
    """The model of a file. Raises UserError naming the file when it is missing or none."""
    held = files.read_json(path)
    try:
        return _model(held)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise UserError(
            f"{path}: not a text model of this version ({type(error).__name__}: {error}); make or fetch it again"
        ) from None


def _model(held: Any) -> Model:
    if not isinstance(held, dict) or not isinstance(held.get("lists"), dict):
        raise ValueError("it is no object with lists")
    if held["format"] != FORMAT:
        raise ValueError(f"format is {held['format']!r}, not {FORMAT!r}")
    least, most = map(int, held["characters"])
    shape = Shape(int(held["words"]), (least, most), int(held["buckets"]))
    weights = np.frombuffer(base64.b64decode(held["weights"], validate=True), "<f2")
    if len(weights) != shape.buckets or shape.buckets & (shape.buckets - 1) or not np.isfinite(weights).all():
        raise ValueError(f"{len(weights)} weights for {shape.buckets} buckets")
    bias, threshold = float(held["bias"]), float(held["threshold"])
    if not math.isfinite(bias) or not math.isfinite(threshold):
        raise ValueError(f"bias is {bias}, threshold {threshold}")
    lists = {str(name): tuple(map(str, words)) for name, words in held["lists"].items()}
    return Model(shape, weights, bias, threshold, lists)
