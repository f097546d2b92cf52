"""Texts as sets of five words in a row, and the short signatures that tell which sets are alike.

The likeness of two texts is the Jaccard similarity of their sets (Broder, "On the resemblance and containment of
documents", 1997). Sets are hashed to 48 bits: two of 200 shingles have a hash in common by mere chance once in
10^10 pairs, so what is computed from hashes is taken for exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from .intake.decontamination import normalised
from .intake.grams import Hashes, Words

WIDTH = 5
"""Words in a shingle; a text of fewer words is one shingle."""
PERMUTATIONS = 128
SKETCH = 2
"""Words of 64 bits that hold one bit of each MinHash."""
_RECALL = 0.99
_SEED = 7
_BATCH = 128
_ANY_BYTE = bytes(range(256))
_TEXT_BITS, _HASH_BITS = np.uint64(16), np.uint64(48)
_HASH = (np.uint64(1) << _HASH_BITS) - np.uint64(1)
_SPREAD = np.uint64(0xFF51AFD7ED558CCD)  # of MurmurHash3's finalizer
_HALF = np.uint64(32)
# The share of equal bits of the sketches has at most this many standard deviations less than is expected.
_DEVIATIONS = 4

Sizes = NDArray[np.int64]
Number = TypeVar("Number", np.int64, np.uint64)


class Sets(NamedTuple):
    """The shingles of some texts."""

    sizes: Sizes
    """How many different ones each text has; none where a text has no letter and no digit."""
    hashes: Hashes
    """Those of one text behind those of the one before, ascending within a text."""


def sets(texts: Sequence[str]) -> Sets:
    """The sets of texts, in their order. Case, white space and punctuation do not count."""
    parts = [_sets(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
    if not parts:
        return Sets(np.zeros(0, np.int64), np.zeros(0, np.uint64))
    return Sets(*map(np.concatenate, zip(*parts, strict=True)))


def _sets(texts: Sequence[str]) -> Sets:
    words = Words([normalised(text) for text in texts], _ANY_BYTE)
    lengths = np.bincount(words.grams(1)[1], minlength=len(texts))
    hashes, owners = words.grams(WIDTH)
    for width in range(1, WIDTH):
        if (lengths == width).any():
            narrow, of = words.grams(width)
            whole = lengths[of] == width
            hashes, owners = np.append(hashes, narrow[whole]), np.append(owners, of[whole])
    keys = distinct(owners.astype(np.uint64) << _HASH_BITS | hashes >> _TEXT_BITS)
    return Sets(np.bincount((keys >> _HASH_BITS).astype(np.int64), minlength=len(texts)), keys & _HASH)


def distinct(values: NDArray[Number]) -> NDArray[Number]:
    """The different values, ascending. numpy.unique takes seven times as long, as it hashes integers first."""
    ordered = np.sort(values)
    first: NDArray[Number] = ordered[np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]]
    return first


def band_rows(similarity: float) -> int:
    """How many MinHashes make a band, so that pairs of this similarity agree in some band in 99 % of cases.

    The more, the fewer other pairs do so. At 0.8 they are 6, and 21 bands find 99.8 %.
    """
    return max(rows for rows in range(1, PERMUTATIONS + 1) if 1 - (1 - similarity**rows) ** bands(rows) >= _RECALL)


def bands(rows: int) -> int:
    """How many bands of so many MinHashes there are."""
    return PERMUTATIONS // rows


def signed(sets: Sets, rows: int) -> Hashes:
    """The signatures of sets that are not empty, as (SKETCH + bands, sets): a sketch and a hash for each band."""
    offsets = np.concatenate([[0], np.cumsum(sets.sizes)]).astype(np.uint64)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(sets.hashes, offsets, PERMUTATIONS, _SEED)
    minima = np.array(matrix.to_rows(), np.uint32).reshape(-1, PERMUTATIONS)
    sketch = np.packbits((minima & 1).astype(np.bool_), axis=1).view(np.uint64)
    hashes = np.zeros((bands(rows), len(minima)), np.uint64)
    for row in range(rows):
        hashes = (hashes ^ hashes >> _HALF ^ minima.T[row::rows][: bands(rows)]) * _SPREAD
    return np.concatenate([sketch.T, hashes])


def bits_apart(similarity: float) -> int:
    """In how many bits the sketches of two sets of this similarity, or of a higher one, differ at most.

    A bit agrees with probability (1 + similarity) / 2; one pair in some thousands has more and is missed.
    """
    share = (1 - similarity) / 2
    deviation = (PERMUTATIONS * share * (1 - share)) ** 0.5
    return int(PERMUTATIONS * share + _DEVIATIONS * deviation)


def intersections(ones: Sequence[Hashes], others: Sequence[Hashes]) -> Sizes:
    """How many hashes the sets of each pair have in common. At most 65,536 pairs at once."""
    sizes = np.fromiter(map(len, (*ones, *others)), np.int64, 2 * len(ones))
    numbers = np.tile(np.arange(len(ones), dtype=np.uint64), 2)
    keys = np.sort(np.repeat(numbers, sizes) << _HASH_BITS | np.concatenate([*ones, *others]))
    twice = keys[1:][keys[1:] == keys[:-1]]
    return np.bincount((twice >> _HASH_BITS).astype(np.int64), minlength=len(ones))
