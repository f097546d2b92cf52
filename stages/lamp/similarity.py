"""Which requests are nearly the same: MinHash finds candidates, the sets themselves decide.

Two requests are compared as sets of words and as sets of five-letter shingles, and are as alike as the higher
of the two Jaccard similarities (Broder, "On the resemblance and containment of documents", 1997).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rensa import RMinHash, RMinHashLSH

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PERMUTATIONS = 128
# 32 bands of 4 rows: a pair of similarity 0.8 is found with probability 1 - (1 - 0.8^4)^32 > 0.9999.
_BANDS = 32
# To list all pairs, 16 bands of 8 rows: one of 0.9 is found with probability 1 - (1 - 0.9^8)^16 > 0.9998, one of 0.5
# becomes a candidate in 6 % of cases.
_LISTED_ROWS = 8
# The share of equal hashes estimates a similarity of 0.8 with a standard deviation of 0.035.
_ESTIMATE_MARGIN = 0.15
_CHUNK = 100_000
_SHINGLE = 5
_SEED = 7
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")

Tokens = frozenset[str]


def normalised(prompt: str) -> str:
    """A request in lower case, its words with single spaces between them and no punctuation."""
    return " ".join(_WORD.findall(prompt.lower()))


def tokens(prompt: str) -> tuple[Tokens, Tokens]:
    """The sets that a request is compared by: its words, and its shingles of five letters."""
    text = normalised(prompt) or prompt.strip()  # signs alone, such as emoji, are a request too
    shingles = (text[start : start + _SHINGLE] for start in range(max(1, len(text) - _SHINGLE + 1)))
    return frozenset(text.split()), frozenset(shingles)


def jaccard(one: Tokens, other: Tokens) -> float:
    """Size of the intersection over that of the union, 0..1; 1 for two empty sets."""
    union = len(one | other)
    return len(one & other) / union if union else 1.0


def likeness(one: str, other: str) -> float:
    """How alike two requests are, 0..1."""
    return max(jaccard(*pair) for pair in zip(tokens(one), tokens(other), strict=True))


class Seen:
    """Requests that were there before. limit: what is more alike than this counts as the same."""

    def __init__(self, limit: float = 0.8) -> None:
        self._limit = limit
        self._exact: dict[str, int] = {}
        self._prompts: list[tuple[Tokens, Tokens]] = []
        # Candidates at the limit itself must be found, so the index looks a little lower.
        self._indices = [RMinHashLSH(max(0.1, limit - 0.1), _PERMUTATIONS, _BANDS) for _ in range(2)]

    def add(self, prompt: str, limit: float | None = None) -> bool:
        """Remember a request unless it, or one like it, was there before. Returns whether it was new.

        limit: another one than usual, not below it.
        """
        return self.twin(prompt, remember=True, limit=limit) is None

    def twin(self, prompt: str, remember: bool = False, limit: float | None = None) -> int | None:
        """The number (in order of remembering) of a request as good as the same, or None.

        remember: keep the request when there is none. limit: another one than usual, not below it.
        """
        limit = self._limit if limit is None else limit
        text = normalised(prompt) or prompt.strip()
        if text in self._exact:
            return self._exact[text]
        sets = tokens(prompt)
        hashes = [_min_hash(each) for each in sets]
        for kind, (index, hashed) in enumerate(zip(self._indices, hashes, strict=True)):
            for candidate in sorted(index.query(hashed)):
                if jaccard(sets[kind], self._prompts[candidate][kind]) > limit:
                    return int(candidate)
        if remember:
            number = len(self._prompts)
            self._exact[text] = number
            self._prompts.append(sets)
            for index, hashed in zip(self._indices, hashes, strict=True):
                index.insert(number, hashed)
        return None


def pairs(prompts: Sequence[str], limit: float) -> Iterator[tuple[int, int, float]]:
    """All pairs of requests that may be more alike than `limit`: their numbers, the smaller first, and how alike.

    Pairs of less likeness that had to be looked at are among them, so that the highest likeness is known where it
    is a little below the limit. Needs 1 kB of memory for each request.
    """
    import numpy as np  # costs 0.1 s, which stages that only ask `Seen` need not pay

    found = []
    hashes = np.empty((2, len(prompts), _PERMUTATIONS), np.uint32)
    for number, prompt in enumerate(prompts):
        hashes[:, number] = [_min_hash(each).digest() for each in tokens(prompt)]
    for signatures in hashes:
        for first, second in _sharing_a_band(signatures):
            estimates = (signatures[first] == signatures[second]).mean(axis=1)
            found.append(np.stack([first, second], axis=1)[estimates > limit - _ESTIMATE_MARGIN])
    known = lru_cache(1 << 14)(tokens)
    for first, second in np.unique(np.concatenate(found), axis=0).tolist() if found else ():
        both = zip(known(prompts[first]), known(prompts[second]), strict=True)
        yield first, second, max(jaccard(*pair) for pair in both)


def _sharing_a_band(signatures: NDArray[Any]) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Numbers of signatures that agree in all rows of a band (or, rarely, seem to), the smaller ones first."""
    import numpy as np

    for start in range(0, _PERMUTATIONS, _LISTED_ROWS):
        keys = np.zeros(len(signatures), np.uint64)
        for row in range(start, start + _LISTED_ROWS):
            keys = (keys ^ signatures[:, row]) * np.uint64(0x9E3779B97F4A7C15)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        places = np.arange(len(keys))
        for distance in itertools.count(1):
            places = places[: np.searchsorted(places, len(keys) - distance)]
            places = places[keys[places] == keys[places + distance]]
            if not len(places):
                break
            for chunk in np.array_split(places, -(-len(places) // _CHUNK)):
                yield order[chunk], order[chunk + distance]


def _min_hash(tokens_of_one: Tokens) -> RMinHash:
    hashed = RMinHash(num_perm=_PERMUTATIONS, seed=_SEED)
    hashed.update(sorted(tokens_of_one))
    return hashed
