"""Small merged corpora for the tests of the audit: sources as corpus_sources leaves them, merged by corpus_merged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import yaml
from click.testing import CliRunner

from stages import corpus_merged
from stages.corpus.rows import store
from stages.corpus.rows.row import Row

ROOT = Path(__file__).resolve().parents[2]


def row(number: int, words: int = 8) -> Row:
    """A row unlike those of other numbers, of about six bytes a word."""
    return Row(f"question {number}", "", " ".join(f"w{number:05}" for _ in range(words)))


def add(
    folder: Path,
    key: str,
    category: str,
    priority: int,
    rows: Sequence[Row],
    verdicts: Sequence[str] = (),
    rejected: dict[str, int] | None = None,
    **more: Any,
) -> None:
    """Write a source into the folder of sources. verdicts: of the first rows, the others pass."""
    place, first = folder / key, store.row_id(priority, 0, 0)
    place.mkdir(parents=True, exist_ok=True)
    said = [*verdicts, *[""] * (len(rows) - len(verdicts))]
    texts = [store.encoded(one) for one in rows]
    with store.parquet(place / "rows-00000.parquet", store.ROWS) as writer:
        for start in range(0, len(rows), store.ROW_GROUP):
            writer.write_table(store.rows_table(first + start, rows[start : start + store.ROW_GROUP]))
    table = store.facts_table(first, texts, said, ["en"] * len(rows))
    store.write_facts(place / store.FACTS_FILE, [table])
    store.write_lines(place / store.LINES_FILE, [table])
    out = Counter(verdict for verdict in said if verdict)
    report = {
        "source": key, "hub": f"toy/{key}", "category": category, "priority": priority, "licence": "MIT",
        "unavailable": None, "files": ["toy.jsonl"], "records": len(rows) + sum((rejected or {}).values()),
        "items": len(rows) + sum((rejected or {}).values()), "kept": len(rows), "rejected": rejected or {},
        "screened_out": dict(out), "labelled": 0, "tokens": sum(table.column("tokens").to_pylist()),
        "bytes": sum(table.column("bytes").to_pylist()),
        "examples": [{name: value for name, value in one._asdict().items() if value} for one in rows[:3]],
        "reject_examples": {reason: [f"toy.jsonl, record 1: {reason} here"] for reason in rejected or {}},
    }  # fmt: skip
    (place / "report.json").write_bytes(orjson.dumps(report | more))


def merge(folder: Path) -> None:
    """Merge all sources in folder/sources into folder/merged: the repository's parameters, no near duplicates."""
    knobs = yaml.safe_load((ROOT / "params.yaml").read_text())
    knobs["corpus_sources"]["sources"] = sorted(path.name for path in (folder / "sources").iterdir())
    # Numbered rows are nearly equal; what the merge makes of such ones is for its own tests.
    near = {"enabled": False, "categories": "all", "similarity": 0.9, "parts": 0.9}
    knobs["corpus_merged"] |= {"unreviewed": "keep", "near_duplicates": near}
    (folder / "merge.yaml").write_text(yaml.safe_dump(knobs))
    paths = {"sources": "sources", "out": "merged", "params": "merge.yaml"}
    parts = [part for name, value in paths.items() for part in (f"--{name}", str(folder / value))]
    result = CliRunner().invoke(corpus_merged.main, parts)
    assert result.exit_code == 0, result.output
