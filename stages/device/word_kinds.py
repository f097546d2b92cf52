"""Kinds of words, which a text model sees beside words and letters: "that but in <colour>" is the same for any colour.

In:   lists of words by kind, as they travel in a model's file
Out:  the kinds of the words of a text, in its order, and signs of them
Holds: a word is of the first kind that lists it; in scripts without spaces listed words are looked for within a run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .linear_text import normalised, words_of

Kinds = Mapping[str, str]
"""The kind of each word that is in a list."""
OTHER = "-"
"""The kind of a word that no list has."""

# Kana, Chinese characters, Hangul.
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_LONGEST = 4  # letters of a listed word in such a script


def kinds(lists: Mapping[str, Sequence[str]]) -> Kinds:
    """The kind of each listed word: the first that lists it."""
    found: dict[str, str] = {}
    for kind, words in lists.items():
        for word in words:
            found.setdefault(normalised(word), kind)
    return found


def in_order(text: str, known: Kinds) -> list[str]:
    """The kinds of the words of a normalised text; punctuation has none."""
    return [kind for word in words_of(text) if word[0].isalnum() for kind in _of(word, known)]


def runs(order: Sequence[str]) -> set[str]:
    """Two and three kinds that follow each other, with `^` at the beginning and `$` at the end."""
    marked = ["^", *order, "$"]
    return {" ".join(marked[start : start + size]) for size in (2, 3) for start in range(len(marked) - size + 1)}


def _of(word: str, known: Kinds) -> list[str]:
    if word in known or not _UNSPACED.search(word):
        return [known.get(word, OTHER)]
    parts = (word[start : start + size] for start in range(len(word)) for size in range(1, _LONGEST + 1))
    return [known[part] for part in parts if part in known] or [OTHER]
