"""A toy corpus with pairs, as the stages before leave it: rows in files, reports, an index and a manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from stages import files
from stages.corpus import merging
from stages.corpus.rows import store
from stages.corpus.rows.row import Row


class Toy(NamedTuple):
    """A source of the toy corpus. shards: its rows, one list per file."""

    priority: int
    category: str
    shards: Sequence[Sequence[Row]]


def pair(number: int, chosen: str = "", rejected: str = "worse", **more: object) -> Row:
    return Row(f"question {number}", "", chosen or f"answer {number}", rejected=rejected)._replace(**more)


def write(
    folder: Path, sources: Mapping[str, Toy], fate: Callable[[Row], str] = lambda row: "kept"
) -> tuple[Path, Path]:
    """Write the corpus; returns the folders of the sources and of the merge."""
    index: list[dict[str, object]] = []
    for key, source in sources.items():
        (folder / "sources" / key).mkdir(parents=True)
        report = {"source": key, "category": source.category, "licence": "MIT", "priority": source.priority}
        files.write_json(folder / "sources" / key / "report.json", report)
        for number, rows in enumerate(source.shards):
            first = store.row_id(source.priority, number, 0)
            path = folder / "sources" / key / f"rows-{number:05}.parquet"
            with store.parquet(path, store.ROWS) as writer:
                writer.write_table(store.rows_table(first, rows))
            for place, row in enumerate(rows):
                order = int.from_bytes(store.keys_of([store.encoded(row)])[0][:8], "big")
                index.append({"rid": first + place, "source": key, "fate": fate(row), "order": order, "lang": "en"})
    merged = folder / "merged"
    merged.mkdir()
    types = {"rid": pl.Int64, "source": pl.String, "fate": pl.String, "order": pl.UInt64, "lang": pl.String}
    labels = [pl.lit(None, pl.String).alias(name) for name in ("safety_label", "severity", "reviewed")]
    pl.DataFrame(index, schema=types).with_columns(labels).write_parquet(merged / merging.INDEX)
    files.write_json(merged / merging.MANIFEST, {"sources": dict.fromkeys(sources)})
    return folder / "sources", merged
