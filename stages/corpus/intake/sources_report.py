"""What became of a source's items: its shards' results put together, and the report of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from ... import files
from ..rows import store
from ..rows.source import Source
from .staging import EXAMPLES


def finished(
    folder: Path, key: str, source: Source, counts: Sequence[dict[str, Any]], unavailable: str
) -> dict[str, Any]:
    """Put the facts, rejects and counts of the shards of a source together, in its folder; returns its report.

    Interrupted, it can be called again: the shards' own files go last.
    """
    import pyarrow.parquet as pq

    report = folder / store.REPORT_FILE
    if not report.exists():
        facts = [pq.ParquetFile(folder / f"facts-{number:05}.parquet").read() for number in range(len(counts))]
        store.write_facts(folder / store.FACTS_FILE, facts)
        store.write_lines(folder / store.LINES_FILE, facts)
        files.write_rows(folder / store.REJECTS_FILE, _rejects(folder, counts))
        files.write_json(report, _report(key, source, counts, unavailable))
    for part in (*folder.glob("facts-*.parquet"), *folder.glob("rejects-*.jsonl")):
        part.unlink()
    for rows in folder.glob("rows-*.parquet"):
        if int(rows.stem.removeprefix("rows-")) >= len(counts):
            rows.unlink()  # behind the cap
    result: dict[str, Any] = files.read_json(report)
    return result


def _rejects(folder: Path, counts: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rejects of all shards, with the place of each record in its file instead of that in its shard."""
    before: Counter[str] = Counter()
    for number, count in enumerate(counts):
        with (folder / f"rejects-{number:05}.jsonl").open("rb") as lines:
            for line in lines:
                reject = orjson.loads(line)
                reject["record"] += before[reject["file"]]
                yield reject
        before[count["file"]] += count["records"]


def _report(key: str, source: Source, counts: Sequence[dict[str, Any]], unavailable: str) -> dict[str, Any]:
    rejected, screened_out = Counter[str](), Counter[str]()
    examples: list[Any] = []
    reject_examples: dict[str, list[str]] = {}
    for count in counts:
        rejected.update(count["rejected"])
        screened_out.update(count["screened_out"])
        examples += count["examples"][: EXAMPLES - len(examples)]
        for reason, shown in count["reject_examples"].items():
            known = reject_examples.setdefault(reason, [])
            known += [f"{count['file']}, {text}" for text in shown[: EXAMPLES - len(known)]]
    return {
        "source": key, "hub": source.hub, "category": source.category, "priority": source.priority,
        "licence": source.licence, "unavailable": unavailable or None,
        "files": sorted({count["file"] for count in counts}),
        "records": sum(count["records"] for count in counts),
        "items": sum(count["items"] for count in counts),
        "kept": sum(count["kept"] for count in counts),
        "rejected": dict(sorted(rejected.items())),
        "screened_out": dict(sorted(screened_out.items())),
        "labelled": sum(count["labelled"] for count in counts),
        "tokens": sum(count["tokens"] for count in counts), "bytes": sum(count["bytes"] for count in counts),
        "examples": examples, "reject_examples": dict(sorted(reject_examples.items())),
    }  # fmt: skip


def line(report: dict[str, Any]) -> str:
    """What a stage says when it is done."""
    if report["unavailable"]:
        return f"{report['source']}: skipped, {report['unavailable']}"
    rejected, out = sum(report["rejected"].values()), sum(report["screened_out"].values())
    return (
        f"{report['source']}: {report['kept']:,} rows of {report['items']:,} items"
        f" ({rejected:,} rejected{_shown(report['rejected'])}; {out:,} will not pass{_shown(report['screened_out'])})"
    )


def _shown(counts: dict[str, int]) -> str:
    return ": " + ", ".join(f"{count:,} {reason}" for reason, count in counts.items()) if counts else ""
