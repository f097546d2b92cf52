"""The rows of the safety bucket that a person may look at, and the text of each."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UserError
from .intake.safety import Severity
from .merging import INDEX, Fate
from .rows.store import FACTS_FILE

if TYPE_CHECKING:
    import polars as pl

_SHOWN_AS_SEVERE = [Severity.HIGH.value, Severity.MEDIUM.value, Severity.LOW.value]
_FATES = (Fate.KEPT.value, Fate.UNREVIEWED.value, Fate.REVIEW_REJECTED.value)


class Item(NamedTuple):
    """A row of the bucket. key: in hex. severity: None where the source says nothing of it."""

    rid: int
    key: str
    source: str
    severity: Severity | None


def bucket(sources: Path, merged: Path) -> pl.DataFrame:
    """The rows of the bucket that stay, or that a review decides on: the fields of Item, the most severe first.

    Duplicates are left out: a decision on the row that stays instead holds for them. Raises UserError for a corpus
    that is not there, or was merged before there were reviews.
    """
    import polars as pl

    index = merged / INDEX
    if not index.exists():
        raise UserError(f"{index}: no such file; merge the corpus first: dvc repro corpus_merged")
    lines = pl.scan_parquet(index)
    if "reviewed" not in lines.collect_schema():
        raise UserError(f"{index}: says nothing of reviews; merge the corpus again: dvc repro corpus_merged")
    text = pl.col("source", "severity").cast(pl.String)
    stay = pl.col("fate").cast(pl.String).is_in(_FATES)
    rows = lines.filter(pl.col("reviewed").is_not_null(), stay).select("rid", text).collect()
    severe = pl.col("severity").cast(pl.Enum(_SHOWN_AS_SEVERE))
    with_keys = rows.join(_keys(sources, rows), on="rid", how="left", maintain_order="left")
    if with_keys.get_column("key").null_count():
        raise UserError(f"{index}: not of the sources in {sources}; merge the corpus again: dvc repro corpus_merged")
    return with_keys.select(*Item._fields).sort(severe, "rid", nulls_last=True)


def _keys(sources: Path, rows: pl.DataFrame) -> pl.DataFrame:
    """rid and key of the rows, out of their sources' facts."""
    import polars as pl

    found = [pl.DataFrame(schema={"rid": pl.Int64, "key": pl.String})]
    for source in rows.get_column("source").unique().sort().to_list():
        facts = sources / source / FACTS_FILE
        if not facts.exists():
            raise UserError(f"{facts}: no such file; make it: dvc repro corpus_sources")
        keys = pl.scan_parquet(facts).select("rid", pl.col("key").bin.encode("hex"))
        found.append(keys.join(rows.lazy().select("rid"), on="rid", how="semi").collect())
    return pl.concat(found)


def waiting(rows: pl.DataFrame, decided: Collection[str]) -> pl.DataFrame:
    """Those of the rows of `bucket` that nobody has decided on. decided: keys in hex."""
    return rows.filter(~rows.get_column("key").is_in(list(decided)))


def items(rows: pl.DataFrame) -> list[Item]:
    """The rows of `bucket`, one by one."""
    return [
        Item(rid, key, source, Severity(severity) if severity else None)
        for rid, key, source, severity in rows.select(*Item._fields).iter_rows()
    ]


def found(rows: pl.DataFrame, key: str) -> Item:
    """The row whose key begins so. Raises UserError if there is none, or several."""
    import polars as pl

    matching = rows.filter(pl.col("key").str.starts_with(key.lower()))
    if not key or matching.height != 1:
        count = matching.height if key else 0
        raise UserError(
            f"key {key!r}: {count or 'no'} rows of the safety bucket have it; a row's key is shown by lampforge review"
        )
    return items(matching)[0]


def text(sources: Path, item: Item) -> dict[str, Any]:
    """What the row says, as columns of store.ROWS."""
    import pyarrow.compute as pc

    for file, group, first, last in _groups(sources / item.source):
        if first <= item.rid <= last:
            table = _group(file, group)
            return dict(table.filter(pc.equal(table.column("rid"), item.rid)).to_pylist()[0])
    raise UserError(f"{sources / item.source}: lacks row {item.rid}; make it again: dvc repro corpus_sources")


@lru_cache(maxsize=64)
def _groups(folder: Path) -> list[tuple[Path, int, int, int]]:
    """The row groups of a source's files, with the first and the last id of each."""
    import pyarrow.parquet as pq

    groups = []
    for file in sorted(folder.glob("rows-*.parquet")):
        metadata = pq.read_metadata(file)
        column = metadata.schema.names.index("rid")
        for number in range(metadata.num_row_groups):
            ids = metadata.row_group(number).column(column).statistics
            groups.append((file, number, ids.min, ids.max))
    return groups


@lru_cache(maxsize=1)  # rows come in the order of their ids, by severity
def _group(file: Path, number: int) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(file).read_row_group(number)
