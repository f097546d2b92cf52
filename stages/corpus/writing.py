"""Text, written out of the sources' files for the rows that an index or a mix names: the pure tasks of it.

A task reads one file of rows and holds no more than its text; what is ordered anew goes through files on disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .. import files
from ..tracking import taint
from .merging import Fate

if TYPE_CHECKING:
    import polars as pl

Format = Literal["parquet", "jsonl"]
TEXT = ("instruction", "input", "output", "history", "system")
METADATA = ("_id", "_source", "_category", "_license", "_lang", "_safety_label", "_severity", "_reviewed")
LABELS = ("lang", "safety_label", "severity", "reviewed")
"""Columns of the index that become metadata."""
PART_ROWS = 50_000
"""A part of a mix: small enough to sort in memory, large enough that there are few."""
_ROW_GROUP = 1 << 14


class Origin(NamedTuple):
    """What all rows of a source share, and the file that some of them are in."""

    source: str
    category: str
    licence: str
    file: Path


def origins(folder: Path, reports: Sequence[dict[str, Any]]) -> list[Origin]:
    """The files of rows of all sources, in the order of their ids. folder: of corpus_sources."""
    return [
        Origin(report["source"], report["category"], report["licence"], file)
        for report in reports
        for file in sorted((folder / report["source"]).glob("rows-*.parquet"))
    ]


def rows_of(origin: Origin, wanted: pl.DataFrame) -> pl.DataFrame:
    """The rows of a file that are wanted, with their metadata, in the order of `wanted`.

    wanted: rid, the columns LABELS of the index, and further ones, which are kept; the rows may repeat.
    """
    import polars as pl

    if wanted.is_empty():
        text = pl.read_parquet(origin.file, n_rows=0)
    else:
        # With the filter in the scan only the text of those rows is taken out of the pages.
        ids = wanted.get_column("rid").unique()
        text = pl.scan_parquet(origin.file).filter(pl.col("rid").is_in(ids.implode())).collect()
    text = text.drop("rejected")
    rows = wanted.join(text, on="rid", how="inner", maintain_order="left")
    return rows.with_columns(
        _id=pl.concat_str(pl.lit(f"{origin.source}-"), pl.col("rid").mod(1 << 40).cast(pl.String)),
        _source=pl.lit(origin.source),
        _category=pl.lit(origin.category),
        _license=pl.lit(origin.licence),
        _lang=pl.col("lang").cast(pl.String),
        # From the index and not from the row: an equal row of another source may have the label, and a review another.
        _safety_label=pl.col("safety_label").cast(pl.String),
        _severity=pl.col("severity").cast(pl.String),
        _reviewed=pl.col("reviewed"),
    )


def write_rows(rows: pl.DataFrame, path: Path, form: Format, mark: str | None = None) -> None:
    """Publish rows as Parquet, or as JSON Lines in which metadata that a row does not have is left out.

    mark: of a mix that is for research alone (see tracking/taint.py); only Parquet holds it.
    """
    known = {} if mark is None else {taint.PARQUET_KEY: mark}
    with files.published_file(path) as temporary:
        if form == "parquet":
            rows.write_parquet(
                temporary, compression="zstd", compression_level=3, row_group_size=_ROW_GROUP, metadata=known
            )
        else:
            rows.write_ndjson(temporary)


def whole(origin: Origin, index: Path, languages: Sequence[str], out: Path, form: Format) -> dict[str, int]:
    """Write the rows of one file that stay, in their order: a part of an export. Returns how many, and their bytes.

    languages: only rows in these; none named: in all.
    """
    import polars as pl

    first, last = _range(origin.file)
    lines = pl.scan_parquet(index).filter(pl.col("rid").is_between(first, last), pl.col("fate") == Fate.KEPT.value)
    if languages:
        lines = lines.filter(pl.col("lang").cast(pl.String).is_in(languages))
    stay = lines.select("rid", *LABELS).collect()
    rows = rows_of(origin, stay).select(*TEXT, *METADATA)
    write_rows(rows, out, form)
    return {"rows": rows.height, "bytes": out.stat().st_size}


def _range(file: Path) -> tuple[int, int]:
    """The first and the last id in a file of rows, from its footer."""
    import pyarrow.parquet as pq

    metadata = pq.ParquetFile(file).metadata
    column = metadata.schema.names.index("rid")
    groups = [metadata.row_group(number).column(column).statistics for number in range(metadata.num_row_groups)]
    return (groups[0].min, groups[-1].max) if groups else (0, -1)


def extract(origin: Origin, chosen: Path, out: Path) -> int:
    """Write the rows of one file that a mix takes, in the order of their ranks, for `part`. Returns how many."""
    import polars as pl

    first, last = _range(origin.file)
    wanted = pl.scan_ipc(chosen).filter(pl.col("rid").is_between(first, last)).collect().sort("rank")
    rows = rows_of(origin, wanted)
    with files.published_file(out) as temporary:
        rows.drop(LABELS).write_ipc(temporary, compression="uncompressed")
    return rows.height


def part(number: int, extracts: Sequence[Path], out: Path, form: Format, mark: str | None = None) -> int:
    """Write the rows of the ranks that one part of a mix holds, in their order. Returns how many.

    mark: of a mix that is for research alone.
    """
    import polars as pl

    pieces = []
    for file in extracts:
        ranks = pl.scan_ipc(file).select("rank").collect().get_column("rank")
        start, end = ranks.search_sorted(pl.Series([number * PART_ROWS, (number + 1) * PART_ROWS])).to_list()
        pieces.append(pl.scan_ipc(file).slice(start, end - start).collect())
    rows = pl.concat(pieces).sort("rank").select(*TEXT, *METADATA, _bucket=pl.col("bucket").cast(pl.String))
    write_rows(rows, out, form, mark)
    return rows.height
