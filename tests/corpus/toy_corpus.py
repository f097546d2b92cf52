"""Toy sources, staged and merged by the real stages, for the tests of what is made of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from stages import corpus_merged, corpus_sources

ROOT = Path(__file__).resolve().parents[2]
EVALUATIONS = ROOT / "data" / "seed" / "corpus" / "evaluations"
PARAMS: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())


def rows(*texts: str, **more: Any) -> list[dict[str, Any]]:
    """Alpaca rows that ask for these texts, each with an answer of its own."""
    return [{"instruction": f"Say {text}.", "input": "", "output": f"You said {text}.", **more} for text in texts]


def add_source(folder: Path, key: str, records: Sequence[Mapping[str, Any]] | bytes, **described: Any) -> None:
    """Write the entry of a source with its rows (or the bytes of its file)."""
    entry = folder / "entries" / key
    entry.mkdir(parents=True, exist_ok=True)
    options = described.pop("options", {})
    known = len(list((folder / "entries").iterdir()))
    source = {
        "hub": None, "config": None, "split": "train", "family": "alpaca", "category": "instruction", "priority": known,
        "cap": 1_000_000, "licence": "MIT", "gated": False, "sample": "sample.jsonl", "note": "toy",
    }  # fmt: skip
    (entry / "source.yaml").write_text(yaml.safe_dump({"source": source | described, "options": options}))
    whole = (
        records if isinstance(records, bytes) else b"".join(json.dumps(record).encode() + b"\n" for record in records)
    )
    (entry / (source | described)["sample"]).write_bytes(whole)


def keys(folder: Path) -> list[str]:
    """The keys of the sources that were added."""
    return sorted(path.name for path in (folder / "entries").iterdir())


def write_params(folder: Path, **changed: Mapping[str, Any]) -> Path:
    """The repository's parameters for the toy sources, with these sections changed."""
    merged = {name: section | dict(changed.get(name, {})) for name, section in PARAMS.items() if "corpus" in name}
    merged["corpus_sources"] = (
        {"sources": keys(folder)}
        | {name: value for name, value in merged["corpus_sources"].items() if name != "sources"}
        | {name: value for name, value in changed.get("corpus_sources", {}).items()}
    )
    # Toy rows are all nearly the same.
    merged["corpus_merged"]["near_duplicates"] = changed.get("corpus_merged", {}).get(
        "near_duplicates", merged["corpus_merged"]["near_duplicates"] | {"enabled": False}
    )
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(merged, sort_keys=False))
    return path


def stage_source(folder: Path, key: str) -> Any:
    """Run stage corpus_sources on one source; returns click's result."""
    entry = folder / "entries" / key
    arguments = [
        "--entry", entry, "--raw", entry, "--evaluations", EVALUATIONS, "--copies", EVALUATIONS,
        "--out", folder / "sources" / key, "--params", folder / "params.yaml",
    ]  # fmt: skip
    return CliRunner().invoke(corpus_sources.main, list(map(str, arguments)))


def merge(folder: Path) -> Any:
    """Run stage corpus_merged, with the reviews in the folder, if there are any; returns click's result."""
    names = {"sources": "sources", "reviews": "reviews.jsonl", "out": "merged", "params": "params.yaml"}
    arguments = [part for name, place in names.items() for part in (f"--{name}", folder / place)]
    return CliRunner().invoke(corpus_merged.main, list(map(str, arguments)))


def made(folder: Path, **changed: Mapping[str, Any]) -> Path:
    """Stage and merge all sources that were added; returns the folder."""
    write_params(folder, **changed)
    for key in keys(folder):
        done = stage_source(folder, key)
        assert done.exit_code == 0, done.output or done.exception
    done = merge(folder)
    assert done.exit_code == 0, done.output or done.exception
    return folder


def fates(folder: Path) -> list[tuple[str, str]]:
    """Source and fate of all rows, in their order."""
    import polars as pl

    index = pl.read_parquet(folder / "merged" / "index.parquet")
    return list(index.select(pl.col("source", "fate").cast(pl.String)).iter_rows())


def tree_bytes(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
