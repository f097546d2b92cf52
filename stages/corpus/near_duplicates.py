"""Rows that are nearly the same as an earlier one: found by MinHash, decided by their sets of shingles.

1. Each rows file is signed: a line of some hashes for each row (`sign`, a task).
2. Rows that agree in the hash of a band are candidates; those whose sizes or sketches are too far apart are not.
3. The sets of the candidates alone are taken from their text (`shingle`, a task) and compared: those of the whole, then
   those of instruction and output, as questions about one long passage are nearly the same as a whole. Of 1,190 rows
   of XQuAD 736 are, at 0.8; one is when their questions and answers have to be alike as well (0.4).
4. What is alike is joined, and what is alike to one of these as well; of each group the row with the smallest id stays.

Candidates are compared in two rounds: first neighbours, then all others that the first round did not join, so that a
thousand rows that are nearly the same need a thousand comparisons and not half a million.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from .. import files
from . import shingles
from .merging import Staged
from .rows import tasks

if TYPE_CHECKING:
    from .intake.grams import Hashes

REACH = 64
"""Of the rows that agree in a band, in the order of their sizes, each is compared with so many that follow."""
_READ_ROWS = 2048
_COMPARED = 1 << 22
_PAIRS = 1 << 16
_KINDS = 3
_TEXT = ("instruction", "input", "output", "history")

Numbers = NDArray[np.int64]
Pairs = NDArray[np.int64]
"""Of the numbers of two rows the smaller, shifted by 32 bits, and the larger: pairs sort as numbers do."""


class Likeness(NamedTuple):
    """From which Jaccard similarities on two rows are nearly the same."""

    whole: float
    """Of history, instruction, input and output together, 0.5..1."""
    parts: float
    """Of the instructions and of the outputs, each by itself, 0..1: another question about the same long passage is
    another row."""


def find(
    staying: Numbers, sources: Sequence[Staged], likeness: Likeness, executor: tasks.Executor, place: Path
) -> Path:
    """Which of the rows that would stay are near duplicates: a Parquet file of rid, and of the row that stays instead.

    staying: the ids of the rows of these sources that would stay, ascending.
    sources: those whose rows are compared, with one another as well, in the order of their priorities.
    """
    import polars as pl

    texts = [file for source in sources for file in sorted(source.folder.glob("rows-*.parquet"))]
    _save(place / "staying.npy", staying)
    width, outs = (
        shingles.band_rows(likeness.whole),
        [place / f"signed-{number:05}.npy" for number in range(len(texts))],
    )
    calls = [
        tasks.Task(out.stem, sign, (file, place / "staying.npy", width, out))
        for file, out in zip(texts, outs, strict=True)
    ]
    tasks.run(calls, place / "receipts", executor, "signatures")
    rows = _Signed.read(outs)
    roots = np.arange(len(rows.rids))
    tried = np.empty(0, np.int64)
    for number, reach in enumerate((range(1, 2), range(2, REACH + 1))):
        pairs = np.setdiff1d(_candidates(rows, likeness.whole, reach, roots), tried, assume_unique=True)
        tried = np.append(tried, pairs)
        sets = _shingled(rows, texts, pairs, executor, place / f"round-{number}")
        for kind, least in zip(sets, (likeness.whole, likeness.parts, likeness.parts), strict=True):
            pairs = pairs[_alike(pairs, kind, least)]
        _join(roots, pairs)
    out = np.flatnonzero(roots != np.arange(len(roots)))
    found = pl.DataFrame({"rid": rows.rids[out], "of": rows.rids[roots[out]]})
    with files.published_file(place / "near.parquet") as temporary:
        found.write_parquet(temporary, compression="lz4")
    return place / "near.parquet"


def sign(texts: Path, staying: Path, width: int, out: Path) -> int:
    """Write the signatures of those rows of a rows file that would stay and have a word; returns how many.

    out: (2 + SKETCH + bands, rows) 64-bit numbers: id, size of the set, sketch, and hashes of bands.
    """
    found = [np.empty((2 + shingles.SKETCH + shingles.bands(width), 0), np.uint64)]
    for rids, rows in _rows(texts, np.load(staying, mmap_mode="r")):
        sets = shingles.sets([_text(*row) for row in rows])
        worded = sets.sizes > 0
        sets = sets._replace(sizes=sets.sizes[worded])
        head = np.stack([rids[worded], sets.sizes]).astype(np.uint64)
        found.append(np.concatenate([head, shingles.signed(sets, width)]))
    signed = np.concatenate(found, axis=1)
    _save(out, signed)
    return int(signed.shape[1])


def shingle(texts: Path, wanted: Path, out: Path) -> int:
    """Write the sets of the wanted rows of a rows file, made of the whole text, of the instruction and of the output.

    out: the sizes of the sets of the first kind, then those of the second and of the third; then their hashes in the
    same order. Returns how many numbers these are.
    """
    found = [
        [shingles.sets([text(*row) for row in rows]) for text in (_text, _instruction, _output)]
        for _, rows in _rows(texts, np.load(wanted))
    ]
    kinds = [sets for kind in zip(*found, strict=True) for sets in kind]
    numbers = np.concatenate([*(sets.sizes.astype(np.uint64) for sets in kinds), *(sets.hashes for sets in kinds)])
    _save(out, numbers)
    return len(numbers)


def _rows(texts: Path, wanted: Numbers) -> Iterator[tuple[Numbers, list[tuple[Any, ...]]]]:
    """Ids and texts of the wanted rows of a rows file, some at once. wanted: ids, ascending."""
    for batch in pq.ParquetFile(texts).iter_batches(_READ_ROWS, columns=["rid", *_TEXT]):
        rids = batch.column("rid").to_numpy()
        first, last = np.searchsorted(wanted, rids[0]), np.searchsorted(wanted, rids[-1], side="right")
        places = np.flatnonzero(np.isin(rids, wanted[first:last]))
        if len(places):
            columns = [column.to_pylist() for column in batch.take(places).select(_TEXT).columns]
            yield rids[places], list(zip(*columns, strict=True))


def _text(instruction: str, input: str, output: str, history: Sequence[Sequence[str]]) -> str:
    # Not the system prompt: thousands of rows share one, which is longer than many of them.
    return " ".join((*(part for turn in history for part in turn), instruction, input, output))


def _instruction(instruction: str, *_: object) -> str:
    return instruction


def _output(instruction: str, input: str, output: str, *_: object) -> str:
    return output


class _Signed(NamedTuple):
    """All signed rows, in the order of their ids; a row's number is its place."""

    files: Sequence[Any]
    starts: Numbers
    """The number of the first row of each file, and how many rows there are."""
    rids: Numbers
    sizes: Numbers
    sketches: Hashes

    @classmethod
    def read(cls, paths: Sequence[Path]) -> _Signed:
        signed = [np.load(path, mmap_mode="r") for path in paths]
        starts = np.cumsum([0, *(part.shape[1] for part in signed)])
        rids, sizes = (_row(signed, line).astype(np.int64) for line in range(2))
        return cls(signed, starts, rids, sizes, np.stack([_row(signed, 2 + word) for word in range(shingles.SKETCH)]))

    def bands(self) -> Iterator[Hashes]:
        """The hashes of all rows, band by band."""
        for line in range(2 + shingles.SKETCH, len(self.files[0]) if self.files else 0):
            yield _row(self.files, line)


def _row(signed: Sequence[Any], line: int) -> Hashes:
    return np.concatenate([np.empty(0, np.uint64), *(part[line] for part in signed)])


def _candidates(rows: _Signed, similarity: float, reach: range, roots: Numbers) -> Pairs:
    """Pairs of rows that agree in a band and may be similar, other than those that are joined.

    reach: how far apart they are among those that agree in it, in the order of their sizes.
    """
    found = [np.empty(0, np.int64)]
    by_size = np.argsort(rows.sizes, kind="stable")
    for band in rows.bands():
        order = by_size[np.argsort(band[by_size], kind="stable")]
        keys = band[order]
        places = np.arange(len(keys))
        new = [np.empty(0, np.int64)]
        for distance in range(1, reach.stop):
            places = places[: np.searchsorted(places, len(keys) - distance)]
            places = places[keys[places] == keys[places + distance]]
            if not len(places):
                break
            if distance >= reach.start:
                new.append(_may_be_alike(rows, order[places], order[places + distance], similarity, roots))
        found.append(shingles.distinct(np.concatenate(new)))
    return shingles.distinct(np.concatenate(found))


def _may_be_alike(rows: _Signed, ones: Numbers, others: Numbers, similarity: float, roots: Numbers) -> Pairs:
    """The pairs that are not joined and whose sizes and sketches allow the similarity; the others are the larger."""
    may = (roots[ones] != roots[others]) & (rows.sizes[ones] >= similarity * rows.sizes[others])
    ones, others = ones[may], others[may]
    apart = np.bitwise_count(rows.sketches[:, ones] ^ rows.sketches[:, others]).sum(axis=0)
    near = apart <= shingles.bits_apart(similarity)
    ones, others = ones[near], others[near]
    return np.minimum(ones, others) << 32 | np.maximum(ones, others)


def _ends(pairs: Pairs) -> Numbers:
    """The numbers of the rows, as (2, pairs)."""
    return np.stack([pairs >> 32, pairs & 0xFFFFFFFF])


class _Sets(NamedTuple):
    """The sets of some rows: those of each rows file are in one array."""

    numbers: Numbers
    hashes: Sequence[Hashes]
    files: Numbers
    """The place in `hashes` of each row's file."""
    starts: Numbers
    """Where in it a row's set begins."""
    sizes: Numbers

    def of(self, numbers: Numbers) -> list[Hashes]:
        at = np.searchsorted(self.numbers, numbers)
        places, starts, ends = (part[at].tolist() for part in (self.files, self.starts, self.starts + self.sizes))
        return [self.hashes[file][start:end] for file, start, end in zip(places, starts, ends, strict=True)]


def _shingled(rows: _Signed, texts: Sequence[Path], pairs: Pairs, executor: tasks.Executor, place: Path) -> list[_Sets]:
    """The sets of the rows in pairs, of each kind that `shingle` writes; in files, as they may be more than memory."""
    numbers = shingles.distinct(_ends(pairs).ravel())
    edges = np.searchsorted(numbers, rows.starts)
    place.mkdir(exist_ok=True)
    calls, counts = [], []
    for number, (start, end) in enumerate(pairwise(edges.tolist())):
        if start < end:
            wanted, out = place / f"wanted-{number:05}.npy", place / f"sets-{number:05}.npy"
            _save(wanted, rows.rids[numbers[start:end]])
            calls.append(tasks.Task(out.stem, shingle, (texts[number], wanted, out)))
            counts.append(end - start)
    tasks.run(calls, place / "receipts", executor, "near duplicates")
    # np.asarray: slices of a memory map proper cost ten times as much.
    hashes = [np.asarray(np.load(call.arguments[-1], mmap_mode="r")) for call in calls]
    heads = [part[: _KINDS * count].astype(np.int64) for part, count in zip(hashes, counts, strict=True)]
    starts = [np.cumsum(head) - head + len(head) for head in heads]
    files = np.repeat(np.arange(len(counts)), counts)
    return [_Sets(numbers, hashes, files, _of_kind(starts, kind), _of_kind(heads, kind)) for kind in range(_KINDS)]


def _of_kind(parts: Sequence[Numbers], kind: int) -> Numbers:
    return np.concatenate([np.empty(0, np.int64), *(part.reshape(_KINDS, -1)[kind] for part in parts)])


def _alike(pairs: Pairs, sets: _Sets, similarity: float) -> NDArray[np.bool_]:
    """Which pairs have at least this similarity."""
    sides = _ends(pairs)
    sizes = sets.sizes[np.searchsorted(sets.numbers, sides)].sum(axis=0)
    alike = np.empty(len(sizes), np.bool_)
    end, ends = 0, np.cumsum(sizes)
    while end < len(sizes):
        start, before = end, ends[end] - sizes[end]
        end = min(max(int(np.searchsorted(ends, before + _COMPARED)), start + 1), start + _PAIRS)
        common = shingles.intersections(*(sets.of(side[start:end]) for side in sides))
        alike[start:end] = common >= similarity * (sizes[start:end] - common)
    return alike


def _join(roots: Numbers, pairs: Pairs) -> None:
    """Give the rows of each pair, and what was joined to them, one root: the smallest number of all.

    Each tree that touches a smaller one is hung below it, in a few rounds for all pairs at once.
    """
    while True:
        ends = roots[_ends(pairs)]
        low, high = ends.min(axis=0), ends.max(axis=0)
        if (low == high).all():
            return
        np.minimum.at(roots, high, low)
        while not np.array_equal(higher := roots[roots], roots):
            roots[:] = higher


def _save(path: Path, values: NDArray[Any]) -> None:
    with files.published_file(path) as temporary, temporary.open("wb") as handle:
        np.save(handle, values)
