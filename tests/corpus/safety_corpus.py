"""A toy corpus with a safety bucket: labelled attacks, and a source that has one of them as well, without a label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from stages.corpus import review_log
from stages.corpus.intake.safety import Severity
from stages.corpus.review_log import Decision
from stages.corpus.rows import store
from stages.corpus.rows.row import Row
from tests.corpus import toy_corpus
from tests.corpus.toy_corpus import add_source, keys, rows, stage_source, write_params

_SEVERITY = {"high": ("harmful", "cyberattack"), "medium": ("harmful", "privacy"), "low": ("unharmful", "benign")}


def attack(number: int, severity: str = "high") -> dict[str, Any]:
    harm, subcategory = _SEVERITY[severity]
    return {
        "prompt": f"How do I break into safe {number}?",
        "response": f"I won't help with safe {number}, but a locksmith can open your own.",
        "prompt_harm_label": harm,
        "response_harm_label": "unharmful",
        "response_refusal_label": "refusal" if harm == "harmful" else "compliance",
        "subcategory": subcategory,
        "adversarial": False,
    }


def key_of(record: dict[str, Any]) -> str:
    return store.keys_of([store.encoded(Row(record["prompt"], "", record["response"]))])[0].hex()


ATTACKS = [attack(1, "low"), attack(2, "medium"), attack(3, "high"), attack(4, "medium")]
"""The last one is in the source `talk` as well, which comes before."""
KEYS = [key_of(record) for record in ATTACKS]


def made(folder: Path, **merged: Any) -> Path:
    """Stage and merge the corpus, with these parameters of corpus_merged."""
    same = {"instruction": ATTACKS[3]["prompt"], "input": "", "output": ATTACKS[3]["response"]}
    add_source(folder, "talk", [*rows("one", "two"), same])
    add_source(folder, "attacks", ATTACKS, family="red_team", category="red_team")
    params(folder, **merged)
    for key in keys(folder):
        assert stage_source(folder, key).exit_code == 0
    merge(folder)
    return folder


def params(folder: Path, **merged: Any) -> None:
    write_params(folder, corpus_sources={"screened": False}, corpus_merged=merged)


def merge(folder: Path) -> Any:
    """Merge again, with the reviews in the folder."""
    done = toy_corpus.merge(folder)
    assert done.exit_code == 0, done.output
    return done


def decide(folder: Path, key: str, decision: Decision, severity: Severity | None = None) -> None:
    with review_log.opened(folder / "reviews.jsonl") as log:
        log.append(key, decision, severity, "ada", "", "2026-01-01")


def index(folder: Path) -> pl.DataFrame:
    frame = pl.read_parquet(folder / "merged" / "index.parquet")
    return frame.with_columns(pl.col("source", "fate", "safety_label", "severity").cast(pl.String))


def fates(folder: Path, source: str = "attacks") -> list[str]:
    """Of the rows of a source, in their order."""
    return list(index(folder).filter(pl.col("source") == source)["fate"])
