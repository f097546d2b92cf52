"""One shard of a source's files becomes rows with facts and rejects: the pure task `stage`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from ... import files
from ..rows import store
from ..rows.row import Reason, Reject, Row
from ..rows.source import Source
from . import evaluations, reading
from .decontamination import Index
from .families.registry import FAMILIES
from .family import Item, Record
from .quality import Limits
from .screening import Settings, screen

EXAMPLES = 3
"""Of the rows and of each reason to reject, so many are shown in a report."""
_SHOWN = 400


class Screening(NamedTuple):
    """What rows are judged by, and where the evaluation sets are."""

    limits: Limits
    evaluations: Path
    copies: Path
    """Of the sets as published; the same folder as `evaluations`: the bundled items."""


class Job(NamedTuple):
    """What the shards of a source have in common."""

    source: Source
    options: Any
    screening: Screening | None
    folder: Path


class _Count:
    """The records that a shard gave so far, and the rejects among them."""

    def __init__(self, file: str, writer: Any) -> None:
        self.file, self._writer = file, writer
        self.records = self.items = self.rejected = 0
        self.reasons: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    def reject(self, reject: Reject) -> None:
        self.rejected += 1
        reason = reject.reason.value
        self.reasons[reason] += 1
        line = {"file": self.file, "record": self.records, "reason": reason, "detail": reject.detail}
        self._writer.write(orjson.dumps(line) + b"\n")
        shown = self.examples.setdefault(reason, [])
        if len(shown) < EXAMPLES:
            shown.append(f"record {self.records}: {reject.detail}"[:_SHOWN])


def stage(job: Job, number: int, shard: reading.Shard, limit: int | None = None) -> dict[str, Any]:
    """Write the rows, facts and rejects of one shard; returns the counts, for the report.

    limit: rows kept at most, the first ones.
    """
    name = f"{number:05}"
    first = store.row_id(job.source.priority, number, 0)
    kept, verdicts = 0, Counter[str]()
    examples: list[dict[str, Any]] = []
    size = tokens = labelled = 0
    with (
        files.published_file(job.folder / f"rejects-{name}.jsonl") as rejects,
        rejects.open("wb") as log,
        store.parquet(job.folder / f"rows-{name}.parquet", store.ROWS) as texts,
        store.parquet(job.folder / f"facts-{name}.parquet", store.FACTS) as facts,
    ):
        count = _Count(shard.file.name, log)
        rows = _rows(job, shard, count)
        if limit is not None:
            rows = islice(rows, limit)
        while batch := list(islice(rows, store.ROW_GROUP)):
            table = _written(job, first + kept, batch, texts)
            facts.write_table(table)
            examples += [_example(row) for row, _ in batch[: EXAMPLES - len(examples)]]
            kept += len(batch)
            labelled += sum(1 for row, _ in batch if row.safety_label)
            tokens += _sum(table, "tokens")
            size += _sum(table, "bytes")
            verdicts.update(filter(None, table.column("verdict").to_pylist()))
    return {
        "file": shard.file.name, "records": count.records, "items": count.items, "kept": kept,
        "rejected": dict(sorted(count.reasons.items())), "screened_out": dict(sorted(verdicts.items())),
        "labelled": labelled, "tokens": tokens, "bytes": size, "examples": examples, "reject_examples": count.examples,
    }  # fmt: skip


def _sum(table: Any, column: str) -> int:
    import pyarrow.compute as pc

    return pc.sum(table.column(column)).as_py() or 0


def _rows(job: Job, shard: reading.Shard, count: _Count) -> Iterator[tuple[Row, store.Encoded]]:
    """The rows of a shard with their text in UTF-8; what becomes none is counted."""
    family, options = FAMILIES[job.source.family], job.options
    mapped, encoded = family.map, store.encoded
    columns = getattr(options, "csv_columns", ())
    for item in _items(family.items, _counted(reading.records(shard, columns), count), options):
        count.items += 1
        row = mapped(item, options)
        if isinstance(row, Row):
            try:
                yield row, encoded(row)
            except UnicodeEncodeError as error:
                count.reject(Reject(Reason.BAD_UNICODE, f"a lone surrogate: {error.reason}"))
        else:
            count.reject(row)


def _items(items: Any, records: Iterable[Record], options: Any) -> Iterable[Item]:
    return records if items is None else items(records, options)


def _counted(records: Iterable[Record | Reject], count: _Count) -> Iterator[Record]:
    for record in records:
        count.records += 1
        if isinstance(record, Reject):
            count.items += 1
            count.reject(record)
        else:
            yield record


def _written(job: Job, first: int, batch: list[tuple[Row, store.Encoded]], writer: Any) -> Any:
    rows = [row for row, _ in batch]
    texts = [text for _, text in batch]
    writer.write_table(store.rows_table(first, rows, texts), row_group_size=store.ROW_GROUP)
    if job.screening is None:
        verdicts, langs = [""] * len(rows), [row.lang for row in rows]
    else:
        judged = screen(rows, job.source.category, _settings(job.screening))
        verdicts, langs = [verdict for verdict, _ in judged], [lang for _, lang in judged]
    return store.facts_table(first, texts, verdicts, langs)


@cache
def _settings(screening: Screening) -> Settings:
    sets = evaluations.load(screening.evaluations)
    items = {name: evaluations.items(one, _files(screening, one)) for name, one in sets.items()}
    return Settings(screening.limits, Index(items))


def _files(screening: Screening, evaluation: evaluations.Evaluation) -> list[Path]:
    """The user's copies of a set; without any, the bundled items."""
    copies = [] if screening.copies == screening.evaluations else evaluations.local(screening.copies, evaluation)
    return copies or evaluations.bundled(screening.evaluations, evaluation)


def _example(row: Row) -> dict[str, Any]:
    fields = ((name, value) for name, value in row._asdict().items() if value)
    return {name: value if name == "history" else str(value)[:_SHOWN] for name, value in fields}
