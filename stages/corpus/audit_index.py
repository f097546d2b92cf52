"""What the index says of a corpus beyond the manifest: how long rows are, whose duplicates a source holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .merging import INDEX, Fate
from .rows import store

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

EDGES = sorted({round(2 ** (step / 2)) for step in range(35)})
"""Lengths in tokens at which bins of the distribution begin, two for each doubling; the last, 131,072, has no end."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

Rate = tuple[int, int]
"""So many tokens in so many bytes."""
ESTIMATE: Rate = (1, store.BYTES_A_TOKEN)


class Lengths(NamedTuple):
    """How many tokens the rows of a category that stay have."""

    bins: tuple[int, ...]
    """Rows by EDGES."""
    quantiles: tuple[int, ...]
    """At QUANTILES; empty without rows."""


def lengths(merged: Path, category_of: Mapping[str, str], rates: Mapping[str, Rate]) -> dict[str, Lengths]:
    """Lengths by category, of the rows that stay. category_of: sources. rates: categories; ESTIMATE without one."""
    import polars as pl

    rows = kept(merged, category_of, "bytes")
    return {
        str(name): _lengths(group.get_column("bytes").cast(pl.Int64).to_numpy(), rates.get(str(name), ESTIMATE))
        for (name,), group in sorted(rows.partition_by("category", as_dict=True).items())
    }


def _lengths(sizes: NDArray[np.int64], rate: Rate) -> Lengths:
    import numpy as np

    tokens = np.maximum(-(-sizes * rate[0] // rate[1]), 1)
    bins = np.bincount(np.searchsorted(EDGES, tokens, side="right") - 1, minlength=len(EDGES))
    quantiles = np.quantile(tokens, QUANTILES, method="nearest")
    return Lengths(tuple(map(int, bins)), tuple(map(int, quantiles)))


def kept(merged: Path, category_of: Mapping[str, str], *columns: str) -> pl.DataFrame:
    """The rows that stay, in the order of their ids: these columns of the index, and the category."""
    import polars as pl

    category = pl.col("source").cast(pl.String).replace_strict(category_of, return_dtype=pl.Categorical)
    rows = pl.scan_parquet(merged / INDEX).filter(pl.col("fate").cast(pl.String) == Fate.KEPT.value)
    return rows.select(*columns, category=category).collect()


def doubled(merged: Path, key_of: Mapping[int, str]) -> dict[str, list[tuple[str, int]]]:
    """By source: the sources that hold the rows which stay instead of its duplicates, with how many, the most first.

    key_of: sources by priority.
    """
    import polars as pl

    pairs = (
        pl.scan_parquet(merged / INDEX)
        .filter(pl.col("of").is_not_null())
        .group_by(pl.col("source").cast(pl.String), first=store.priority_of(pl.col("of")))
        .len()
        .collect()
    )
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for source, first, rows in pairs.iter_rows():
        found[source].append((key_of[first], rows))
    return {source: sorted(others, key=lambda pair: (-pair[1], pair[0])) for source, others in found.items()}


def together(parts: Sequence[Lengths]) -> list[int]:
    """Rows by EDGES, of all categories."""
    return [sum(part.bins[place] for part in parts) for place in range(len(EDGES))]
