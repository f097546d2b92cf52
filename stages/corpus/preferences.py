"""Pairs of a better and a worse answer to the same, out of the rows that stay: the pure tasks that find the best ones.

A file's pairs are ranked by margin, the score of the chosen answer less that of the rejected one, and equal margins by
the hash of the row. What is held in memory of all files are ids, margins and hashes; text only of one file's batch.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .. import files
from . import merging, mixture, scoring
from .rows import keys, store, tasks
from .writing import Origin

if TYPE_CHECKING:
    import polars as pl

TRAIN, REPORT = "train.parquet", "report.json"
_CHOSEN = "chosen.ipc"
# Small enough to score and to write without holding much; a part of what makes the bytes.
_BATCH = 1024
_MESSAGES = pa.list_(pa.struct([pa.field("role", pa.string()), pa.field("content", pa.string())]))
_METADATA = ("_id", "_source", "_category", "_license")
PAIRS = pa.schema(
    [
        *(pa.field(name, _MESSAGES, nullable=False) for name in ("prompt", "chosen", "rejected")),
        *(pa.field(name, pa.string(), nullable=False) for name in _METADATA),
        pa.field("_margin", pa.float64()),
    ]
)
"""TRL's conversational preference format, and metadata that trainers pass over. _margin: null without a scorer."""


class Drop(StrEnum):
    """Why a pair is not taken."""

    EMPTY = "empty"
    """One of the answers is only white space."""
    IDENTICAL = "identical"
    """The answers differ in white space and capital letters at most."""
    NOT_SCORED = "not_scored"
    """The scorer gave no number for one of the answers."""
    OVER_LIMIT = "over_limit"
    """Its category has enough pairs that rank higher."""


@dataclass(frozen=True)
class Ranking:
    """What all files of a run have in common."""

    index: Path
    scorer: scoring.Name
    likelihood: scoring.Knobs
    per_category: int
    seed: int
    executor: tasks.Executor


def cut(origins: Sequence[Origin], ranking: Ranking, place: Path) -> dict[str, Any]:
    """Write the best pairs of each category to place/out/train.parquet, by their ids; returns the report."""
    names = [f"{number:05}" for number in range(len(origins))]
    ranked = [place / f"{name}-ranked.ipc" for name in names]
    calls = [
        tasks.Task(f"{name}-rank", rank, (origin, ranking, out))
        for name, origin, out in zip(names, origins, ranked, strict=True)
    ]
    counts = tasks.run(calls, place / "receipts", ranking.executor, "pairs: ranking")
    taken = best(origins, ranked, ranking.per_category)
    with files.published_file(place / _CHOSEN) as temporary:
        taken.write_ipc(temporary, compression="uncompressed")
    wanted = [number for number in range(len(origins)) if taken.get_column("file").eq(number).any()]
    parts = [place / f"{names[number]}-pairs.parquet" for number in wanted]
    calls = [
        tasks.Task(f"{names[number]}-write", write, (origins[number], number, ranking.scorer, place / _CHOSEN, part))
        for number, part in zip(wanted, parts, strict=True)
    ]
    tasks.run(calls, place / "receipts", ranking.executor, "pairs: writing")
    _join(parts, place / "out" / TRAIN)
    return _report(origins, counts, taken, ranking)


def rank(origin: Origin, ranking: Ranking, out: Path) -> dict[str, int]:
    """Score the pairs of one file and write id, margin and draw of the best to `out`; returns the counts, by fate.

    counts: seen, and for each reason of Drop that is known by now how many.
    """
    import polars as pl

    stay = surviving(origin.file, ranking.index)
    salt = int.from_bytes(hashlib.sha256(f"{ranking.seed}:preferences".encode()).digest()[:8], "big")
    stay = stay.with_columns(draw=mixture.mixed(stay.get_column("order").to_numpy(), salt))
    counts = Counter({"seen": stay.height})
    scorer = scoring.scorer(ranking.scorer, ranking.likelihood) if stay.height else scoring.NoOpinion()
    margins: dict[int, float] = {}
    for rows in _rows(origin.file, stay):
        pairs = []
        for row in rows:
            if fault := _fault(row):
                counts[fault.value] += 1
            else:
                pairs.append(row)
        for row, margin in zip(pairs, _margins(pairs, scorer), strict=True):
            if math.isfinite(margin):
                margins[row["rid"]] = margin
            else:
                counts[Drop.NOT_SCORED.value] += 1
    scored = pl.DataFrame({"rid": margins.keys(), "margin": margins.values()}, {"rid": pl.Int64, "margin": pl.Float64})
    drawn = scored.join(stay, on="rid", how="left", maintain_order="left").select("rid", "margin", "draw")
    with files.published_file(out) as temporary:
        _ranked(drawn).head(ranking.per_category).write_ipc(temporary, compression="uncompressed")
    return dict(sorted(counts.items()))


def surviving(file: Path, index: Path) -> pl.DataFrame:
    """The rows of a file that stay and have a rejected answer: rid and order, in the order of their ids."""
    import polars as pl

    found = []
    for batch in pq.ParquetFile(file).iter_batches(columns=["rid", "rejected"]):
        found.append(batch.column("rid").filter(pc.not_equal(batch.column("rejected"), "")))
    rids = pa.chunked_array(found, pa.int64())
    if not len(rids):
        return pl.DataFrame(schema={"rid": pl.Int64, "order": pl.UInt64})
    with_pair = pl.LazyFrame({"rid": pl.from_arrow(rids)})
    return (
        pl.scan_parquet(index)
        .filter(pl.col("rid").is_between(rids[0].as_py(), rids[-1].as_py()), pl.col("fate") == merging.Fate.KEPT.value)
        .select("rid", "order")
        .join(with_pair, on="rid", how="semi", maintain_order="left")
        .collect()
    )


def _rows(file: Path, wanted: pl.DataFrame) -> Iterator[list[dict[str, Any]]]:
    """The rows of a file that are wanted, in its order, some at a time."""
    ids = wanted.get_column("rid").to_arrow()
    if not len(ids):
        return
    for batch in pq.ParquetFile(file).iter_batches(_BATCH):
        rows = batch.filter(pc.is_in(batch.column("rid"), value_set=ids))
        if rows.num_rows:
            yield rows.to_pylist()


def _fault(row: dict[str, Any]) -> Drop | None:
    if not row["output"].strip() or not row["rejected"].strip():
        return Drop.EMPTY
    chosen, rejected = (keys.normalised(row[name].encode()) for name in ("output", "rejected"))
    return Drop.IDENTICAL if chosen == rejected else None


def _margins(rows: Sequence[dict[str, Any]], scorer: scoring.Scorer) -> list[float]:
    # Both answers of a pair are neighbours, so that they are in one batch.
    prompts = [prompt for row in rows for prompt in (prompt_of(row),) * 2]
    answers = [answer for row in rows for answer in (row["output"], row["rejected"])]
    scores = scorer.score(prompts, answers)
    return [chosen - rejected for chosen, rejected in zip(scores[::2], scores[1::2], strict=True)]


def prompt_of(row: dict[str, Any]) -> scoring.Messages:
    """All messages before the answer: the system prompt, the turns before, and what is asked, with its input below."""
    messages = [{"role": "system", "content": row["system"]}] if row["system"] else []
    for asked, answered in row["history"]:
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    asked = "\n\n".join(part for part in (row["instruction"], row["input"]) if part)
    return [*messages, {"role": "user", "content": asked}]


def _ranked(pairs: pl.DataFrame) -> pl.DataFrame:
    return pairs.sort("margin", "draw", "rid", descending=[True, False, False])


def best(origins: Sequence[Origin], ranked: Sequence[Path], per_category: int) -> pl.DataFrame:
    """The pairs that are taken, the best of each category: rid, margin, draw, category, the number of their file."""
    import polars as pl

    tops = [
        pl.read_ipc(path).with_columns(category=pl.lit(origin.category), file=pl.lit(number, pl.Int64))
        for number, (origin, path) in enumerate(zip(origins, ranked, strict=True))
    ]
    schema = {"rid": pl.Int64, "margin": pl.Float64, "draw": pl.UInt64, "category": pl.String, "file": pl.Int64}
    whole = pl.concat([pl.DataFrame(schema=schema), *tops])
    return _ranked(whole).group_by("category", maintain_order=True).head(per_category).select(*schema)


def write(origin: Origin, number: int, scorer: scoring.Name, chosen: Path, out: Path) -> int:
    """Write the pairs of one file that are taken, in the order of their ids, to a file of PAIRS. Returns how many."""
    import polars as pl

    taken = pl.read_ipc(chosen).filter(pl.col("file") == number)
    margins = dict(taken.select("rid", "margin").iter_rows())
    with store.parquet(out, PAIRS) as writer:
        for rows in _rows(origin.file, taken):
            pairs = [_pair(row, origin, margins[row["rid"]] if scorer != "none" else None) for row in rows]
            writer.write_table(pa.Table.from_pylist(pairs, PAIRS))
    return taken.height


def _pair(row: dict[str, Any], origin: Origin, margin: float | None) -> dict[str, Any]:
    chosen, rejected = ([{"role": "assistant", "content": row[name]}] for name in ("output", "rejected"))
    # As in the mixes: the source's key, and the row's place in it.
    identity = f"{origin.source}-{row['rid'] % store.row_id(1, 0, 0)}"
    values = (prompt_of(row), chosen, rejected, identity, origin.source, origin.category, origin.licence, margin)
    return dict(zip(PAIRS.names, values, strict=True))


def _join(parts: Sequence[Path], out: Path) -> None:
    """Put files of PAIRS together, one behind the other."""
    with store.parquet(out, PAIRS) as writer:
        for part in parts:
            for batch in pq.ParquetFile(part).iter_batches(_BATCH):
                writer.write_batch(batch)


def _report(
    origins: Sequence[Origin], counts: Sequence[dict[str, int]], taken: pl.DataFrame, ranking: Ranking
) -> dict[str, Any]:
    """What became of the pairs, in all, by category and by source; sources without any are left out."""
    kept = Counter(taken.get_column("file").to_list())
    whole = Counter[str]()
    categories: dict[str, Counter[str]] = {}
    sources: dict[str, Counter[str]] = {}
    for number, (origin, count) in enumerate(zip(origins, counts, strict=True)):
        fates = Counter(count)
        left = fates["seen"] - sum(fates[reason] for reason in Drop)
        fates["kept"], fates[Drop.OVER_LIMIT.value] = kept[number], left - kept[number]
        if fates["seen"]:
            whole.update(fates)
            categories.setdefault(origin.category, Counter[str]()).update(fates)
            sources.setdefault(origin.source, Counter[str]()).update(fates)
    judged = ranking.scorer != "none"
    return {
        "scorer": ranking.scorer,
        "model": ranking.likelihood.model if judged else None,
        **_fates(whole),
        "categories": {
            name: _fates(fates) | {"margins": _spread(taken, name) if judged else None}
            for name, fates in sorted(categories.items())
        },
        "sources": {name: _fates(fates) for name, fates in sorted(sources.items())},
    }


def _fates(fates: Counter[str]) -> dict[str, Any]:
    dropped = {reason.value: fates[reason.value] for reason in Drop}
    assert fates["seen"] == fates["kept"] + sum(dropped.values()), fates
    return {"seen": fates["seen"], "kept": fates["kept"], "dropped": dropped}


def _spread(taken: pl.DataFrame, category: str) -> dict[str, float] | None:
    margins = taken.filter(taken.get_column("category") == category).get_column("margin").to_list()
    if not margins:
        return None
    return {name: round(of(margins), 4) for name, of in (("least", min), ("median", median), ("most", max))}


def metrics(report: dict[str, Any]) -> dict[str, Any]:
    """The figures that experiments are compared by: how many pairs there were, are kept, and were dropped and why."""
    kept = {name: category["kept"] for name, category in report["categories"].items()}
    return {"seen": report["seen"], "kept": report["kept"], "dropped": report["dropped"], "kept_by_category": kept}


def line(report: dict[str, Any]) -> str:
    """What a stage says when it is done."""
    if not report["seen"]:
        return "no pairs: no row that stays has a rejected answer; add a source of family preference or transcript"
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in report["dropped"].items() if count)
    by_category = ", ".join(f"{name} {category['kept']:,}" for name, category in report["categories"].items())
    return f"{report['kept']:,} pairs of {report['seen']:,} ({by_category})" + f"; dropped: {dropped}" * bool(dropped)
