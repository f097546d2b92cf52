"""The corpus from raw rows to an export: seconds, memory, how often faster than a plain loop, growth.

LAMPFORGE_BENCH_ROWS=10200000 makes it the size that the corpus is meant for (12 GB of raw rows, 25 GB in all).
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from stages.corpus.rows import store

from . import raw_rows

ROOT = Path(__file__).resolve().parents[2]
ROWS = int(os.environ.get("LAMPFORGE_BENCH_ROWS", "450000"))
SMALL = ROWS // 10
CORES = 2


def command(*arguments: object, **environment: str) -> None:
    subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
        env=os.environ | environment,
    )  # fmt: skip


def params(folder: Path) -> Path:
    knobs = yaml.safe_load((ROOT / "params.yaml").read_text())
    keys = [f"source_{number:02}" for number in range(raw_rows.FILES)]
    knobs["corpus_sources"] |= {"sources": keys, "screened": False}
    knobs["corpus_merged"]["near_duplicates"]["enabled"] = False
    mix = {"rows": ROWS // 20, "epochs": 1, "learning_rate": 1e-5, "weights": {"instruction": 100}, "why": "bench"}
    knobs["corpus_mixes"] |= {"scale": 1.0, "mixes": {"mix": mix}}
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(knobs, sort_keys=False))
    return path


class Corpus:
    """Raw rows in a folder, and the stages over them, timed."""

    def __init__(self, folder: Path, rows: int) -> None:
        self.folder = folder
        raw_rows.write_all(folder / "raw", rows)
        self.params = params(folder)

    def stage(self, key: str, workers: int) -> None:
        entry = self.folder / "raw" / key
        command(
            "-m", "stages.corpus_sources", "--entry", entry, "--raw", entry, "--evaluations", self.folder / "none",
            "--copies", self.folder / "none", "--out", self.folder / "sources" / key, "--params", self.params,
            LAMPFORGE_WORKERS=str(workers),
        )  # fmt: skip

    def stage_all(self) -> None:
        with ThreadPoolExecutor(CORES) as pool:
            list(pool.map(lambda path: self.stage(path.name, 1), sorted((self.folder / "raw").iterdir())))

    def merge(self) -> None:
        shutil.rmtree(self.folder / "merged", ignore_errors=True)
        command(
            "-m", "stages.corpus_merged", "--sources", self.folder / "sources", "--out", self.folder / "merged",
            "--params", self.params,
        )  # fmt: skip

    def export(self) -> None:
        command(
            "-m", "stages.cli", "corpus", "export", self.folder / "export", "--sources", self.folder / "sources",
            "--merged", self.folder / "merged",
        )  # fmt: skip

    def mix(self) -> None:
        command(
            "-m", "stages.corpus_mixes", "--sources", self.folder / "sources", "--merged", self.folder / "merged",
            "--out", self.folder / "mixes", "--metrics", self.folder / "mixes.json", "--params", self.params,
        )  # fmt: skip

    def change_one(self) -> None:
        self.stage("source_07", CORES)
        self.merge()

    def kept(self) -> int:
        return int(json.loads((self.folder / "merged" / "manifest.json").read_text())["rows"])


def seconds(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def plain_loop(files: Sequence[Path], out: Path) -> int:
    """What one would write first: json, a key, a set, Parquet as an export has it. Returns how many rows stay."""
    seen: set[bytes] = set()
    with pq.ParquetWriter(out, store.ROWS, compression="zstd", compression_level=3) as writer:
        batch: list[tuple[str, str, str]] = []
        for file in files:
            with file.open(encoding="utf-8") as lines:
                for line in lines:
                    texts = _texts(json.loads(line))
                    joined = "\x1f".join(" ".join(text.lower().split()) for text in texts)
                    key = hashlib.sha1(joined.encode(), usedforsecurity=False).digest()
                    if key not in seen:
                        seen.add(key)
                        batch.append(texts)
                    if len(batch) == store.ROW_GROUP:
                        writer.write_table(_table(batch))
                        batch = []
        writer.write_table(_table(batch))
    return len(seen)


def _texts(row: dict[str, Any]) -> tuple[str, str, str]:
    if "instruction" in row:
        return row["instruction"], row["input"], row["output"]
    if "question" in row:
        return row["question"], "", row["answer"]
    turns = [turn.get("content") or turn["value"] for turn in row.get("messages") or row["conversations"]]
    return turns[0], "", turns[1]


def _table(rows: list[tuple[str, str, str]]) -> Any:
    columns = {
        name: pa.array([row[place] for row in rows]) for place, name in enumerate(("instruction", "input", "output"))
    }
    columns |= {"rid": pa.array(range(len(rows)), pa.int64()), "history": pa.array([[]] * len(rows), ROWS_HISTORY)}
    for name in ("system", "rejected", "safety_label", "severity"):
        columns[name] = pa.array([""] * len(rows))
    return pa.table({field.name: columns[field.name].cast(field.type) for field in store.ROWS}, schema=store.ROWS)


ROWS_HISTORY = store.ROWS.field("history").type


def measured(corpus: Corpus) -> dict[str, float]:
    took = {"staging": seconds(corpus.stage_all), "index": seconds(corpus.merge), "export": seconds(corpus.export)}
    took["mix"] = seconds(corpus.mix)
    shutil.rmtree(corpus.folder / "sources" / "source_07")
    raw_rows.write(corpus.folder / "raw", 7, ROWS // raw_rows.FILES, generation=1)
    return took | {"one source changed": seconds(corpus.change_one)}


@pytest.mark.slow
def test_a_new_version_of_a_corpus_takes_a_fraction_of_a_plain_loop(tmp_path: Path) -> None:
    small = Corpus(tmp_path / "small", SMALL)
    small_s = seconds(small.stage_all) + seconds(small.merge)
    large = Corpus(tmp_path / "large", ROWS)
    took = measured(large)
    loop = seconds(lambda: plain_loop(sorted((large.folder / "raw").glob("*/rows.jsonl")), tmp_path / "plain.parquet"))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
    whole = took["staging"] + took["index"] + took["export"]
    print(f"\n{ROWS:,} rows, {large.kept():,} stay; largest process {peak:.1f} GB")
    print("; ".join(f"{name} {value:.1f} s" for name, value in took.items()), f"; plain loop {loop:.1f} s")
    print(f"raw to export {loop / whole:.1f} x, a changed source {loop / took['one source changed']:.1f} x")
    per_row = ((took["staging"] + took["index"]) / ROWS) / (small_s / SMALL)
    print(f"time per row at {ROWS:,} is {per_row:.2f} of that at {SMALL:,}")
    assert took["one source changed"] < loop
    assert per_row < 1.25
