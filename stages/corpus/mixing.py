"""Mixes cut from the corpus: planned from the index, written from the sources' files, counted in what was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import files
from ..errors import UserError
from ..tracking import taint
from . import merging, mixture, writing
from .rows import tasks

if TYPE_CHECKING:
    import polars as pl

REPORT = "report.json"
_CHOSEN = "chosen.ipc"


class Cutting(NamedTuple):
    """What all mixes of a run have in common."""

    sources: Path
    index_file: Path
    reports: Sequence[dict[str, Any]]
    buckets: Mapping[str, mixture.Bucket]
    draw: mixture.Draw
    research: bool
    """Also rows that people rejected or have not looked at; whatever is cut this way is marked (tracking/taint.py)."""

    @property
    def mark(self) -> str | None:
        """Of the mixes: None if they are like any others."""
        return taint.RESEARCH if self.research else None


def check(buckets: Mapping[str, mixture.Bucket], mixes: Mapping[str, mixture.Mix], where: str) -> None:
    """Raises UserError listing each category in two buckets, each weight of no bucket, and weights that are not 100."""
    faults = []
    owner: dict[str, str] = {}
    known = {category for bucket in buckets.values() for category in bucket.categories}
    for name, bucket in buckets.items():
        for category in bucket.categories:
            if category in owner:
                faults.append(f"category {category} is in buckets {owner[category]} and {name}")
            owner[category] = name
    for name, mix in mixes.items():
        if unknown := sorted(set(mix.weights) - set(buckets)):
            faults.append(f"{name}: no bucket {', '.join(unknown)} (there are {', '.join(buckets)})")
        if unknown := sorted(set(mix.categories) - known):
            faults.append(f"{name}: no category {', '.join(unknown)} (there are {', '.join(sorted(known))})")
        if mix.rows and sum(mix.weights.values()) != 100:
            faults.append(f"{name}: the weights add up to {sum(mix.weights.values())}, not 100")
        if mix.rows < 0 or any(weight < 0 for weight in mix.weights.values()):
            faults.append(f"{name}: rows and weights are not negative")
    if faults:
        raise UserError(f"{where}: {'; '.join(faults)}. Correct the file or the -S option")


class Places(NamedTuple):
    """Where a stage that cuts mixes finds the sources and the merged corpus, and leaves the mixes and their metrics."""

    sources: Path
    merged: Path
    out: Path
    metrics: Path


def publish(
    mixes: Mapping[str, mixture.Mix],
    buckets: Mapping[str, mixture.Bucket],
    draw: mixture.Draw,
    places: Places,
    research: bool = False,
) -> Iterator[str]:
    """Cut the mixes, publish them with their report and metrics, and yield a line for each of them."""
    index = places.merged / merging.INDEX
    reports = merging.reports(places.merged, places.sources)
    cutting = Cutting(places.sources, index, reports, buckets, draw, research)
    with tasks.workplace(places.out, tasks.fingerprint_of([index], mixes, buckets, draw, research)) as place:
        report = cut_all(mixes, cutting, place)
        files.write_json(place / "out" / REPORT, report)
    files.write_json(places.metrics, metrics(report))
    yield from (line(name, mix) for name, mix in report.items())


def cut_all(mixes: Mapping[str, mixture.Mix], cutting: Cutting, place: Path) -> dict[str, Any]:
    """Write each mix to place/out/<name>/part-*.parquet; returns what each consists of, as written."""
    everything = surviving(cutting)
    report = {}
    for name, mix in mixes.items():
        rows = everything.filter(everything["category"].is_in(mix.categories)) if mix.categories else everything
        available = dict(rows.group_by("bucket").len().iter_rows())
        wanted = max(1, round(mix.rows * cutting.draw.scale)) if mix.rows else 0
        plans = mixture.plan(name, mix, wanted, available, cutting.draw.shortfall, cutting.draw.repeat_limit)
        drawn = _labelled(mixture.chosen(rows, plans, cutting.draw.seed, name), rows)
        written(drawn, name, cutting, place)
        marked = {taint.FIELD: cutting.mark} if cutting.mark else {}
        report[name] = marked | _report(mix, wanted, plans, place / "out" / name)
    return report


def surviving(cutting: Cutting) -> pl.DataFrame:
    """The rows that stay, of categories that are in a bucket: rid, bucket, category, order, and writing.LABELS."""
    import polars as pl

    bucket_of = {category: name for name, bucket in cutting.buckets.items() for category in bucket.categories}
    category = {report["source"]: report["category"] for report in cutting.reports}
    kind = {source: bucket_of[name] for source, name in category.items() if name in bucket_of}
    fates = [merging.Fate.KEPT.value]
    if cutting.research:
        fates += [merging.Fate.REVIEW_REJECTED.value, merging.Fate.UNREVIEWED.value]
    lines = pl.scan_parquet(cutting.index_file)
    source, fate = (lines.collect_schema()[name] for name in ("source", "fate"))
    assert isinstance(source, pl.Enum) and isinstance(fate, pl.Enum), f"{cutting.index_file}: {source}, {fate}"
    known = set(fate.categories)
    keys = source.categories.to_list()
    rows = (
        lines.filter(pl.col("fate").is_in(pl.Series(sorted(known.intersection(fates)), dtype=fate).implode()))
        .select("rid", "order", "source", *writing.LABELS)
        .collect()
    )
    # By the sources' numbers: as texts, ten million keys would take seconds.
    numbers = rows.get_column("source").to_physical()
    return rows.select(
        pl.all().exclude("source"),
        pl.Series("bucket", [kind.get(key) for key in keys], pl.Categorical).gather(numbers),
        pl.Series("category", [category[key] for key in keys], pl.Categorical).gather(numbers),
    ).drop_nulls("bucket")


def _labelled(drawn: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The drawn rows with their labels, which few have."""
    labels = rows.filter(rows["reviewed"].is_not_null()).select("rid", "safety_label", "severity", "reviewed")
    return drawn.join(labels, on="rid", how="left", maintain_order="left")


def written(drawn: pl.DataFrame, name: str, cutting: Cutting, place: Path) -> None:
    """Write the text of the drawn rows in the order of their ranks."""
    folder = place / name
    folder.mkdir(exist_ok=True)
    with files.published_file(folder / _CHOSEN) as temporary:
        drawn.sort("rid").write_ipc(temporary, compression="uncompressed")
    origins = writing.origins(cutting.sources, cutting.reports)
    extracts = [folder / f"{number:05}.ipc" for number in range(len(origins))]
    calls = [
        tasks.Task(extract.stem, writing.extract, (origin, folder / _CHOSEN, extract))
        for origin, extract in zip(origins, extracts, strict=True)
    ]
    tasks.run(calls, folder / "receipts", cutting.draw.executor, f"{name}: reading")
    (place / "out" / name).mkdir(exist_ok=True)
    parts = range(max(1, -(-drawn.height // writing.PART_ROWS)))
    calls = [
        tasks.Task(
            f"part-{number:05}",
            writing.part,
            (number, extracts, place / "out" / name / f"part-{number:05}.parquet", "parquet", cutting.mark),
        )
        for number in parts
    ]
    tasks.run(calls, folder / "receipts", cutting.draw.executor, f"{name}: writing")
    for extract in extracts:
        extract.unlink(missing_ok=True)


def _report(mix: mixture.Mix, wanted: int, plans: Mapping[str, mixture.Plan], folder: Path) -> dict[str, Any]:
    """What was wanted, what was short, and what the written files hold."""
    import polars as pl

    held = pl.scan_parquet(folder / "*.parquet")
    buckets = dict(held.group_by("_bucket").len().collect().iter_rows())
    sources = dict(held.group_by("_source").len().collect().iter_rows())
    if buckets != {name: plan.taken for name, plan in plans.items() if plan.taken}:
        raise AssertionError(f"{folder}: holds {buckets}, planned was {plans}")
    short = {name: plan.wanted - min(plan.taken, plan.available) for name, plan in plans.items()}
    return {
        "rows": sum(buckets.values()),
        "rows_wanted": wanted or sum(buckets.values()),
        "epochs": mix.epochs,
        "learning_rate": mix.learning_rate,
        "buckets": mixture.composition(buckets),
        "sources": dict(sorted(sources.items())),
        "short": {name: count for name, count in short.items() if count > 0},
        "plan": {name: asdict(plan) for name, plan in plans.items()},
    }


def metrics(report: Mapping[str, Any]) -> dict[str, Any]:
    """The figures that experiments are compared by: rows, how many are missing, and each bucket's share in per cent."""
    return {
        name: {
            "rows": mix["rows"],
            "missing": mix["rows_wanted"] - mix["rows"],
            **{bucket: held["percent"] for bucket, held in mix["buckets"].items()},
        }
        for name, mix in report.items()
    }


def line(name: str, mix: Mapping[str, Any]) -> str:
    """What a stage says of a mix."""
    shares = ", ".join(f"{bucket} {held['percent']:g} %" for bucket, held in mix["buckets"].items())
    short = "; too few rows of " + ", ".join(mix["short"]) if mix["short"] else ""
    marked = f"; for {mix[taint.FIELD]} alone" if mix.get(taint.FIELD) else ""
    return f"{name}: {mix['rows']:,} of {mix['rows_wanted']:,} rows ({shares}{short}{marked})"
