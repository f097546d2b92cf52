"""Rows in the form of corpus_sources with near duplicates planted among them, for tests and benchmarks.

Sentences are drawn from a pool, so that rows that have nothing to do with one another share some. One row in five is
an earlier one with 5 to 10 % of its words replaced, in one to four places.
"""

from __future__ import annotations

import random
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stages.corpus.merging import Staged
from stages.corpus.rows import store
from stages.corpus.rows.row import Row

from .raw_rows import _pool

EVERY = 5
PRIORITY = 3


class Planted(NamedTuple):
    """A row that was made from an earlier one."""

    rid: int
    of: int
    """The row that it was made from."""


def original(number: int) -> list[str]:
    """The words of a row that was made from no other."""
    draw = random.Random(number)
    return f"{' '.join(draw.choices(_pool(), k=draw.randint(7, 19)))} Number {number}.".split()


def edited(words: list[str], draw: random.Random) -> list[str]:
    """The words with 5 to 10 % of them replaced, in one to four places."""
    words, left, places = words[:], round(len(words) * draw.uniform(0.05, 0.1)), draw.randint(1, 4)
    for place in range(places):
        count = left // (places - place)
        start = draw.randrange(len(words) - count)
        words[start : start + count] = [f"{draw.randrange(1 << 40):x}" for _ in range(count)]
        left -= count
    return words


def texts(shard: int, rows: int) -> tuple[list[Row], list[Planted]]:
    """The rows of a shard; what is planted stems from any shard before or from the same one."""
    made, planted, draw = [], [], random.Random(f"shard {shard}")
    for row in range(rows):
        number = shard * rows + row
        words = original(number)
        if row % EVERY == EVERY - 1:
            of = draw.randrange(number)
            of -= of % rows % EVERY == EVERY - 1  # an original, not a copy
            words = edited(original(of), draw)
            rids = (store.row_id(PRIORITY, at // rows, at % rows) for at in (number, of))
            planted.append(Planted(*rids))
        third = len(words) // 3
        made.append(Row(" ".join(words[:third]), "", " ".join(words[third:])))
    return made, planted


def write(folder: Path, shard: int, rows: int) -> list[Planted]:
    """Write one shard of rows."""
    made, planted = texts(shard, rows)
    with store.parquet(folder / f"rows-{shard:05}.parquet", store.ROWS) as writer:
        writer.write_table(store.rows_table(store.row_id(PRIORITY, shard, 0), made), row_group_size=store.ROW_GROUP)
    return planted


def write_source(folder: Path, rows: int, shards: int) -> tuple[Staged, list[Planted]]:
    """Write a source of so many rows in so many shards; returns it and what was planted in it."""
    folder.mkdir(parents=True)
    with ProcessPoolExecutor(2) as pool:
        parts = list(pool.map(write, repeat(folder, shards), range(shards), repeat(rows // shards)))
    return Staged(folder.name, folder, {"priority": PRIORITY}), [one for part in parts for one in part]


def staying(source: Staged) -> NDArray[np.int64]:
    """The ids of the rows of a source, which all stay, ascending."""
    return pl.scan_parquet(source.folder / "rows-*.parquet").select("rid").collect().get_column("rid").sort().to_numpy()
