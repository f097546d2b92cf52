"""Which requests are nearly the same: MinHash finds candidates, the sets themselves decide.

Two requests are compared as sets of words and as sets of five-letter shingles, and are as alike as the higher
of the two Jaccard similarities (Broder, "On the resemblance and containment of documents", 1997).
"""

from __future__ import annotations

import re

from rensa import RMinHash, RMinHashLSH

_PERMUTATIONS = 128
# 32 bands of 4 rows: a pair of similarity 0.8 is found with probability 1 - (1 - 0.8^4)^32 > 0.9999.
_BANDS = 32
_SHINGLE = 5
_SEED = 7
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")

Tokens = frozenset[str]


def normalised(prompt: str) -> str:
    """A request in lower case, its words with single spaces between them and no punctuation."""
    return " ".join(_WORD.findall(prompt.lower()))


def tokens(prompt: str) -> tuple[Tokens, Tokens]:
    """The sets that a request is compared by: its words, and its shingles of five letters."""
    text = normalised(prompt)
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

    def add(self, prompt: str) -> bool:
        """Remember a request unless it, or one like it, was there before. Returns whether it was new."""
        return self.twin(prompt, remember=True) is None

    def twin(self, prompt: str, remember: bool = False) -> int | None:
        """The number (in order of remembering) of a request as good as the same, or None.

        remember: keep the request when there is none.
        """
        text = normalised(prompt) or prompt.strip()
        if text in self._exact:
            return self._exact[text]
        sets = tokens(prompt)
        hashes = [_min_hash(each) for each in sets]
        for kind, (index, hashed) in enumerate(zip(self._indices, hashes, strict=True)):
            for candidate in sorted(index.query(hashed)):
                if jaccard(sets[kind], self._prompts[candidate][kind]) > self._limit:
                    return int(candidate)
        if remember:
            number = len(self._prompts)
            self._exact[text] = number
            self._prompts.append(sets)
            for index, hashed in zip(self._indices, hashes, strict=True):
                index.insert(number, hashed)
        return None


def _min_hash(tokens_of_one: Tokens) -> RMinHash:
    hashed = RMinHash(num_perm=_PERMUTATIONS, seed=_SEED)
    hashed.update(sorted(tokens_of_one))
    return hashed
