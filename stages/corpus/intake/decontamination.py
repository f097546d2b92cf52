"""Which training rows hold an item of an evaluation set: such a row would make a score worthless.

A row is contaminated by an item if it shares 13 words in a row with it (the length of GPT-3's check, appendix C of
arXiv:2005.14165), or, where the item is too short for that, if it holds the question as a whole:

* 5 to 12 words: anywhere in what is asked (system, input, instruction, the user's turns). A question with choices also
  needs every choice somewhere in the row: "Which of the following is true?" tells nothing.
* under 5 words ("show a sun"): only as the whole instruction, input or user turn.

Words are runs of letters and digits in lower case: case, white space and punctuation never matter.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..rows.row import Row
from .evaluations import Item
from .grams import SPACE, Hashes, Table, Words

GRAM = 13
"""Words in a row that a long item and a row may not share."""
ANCHOR = 5
"""Words from which on an item is found inside a longer text; a shorter one only as a whole field."""
WORDED = 5
"""Of 13 words so many must have two letters or more: "1, 2, 3, 4, ..." stands in many texts."""
BATCH_BYTES = 1 << 17
"""Text hashed at once. From 16 kB to 4 MB a row costs the same; the arrays take some 60 bytes per byte of text."""

# ASCII only: bytes.lower() knows no locale. Bytes of letters beyond ASCII stay as they are.
_LETTERS = bytes(byte if byte >= 0x80 or chr(byte).isalnum() else SPACE for byte in bytes(range(256)).lower())
# Punctuation beyond ASCII that NFKC leaves: Latin-1 signs, U+2000 to U+206F, U+3000 to U+303F.
_WIDE_PUNCTUATION = re.compile(rb"\xc2[\x80-\xbf]|\xe2[\x80\x81].|\xe3\x80.", re.DOTALL)


def normalised(text: str) -> bytes:
    """The words of a text, in UTF-8, one space between."""
    return b" ".join(_folded(text).translate(_LETTERS).split())


def _folded(text: str) -> bytes:
    """UTF-8 in which case and punctuation matter in ASCII only, which one translation of a whole batch sees to."""
    if text.isascii():
        return text.encode()
    folded = unicodedata.normalize("NFKC", text).lower()
    return _WIDE_PUNCTUATION.sub(b" ", folded.encode(errors="replace"))


class _Short(NamedTuple):
    """An item that is found as a whole, in words."""

    owner: int
    question: bytes
    choices: tuple[bytes, ...]


class Index:
    """The items of all evaluation sets; made once, then only read."""

    def __init__(self, sets: Mapping[str, Sequence[Item]]) -> None:
        self._names = tuple(sets)
        self._short: list[_Short] = []
        self._whole: dict[bytes, int] = {}
        self.items = {name: len(items) for name, items in sets.items()}
        """How many there are, by set."""
        self.unsearchable: Counter[str] = Counter()
        """How many of them are too short to be told from ordinary text, by set."""
        hashes, owners = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
        for owner, items in enumerate(sets.values()):
            hashes.append(self._add(owner, items))
            owners.append(np.full(len(hashes[-1]), owner))
        self._long = Table(np.concatenate(hashes), np.concatenate(owners))
        self._anchors, self._anchored = _anchors(self._short)
        # In raw text punctuation and white space may double the length of a short item.
        self._whole_limit = 2 * max(map(len, self._whole), default=0) + 16

    def _add(self, owner: int, items: Sequence[Item]) -> Hashes:
        """The telling hashes of the long items; the short ones are kept as they are."""
        questions = [normalised(item.question) for item in items]
        hashes, numbers = Words(questions, _LETTERS).grams(GRAM)
        telling = np.array([tells for question in questions for tells in _telling(question)], np.bool_)
        long = set(numbers[telling].tolist())
        for number, (item, question) in enumerate(zip(items, questions, strict=True)):
            if number not in long:
                self._add_short(_Short(owner, question, tuple(map(normalised, item.choices))))
        return hashes[telling]

    def _add_short(self, short: _Short) -> None:
        if any(part.count(b" ") >= ANCHOR - 1 for part in (short.question, *short.choices)):
            self._short.append(short)
        elif short.question and not short.choices:
            self._whole.setdefault(short.question, short.owner)
        else:
            self.unsearchable[self._names[short.owner]] += 1

    def find(self, rows: Sequence[Row]) -> list[str]:
        """For each row the first set that has an item in it, or an empty string."""
        none = len(self._names)
        found = [none] * len(rows)
        for first, texts in _batches(rows):
            words = Words(texts, _LETTERS)
            for number, owner in zip(*words.found(GRAM, self._long), strict=True):
                found[first + number] = min(found[first + number], int(owner))
            for number, anchor in set(zip(*words.found(ANCHOR, self._anchors), strict=True)):
                owner = self._held(rows[first + number], self._anchored[anchor])
                found[first + number] = min(found[first + number], owner)
        for number, row in enumerate(rows):
            for field in (row.instruction, row.input, *(user for user, _ in row.history)):
                if len(field) <= self._whole_limit and field:
                    found[number] = min(found[number], self._whole.get(normalised(field), none))
        return [(*self._names, "")[owner] for owner in found]

    def _held(self, row: Row, candidates: Sequence[_Short]) -> int:
        """The first set with one of these items in the row, all words of it."""
        asked = b" %b " % normalised(_asked(row))
        whole = b" %b " % normalised(_text(row))
        return min(
            (
                short.owner
                for short in candidates
                if b" %b " % short.question in asked and all(b" %b " % choice in whole for choice in short.choices)
            ),
            default=len(self._names),
        )


def _telling(question: bytes) -> Iterator[bool]:
    """For every 13 words in a row of a question whether enough of them are words of letters."""
    worded = [len(word) > 1 and not word.isdigit() for word in question.split()]
    for first in range(len(worded) - GRAM + 1):
        yield sum(worded[first : first + GRAM]) >= WORDED


def _anchors(short: Sequence[_Short]) -> tuple[Table, list[list[_Short]]]:
    """The hash of five words of every short item, those that the fewest items have: few rows are then read closely.

    The owner of a hash is the place, in the list, of the items that it leads to.
    """
    hashes = [Words((item.question, *item.choices), _LETTERS).grams(ANCHOR)[0].tolist() for item in short]
    often = Counter(value for values in hashes for value in values)
    led: dict[int, list[_Short]] = {}
    for item, values in zip(short, hashes, strict=True):
        led.setdefault(min(values, key=lambda value: (often[value], value)), []).append(item)
    return Table(np.array(list(led), np.uint64), np.arange(len(led))), list(led.values())


def _asked(row: Row) -> str:
    return " ".join((row.system, *(user for user, _ in row.history), row.instruction, row.input))


def _text(row: Row) -> str:
    return " ".join((_asked(row), *(assistant for _, assistant in row.history), row.output, row.rejected))


def _batches(rows: Sequence[Row]) -> Iterator[tuple[int, list[bytes]]]:
    """The texts of rows, about BATCH_BYTES at once, each with the place of its first row."""
    first, size = 0, 0
    texts: list[bytes] = []
    for number, row in enumerate(rows):
        texts.append(_folded(_text(row)))
        size += len(texts[-1])
        if size >= BATCH_BYTES:
            yield first, texts
            first, size, texts = number + 1, 0, []
    if texts:
        yield first, texts
