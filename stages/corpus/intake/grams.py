"""Which of some million word sequences stand in a text, without a Python loop over words.

All texts of a batch are one buffer of bytes. Prefix sums of a polynomial hash (Karp and Rabin 1987, modulo 2^64) give
the hash of every word; a second prefix sum, over words, gives that of every n words in a row. A bit map keeps all but
one in 64 of the hashes that a table lacks from being looked up. Equal hashes are taken for equal words: with a million
hashes in the table, ten million texts of 180 words have a false match with probability 10^-4.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]

SPACE = 32
_FILTER_BITS = 6
"""A table has 2^6 bits per key, so that one in 64 of the hashes that it lacks is looked up all the same."""


class _Powers:
    """Powers of an odd number modulo 2^64, and those of its inverse."""

    def __init__(self, base: int) -> None:
        self._bases = base, pow(base, -1, 1 << 64)
        self._tables = (np.ones(1, np.uint64), np.ones(1, np.uint64))

    def upto(self, count: int) -> tuple[Hashes, Hashes]:
        """At least `count` of each, from the power 0 on; what was computed once is kept."""
        if count > len(self._tables[0]):
            first, second = (np.full(1 << count.bit_length(), base, np.uint64) for base in self._bases)
            first[0] = second[0] = 1
            self._tables = np.multiply.accumulate(first), np.multiply.accumulate(second)
        return self._tables


# Odd constants without a pattern: of the golden ratio (Knuth), of PCG, and of MurmurHash3's finalizer.
_OF_BYTES, _OF_WORDS = _Powers(0x9E3779B97F4A7C15), _Powers(0x5851F42D4C957F2D)
_SPREAD = np.uint64(0xFF51AFD7ED558CCD)
_HALF = np.uint64(32)
# splitmix64's numbers for the bytes.
_VALUES = (np.arange(256, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
_VALUES ^= _VALUES >> np.uint64(30)
_VALUES *= np.uint64(0xBF58476D1CE4E5B9)
_VALUES ^= _VALUES >> np.uint64(27)


def _spread(hashes: Hashes) -> Hashes:
    """The upper half mixed into the lower and back, as the lower bits of a sum hang on lower bits alone."""
    mixed: Hashes = (hashes ^ hashes >> _HALF) * _SPREAD
    return mixed


class Words:
    """The hashed words of some texts, in order."""

    def __init__(self, texts: Sequence[bytes], letters: bytes) -> None:
        """texts: in any number; letters: the table (bytes.translate) that leaves words and spaces, nothing else."""
        buffer = b" ".join([*texts, b""]).translate(letters)
        codes = np.frombuffer(buffer, np.uint8)
        # A text begins behind the space that ends the one before.
        ends_of_texts = np.cumsum(np.fromiter((len(text) + 1 for text in texts), np.int64, len(texts)))
        edges = np.flatnonzero(np.diff(codes != SPACE, prepend=False))
        begins, ends = edges[::2], edges[1::2]
        powers, inverses = _OF_BYTES.upto(len(codes))
        sums = np.zeros(len(codes) + 1, np.uint64)
        np.cumsum(_VALUES[codes] * powers[: len(codes)], out=sums[1:])
        hashes = _spread((sums[ends] - sums[begins]) * inverses[begins])
        powers, self._inverses = _OF_WORDS.upto(len(hashes))
        self._sums = np.zeros(len(hashes) + 1, np.uint64)
        np.cumsum(hashes * powers[: len(hashes)], out=self._sums[1:])
        self._texts = np.searchsorted(ends_of_texts, begins, side="right")

    def grams(self, count: int) -> tuple[Hashes, Places]:
        """The hashes of all `count` words in a row within one text, and the number of that text."""
        size = max(len(self._texts) - count + 1, 0)
        hashes = _spread((self._sums[count:] - self._sums[:size]) * self._inverses[:size])
        within = np.flatnonzero(self._texts[count - 1 :] == self._texts[:size])
        return hashes[within], self._texts[within]

    def found(self, count: int, table: Table) -> tuple[Places, Places]:
        """For all `count` words in a row that the table has: the number of the text, and the smallest owner."""
        hashes, texts = self.grams(count)
        places, owners = table.look_up(hashes)
        return texts[places], owners


class Table:
    """Hashes, each with the number of whoever owns it; of several owners the smallest counts."""

    def __init__(self, hashes: Hashes, owners: Places) -> None:
        order = np.lexsort((owners, hashes))
        first = np.diff(hashes[order], prepend=hashes[order][:1] - np.uint64(1)) != 0
        self._hashes, self._owners = hashes[order][first], owners[order][first]
        self._shift = np.uint64(64 - _FILTER_BITS - max(len(hashes).bit_length(), 3))
        bits = np.zeros(1 << 64 - int(self._shift), np.bool_)
        bits[self._hashes >> self._shift] = True
        self._filter = np.packbits(bits, bitorder="little")

    def __len__(self) -> int:
        return len(self._hashes)

    def look_up(self, hashes: Hashes) -> tuple[Places, Places]:
        """The places of those hashes that the table has, and the owner of each."""
        bits = hashes >> self._shift
        passed = self._filter[bits >> np.uint64(3)] >> (bits & np.uint64(7)).astype(np.uint8) & np.uint8(1)
        places = np.flatnonzero(passed)
        at = np.searchsorted(self._hashes, hashes[places])
        has = at < len(self)
        has[has] = self._hashes[at[has]] == hashes[places[has]]
        return places[has], self._owners[at[has]]
