"""Who survives of all sources' rows and why the others do not: the index and its manifest.

Computed from the facts alone, in parts by key, so that no part needs another: equal rows are in the same part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import files
from .rows import store
from .rows.keys import VERSION as KEY_VERSION

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from .reviewing import Reviews

SAID = ("rid", "fate", "of", "safety_label", "severity", "reviewed")
INDEX = "index.parquet"
MANIFEST = "manifest.json"
_LABELS = ("safety_label", "severity", "reviewed")
COLUMNS = ("rid", "source", "fate", "of", "order", "tokens", "bytes", "lang", *_LABELS)
_ROW_GROUP = 1 << 18


class Fate(StrEnum):
    """What became of a row in the merge; what a filter said of it (see screening.py) is a fate as well."""

    KEPT = "kept"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    LICENCE = "licence"
    OVER_CAP = "over_cap"
    REVIEW_REJECTED = "review_rejected"
    UNREVIEWED = "unreviewed"


class Staged(NamedTuple):
    """A source that was staged: its key, its folder, and its report."""

    key: str
    folder: Path
    report: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Staged:
        """The source in a folder that stage corpus_sources made. Raises UserError where it is none."""
        return cls(folder.name, folder, files.read_json(folder / store.REPORT_FILE))

    @property
    def priority(self) -> int:
        """The smaller, the sooner its rows stay."""
        return int(self.report["priority"])


def winners(part: int, sources: Sequence[Staged], unwanted: Sequence[str], reviews: Reviews, out: Path) -> int:
    """What exact deduplication and reviews say of the rows whose keys are in one part; of equal rows the first stays.

    Writes to out/said-<part>.parquet the rows of which there is something to say: rid, fate (null: stays), of (the row
    that stays instead), safety_label, severity, reviewed. Returns how many they are.
    unwanted: keys of sources whose licence is excluded; their rows neither stay nor oust others.
    reviews: what people decided on rows of the safety bucket; rows that it leaves out oust equal ones all the same.
    """
    import polars as pl
    import pyarrow as pa

    tables = [store.read_facts(source.folder / store.FACTS_FILE, part, ["rid", "key", "verdict"]) for source in sources]
    rows = pl.DataFrame(pl.from_arrow(pa.concat_tables(tables).unify_dictionaries()))
    banned = [source.priority for source in sources if source.key in unwanted]
    if banned:
        rows = rows.filter(~store.priority_of(pl.col("rid")).is_in(banned))
    passed = rows.filter(pl.col("verdict").cast(pl.String) == "").select("rid", "key")
    of = passed.select("rid", of=pl.col("rid").first().over("key")).filter(pl.col("of") != pl.col("rid"))
    of = of.with_columns(fate=pl.lit(Fate.DUPLICATE.value))
    touched = reviews.touched(passed).join(of, on="rid", how="left", maintain_order="left")
    judged = reviews.judged(touched.with_columns(pl.col("fate").fill_null(Fate.KEPT.value)))
    said = pl.concat(
        [judged.select(SAID), of.join(judged, on="rid", how="anti", maintain_order="left")], how="diagonal_relaxed"
    ).sort("rid")
    with files.published_file(out / f"said-{part:02}.parquet") as temporary:
        said.select(SAID).write_parquet(temporary, compression="lz4", row_group_size=_ROW_GROUP)
    return said.height


def all_rows(said: Sequence[Path], sources: Sequence[Staged], unwanted: Sequence[str]) -> pl.DataFrame:
    """All rows in the order of their ids, as screening, licences and the winners leave them.

    Columns: those of the index.
    """
    import polars as pl

    parts = [pl.read_parquet(source.folder / store.LINES_FILE) for source in sources]
    names = fate_names(sources)
    fates = np.concatenate(
        [_screened(part, source.key in unwanted, names) for part, source in zip(parts, sources, strict=True)]
    )
    numbers = np.repeat(np.arange(len(parts), dtype=np.uint32), [part.height for part in parts])
    rows = pl.concat([part.drop("verdict") for part in parts])
    exceptions = pl.concat([pl.read_parquet(path) for path in said]).sort("rid")
    places = rows.get_column("rid").search_sorted(exceptions.get_column("rid")).to_numpy()
    out = exceptions.get_column("fate").is_not_null().to_numpy()
    fates[places[out]] = [names.index(fate) for fate in exceptions.get_column("fate").drop_nulls().to_list()]
    return rows.with_columns(
        pl.Series("source", numbers).cat.to(pl.Enum([source.key for source in sources])),
        pl.Series("fate", fates).cat.to(pl.Enum(names)),
        *(_scattered(exceptions.get_column(name), places, rows.height) for name in SAID[2:]),
    ).select(COLUMNS)


def fate_names(sources: Sequence[Staged]) -> list[str]:
    """All that may become of a row: the fates, and the verdicts that occur."""
    verdicts = {verdict for source in sources for verdict in source.report["screened_out"]}
    known = [fate.value for fate in Fate]
    return [*known, *sorted(verdicts.difference(known))]


def _screened(lines: pl.DataFrame, unwanted: bool, names: list[str]) -> NDArray[np.uint32]:
    """The numbers of the fates of a source's rows, as far as screening and its licence say."""
    stays = names.index(Fate.LICENCE if unwanted else Fate.KEPT)
    fates = np.full(lines.height, stays, np.uint32)
    out = (lines.get_column("verdict") != "").to_numpy()
    if out.any():
        fates[out] = [names.index(verdict) for verdict in lines.get_column("verdict").filter(out).to_list()]
    return fates


def _scattered(values: pl.Series, places: NDArray[np.uint32], length: int) -> pl.Series:
    """A column of nulls with these values at these places."""
    import polars as pl

    dtype = pl.Categorical if values.dtype == pl.String else values.dtype
    if values.null_count() == len(values):
        return pl.Series(values.name, [None], dtype).new_from_index(0, length)
    taken = np.full(length, len(values), np.uint32)
    taken[places] = np.arange(len(values), dtype=np.uint32)
    return pl.concat([values, pl.Series(values.name, [None], values.dtype)]).cast(dtype).gather(taken)


def index(rows: pl.DataFrame, near: Path | None, caps: dict[str, int], out: Path) -> tuple[pl.DataFrame, str]:
    """Apply near duplicates and caps, and publish the index; returns the counts and a hash of what stays.

    rows: as `all_rows` returns them.
    near: what near_duplicates.find found; these rows leave before the caps are applied.
    Columns of the index: rid, source, fate, of (the row that stays instead, or null), order, tokens, bytes, lang, and
    for rows of the safety bucket safety_label, severity and reviewed (see reviewing.py), null for all others.
    The counts: rows, tokens and bytes by source, fate, language, severity and reviewed.
    The hash: of the first eight bytes of the keys of all rows that stay, ascending.
    """
    import polars as pl

    if near is not None:
        rows = _thinned(rows, pl.read_parquet(near))
    rows = _capped(rows, caps)
    with files.published_file(out / INDEX) as temporary:
        rows.write_parquet(temporary, compression="zstd", compression_level=1, row_group_size=_ROW_GROUP)
    sizes = [pl.len().alias("rows"), pl.col("tokens", "bytes").cast(pl.Int64).sum()]
    groups = rows.group_by("source", "fate", "lang", "severity", "reviewed").agg(sizes)
    stay = rows.filter(pl.col("fate") == Fate.KEPT.value).get_column("order").sort()
    return groups, hashlib.sha256(stay.to_numpy().astype("<u8").tobytes()).hexdigest()


def _thinned(rows: pl.DataFrame, near: pl.DataFrame) -> pl.DataFrame:
    """The rows with the near duplicates out, and whatever named one of these naming the row that stays."""
    import polars as pl

    own, named = near.rename({"of": "nearly"}), near.rename({"rid": "of", "of": "instead"})
    out = pl.col("nearly").is_not_null()
    return (
        rows.join(own, on="rid", how="left", maintain_order="left")
        .join(named, on="of", how="left", maintain_order="left")
        .with_columns(
            fate=pl.when(out).then(pl.lit(Fate.NEAR_DUPLICATE.value, rows.schema["fate"])).otherwise("fate"),
            of=pl.coalesce("nearly", "instead", "of"),
        )
        .drop("nearly", "instead")
    )


def _capped(rows: pl.DataFrame, caps: dict[str, int]) -> pl.DataFrame:
    """Of each source that has a cap only the first rows that would stay."""
    import polars as pl

    for key, cap in caps.items():
        stays = (pl.col("source") == key) & (pl.col("fate") == Fate.KEPT.value)
        over = stays & (stays.cum_sum() > cap)
        rows = rows.with_columns(
            fate=pl.when(over).then(pl.lit(Fate.OVER_CAP.value, rows.schema["fate"])).otherwise("fate")
        )
    return rows


def manifest(counts: pl.DataFrame, content: str, sources: Sequence[Staged]) -> dict[str, Any]:
    """What a corpus version consists of, in integers: rows, tokens and bytes by category, source, licence and fate.

    counts, content: what `index` returned. The content's hash stands in the manifest as logical_hash: it tells a
    change of content from one of the Parquet writer, which changes the files' hashes alone.
    """
    import polars as pl

    reports = {source.key: source.report for source in sources}
    of_source = counts.with_columns(
        pl.col("source")
        .cast(pl.String)
        .replace_strict({key: r["category"] for key, r in reports.items()})
        .alias("category"),
        pl.col("source")
        .cast(pl.String)
        .replace_strict({key: r["licence"] for key, r in reports.items()})
        .alias("licence"),
    )
    kept = of_source.filter(pl.col("fate").cast(pl.String) == Fate.KEPT.value)
    rejected = sum(sum(report["rejected"].values()) for report in reports.values())
    return {
        "key_version": KEY_VERSION,
        "logical_hash": content,
        **_sizes(kept),
        "seen": sum(report["items"] for report in reports.values()),
        "rejected_before": rejected,
        "fates": _by(of_source, "fate"),
        "categories": _by(kept, "category"),
        "licences": _by(kept, "licence"),
        "languages": _by(kept, "lang"),
        "sources": {key: _source(key, report, of_source) for key, report in reports.items()},
        "inputs": {source.key: _sha256(source.folder / store.FACTS_FILE) for source in sources},
    }


def reports(merged: Path, sources: Path) -> list[dict[str, Any]]:
    """The reports of the sources that a corpus was merged from, in the order of their priorities.

    Raises UserError for a corpus that is not there.
    """
    keys = files.read_json(merged / MANIFEST)["sources"]
    return [Staged.read(sources / key).report for key in keys]


def _sizes(counts: pl.DataFrame) -> dict[str, int]:
    return {name: int(counts.get_column(name).sum()) for name in ("rows", "tokens", "bytes")}


def _by(counts: pl.DataFrame, column: str) -> dict[str, dict[str, int]]:
    groups = counts.with_columns(counts.get_column(column).cast(str)).partition_by(column, as_dict=True)
    return {str(name): _sizes(group) for (name,), group in sorted(groups.items())}


def _source(key: str, report: dict[str, Any], counts: pl.DataFrame) -> dict[str, Any]:
    import polars as pl

    own = counts.filter(pl.col("source").cast(pl.String) == key)
    fates = {name: sizes["rows"] for name, sizes in _by(own, "fate").items()}
    described = {name: report[name] for name in ("hub", "category", "licence", "unavailable", "items", "rejected")}
    return described | {"fates": fates} | _sizes(own.filter(pl.col("fate").cast(pl.String) == Fate.KEPT.value))


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
