"""How labels and the team's reviews act on the corpus: what the merge makes of each row of the safety bucket.

The bucket: rows that have a safety label, and all of the sources of category red_team. Labels and decisions go by a
row's key, so they hold for equal rows of all sources: where one of another source stays instead, the label is not
lost and a rejected text does not come in.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from .. import files
from . import review_log
from .merging import Fate, Staged
from .review_log import Decision
from .rows import store
from .rows.source import Category

if TYPE_CHECKING:
    import polars as pl

Unreviewed = Literal["keep", "drop"]
UNLABELLED = "unlabelled"
"""In counts: rows of the bucket whose source says nothing of their severity."""


class Reviews(NamedTuple):
    """What a merge goes by, the same for all its tasks."""

    labels: Path
    """Parquet: rid, safety_label and severity of the rows that have a label."""
    decisions: Path
    """Parquet: key, and what was decided last on it: decision, and decided, the severity."""
    risky: tuple[int, ...]
    """The priorities of the sources of category red_team."""
    unreviewed: Unreviewed
    """What becomes of rows of these that nobody has looked at."""
    head: review_log.Head

    def touched(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Those rows whose text is in the safety bucket or was decided on. rows: rid and key."""
        import polars as pl

        own = rows.join(pl.read_parquet(self.labels).select("rid"), on="rid", how="semi").get_column("key")
        risky = rows.filter(store.priority_of(pl.col("rid")).is_in(self.risky)).get_column("key")
        decided = pl.read_parquet(self.decisions).get_column("key")
        wanted = pl.concat([own, risky, decided]).unique().to_frame("key")
        # Most parts have none.
        return rows.join(wanted, on="key", how="semi", maintain_order="left") if wanted.height else rows.clear()

    def judged(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows with their labels and whether they are reviewed; of those that would stay, some do not.

        rows: rid, key and fate of all rows that have one of these keys, in the order of their ids.
        Adds safety_label and severity (null: none), and reviewed: a person let the row pass; null outside the bucket.
        Rejected rows get the fate REVIEW_REJECTED; those of category red_team that nobody has looked at get UNREVIEWED,
        if `unreviewed` says so.
        """
        import polars as pl

        risky = rows.filter(store.priority_of(pl.col("rid")).is_in(self.risky)).select("key").unique()
        known = (
            _labelled(rows, pl.read_parquet(self.labels))
            .join(risky.with_columns(risky=pl.lit(True)), on="key", how="full", coalesce=True)
            .join(pl.read_parquet(self.decisions), on="key", how="full", coalesce=True)
        )
        decision, is_risky = pl.col("decision"), pl.col("risky").fill_null(False)
        passed = decision.is_in([Decision.ACCEPT.value, Decision.RELABEL.value]).fill_null(False)
        out = (
            pl.when(pl.col("fate") != Fate.KEPT.value)
            .then("fate")
            .when(decision == Decision.REJECT.value)
            .then(pl.lit(Fate.REVIEW_REJECTED.value))
            .when(is_risky & decision.is_null() & pl.lit(self.unreviewed == "drop"))
            .then(pl.lit(Fate.UNREVIEWED.value))
            .otherwise("fate")
        )
        in_bucket = pl.col("safety_label").is_not_null() | is_risky
        relabelled = in_bucket & (decision == Decision.RELABEL.value)
        return (
            rows.join(known, on="key", how="left", maintain_order="left")
            .with_columns(
                fate=out,
                severity=pl.when(relabelled).then("decided").otherwise("severity"),
                reviewed=pl.when(in_bucket).then(passed),
            )
            .drop("risky", "decision", "decided")
        )


def prepared(log: Path, sources: Sequence[Staged], unreviewed: Unreviewed, place: Path) -> Reviews:
    """Gather labels and decisions into files in `place`. Raises UserError for a log whose chain is broken."""
    import polars as pl

    entries, head = review_log.read(log)
    latest = review_log.latest(entries)
    decisions = pl.DataFrame(
        [(bytes.fromhex(entry.key), entry.decision, entry.severity) for entry in latest.values()],
        {"key": pl.Binary, "decision": pl.String, "decided": pl.String},
        orient="row",
    )
    reviews = Reviews(
        place / "labels.parquet",
        place / "decisions.parquet",
        tuple(source.priority for source in sources if source.report["category"] == Category.RED_TEAM),
        unreviewed,
        head,
    )
    for table, path in ((labels_of(sources), reviews.labels), (decisions, reviews.decisions)):
        with files.published_file(path) as temporary:
            table.write_parquet(temporary, compression="lz4")
    return reviews


def files_of(log: Path) -> list[Path]:
    """The log and its head, as far as they are there."""
    return [path for path in (log, review_log.head_file(log)) if path.exists()]


def labels_of(sources: Sequence[Staged]) -> pl.DataFrame:
    """rid, safety_label and severity of all rows that have a label, in the order of their ids."""
    import polars as pl

    labelled = [source for source in sources if source.report["labelled"]]
    texts = [path for source in labelled for path in sorted(source.folder.glob("rows-*.parquet"))]
    if not texts:
        return pl.DataFrame(schema={"rid": pl.Int64, "safety_label": pl.String, "severity": pl.String})
    labels = pl.col("safety_label", "severity").cast(pl.String)
    found = pl.scan_parquet(texts, use_statistics=False).select("rid", labels).filter(pl.col("safety_label") != "")
    return found.with_columns(pl.col("severity").replace("", None)).collect(engine="streaming").sort("rid")


def _labelled(rows: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """The keys that have a label: key, safety_label, severity. Of equal rows the first one's counts."""
    own = rows.select("rid", "key").join(labels, on="rid", how="inner", maintain_order="left")
    return own.unique("key", keep="first", maintain_order=True).drop("rid")


def counted(counts: pl.DataFrame, head: review_log.Head) -> dict[str, Any]:
    """For the manifest: how many rows of the bucket stay, reviewed or not, by severity and by source.

    counts: rows by source, fate, severity and reviewed, as merging.index returns them.
    """
    import polars as pl

    text = pl.col("source", "fate", "severity").cast(pl.String)
    bucket = counts.with_columns(text).filter(pl.col("fate") == Fate.KEPT.value, pl.col("reviewed").is_not_null())
    bucket = bucket.with_columns(pl.col("severity").fill_null(UNLABELLED))
    return {
        **_split(bucket),
        "severities": {str(name): _split(group) for (name,), group in _groups(bucket, "severity")},
        "sources": {str(name): _split(group) for (name,), group in _groups(bucket, "source")},
        "log": msgspec.structs.asdict(head),
    }


def _groups(bucket: pl.DataFrame, column: str) -> list[tuple[tuple[object, ...], pl.DataFrame]]:
    return sorted(bucket.partition_by(column, as_dict=True).items(), key=lambda group: str(group[0]))


def _split(bucket: pl.DataFrame) -> dict[str, int]:
    seen = bucket.get_column("reviewed")
    rows = bucket.get_column("rows")
    return {"reviewed": int(rows.filter(seen).sum()), "unreviewed": int(rows.filter(~seen).sum())}
