"""What reviews do in the merge and in what is written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from stages import corpus_merged, corpus_mixes, files
from stages.corpus import exporting, reviewing
from stages.corpus.intake.safety import Severity
from stages.corpus.review_log import Decision
from stages.tracking import taint
from tests.corpus import safety_corpus as toy
from tests.corpus.safety_corpus import KEYS
from tests.corpus.toy_corpus import tree_bytes, write_params


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy.made(tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def corpus(merged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The toy corpus, merged without reviews; one process is sooner done than two are started."""
    monkeypatch.setenv("LAMPFORGE_WORKERS", "1")
    return shutil.copytree(merged, tmp_path / "corpus")


def labels(corpus: Path) -> dict[str, list[Any]]:
    """Severity and review of each row, by source."""
    frame = toy.index(corpus)
    return {
        name: list(frame.filter(pl.col("source") == name).select("severity", "reviewed").iter_rows())
        for name in ("talk", "attacks")
    }


def exported(corpus: Path, out: str = "export", *more: str) -> dict[str, dict[str, Any]]:
    """The rows of an export, by their ids."""
    arguments = [str(corpus / out), "--sources", str(corpus / "sources"), "--merged", str(corpus / "merged"), *more]
    done = CliRunner().invoke(exporting.export, arguments)
    assert done.exit_code == 0, done.output
    return {row["_id"]: row for part in sorted((corpus / out).iterdir()) for row in pl.read_parquet(part).to_dicts()}


def mixed(corpus: Path, research: bool, out: str) -> Path:
    buckets = {"talk": {"categories": ["instruction"], "description": "toy"}} | {
        "red_team": {"categories": ["red_team"], "description": "toy"}
    }
    mix = {"rows": 0, "weights": {"talk": 1, "red_team": 1}, "epochs": 1, "learning_rate": 1e-5, "why": "toy"}
    section = {"scale": 1.0, "buckets": buckets, "mixes": {"all": mix}, "research": research}
    write_params(corpus, corpus_mixes=section)
    names = {"sources": "sources", "merged": "merged", "params": "params.yaml", "metrics": "m.json", "out": out}
    arguments = [part for name, place in names.items() for part in (f"--{name}", str(corpus / place))]
    done = CliRunner().invoke(corpus_mixes.main, arguments)
    assert done.exit_code == 0, done.output
    return corpus / out


def held(mixes: Path) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(part) for part in sorted((mixes / "all").glob("part-*.parquet"))])


def test_a_row_outside_the_bucket_has_no_labels_and_one_in_it_is_unreviewed_at_first(corpus: Path) -> None:
    found = labels(corpus)
    assert found["talk"][:2] == [(None, None)] * 2
    assert found["attacks"] == [("low", False), ("medium", False), ("high", False), ("medium", False)]


def test_a_label_is_not_lost_where_an_equal_row_without_one_stays(corpus: Path) -> None:
    assert toy.fates(corpus)[3] == "duplicate"
    assert labels(corpus)["talk"][2] == ("medium", False)
    row = exported(corpus)["talk-2"]
    assert (row["_safety_label"], row["_severity"], row["_reviewed"]) == ("refusal", "medium", False)


def test_an_accepted_row_is_reviewed_and_stays(corpus: Path) -> None:
    toy.decide(corpus, KEYS[0], Decision.ACCEPT, Severity.LOW)
    toy.merge(corpus)
    assert toy.fates(corpus)[0] == "kept"
    assert labels(corpus)["attacks"][0] == ("low", True)
    assert exported(corpus)["attacks-0"]["_reviewed"] is True


def test_a_rejected_row_does_not_stay(corpus: Path) -> None:
    toy.decide(corpus, KEYS[2], Decision.REJECT, Severity.HIGH)
    toy.merge(corpus)
    assert toy.fates(corpus) == ["kept", "kept", "review_rejected", "duplicate"]
    assert labels(corpus)["attacks"][2] == ("high", False)
    assert "attacks-2" not in exported(corpus)


def test_a_rejected_text_does_not_come_in_by_another_source(corpus: Path) -> None:
    toy.decide(corpus, KEYS[3], Decision.REJECT)
    toy.merge(corpus)
    assert toy.fates(corpus, "talk") == ["kept", "kept", "review_rejected"]
    assert toy.fates(corpus)[3] == "duplicate"


def test_a_relabelled_row_stays_under_its_new_severity(corpus: Path) -> None:
    toy.decide(corpus, KEYS[0], Decision.RELABEL, Severity.HIGH)
    toy.merge(corpus)
    assert labels(corpus)["attacks"][0] == ("high", True)
    assert exported(corpus)["attacks-0"]["_severity"] == "high"


def test_a_later_decision_takes_the_place_of_an_earlier_one(corpus: Path) -> None:
    toy.decide(corpus, KEYS[0], Decision.REJECT)
    toy.decide(corpus, KEYS[0], Decision.ACCEPT)
    toy.merge(corpus)
    assert toy.fates(corpus)[0] == "kept"


def test_unreviewed_red_team_rows_can_be_dropped_whichever_source_they_stay_of(corpus: Path) -> None:
    toy.decide(corpus, KEYS[0], Decision.ACCEPT)
    toy.params(corpus, unreviewed="drop")
    toy.merge(corpus)
    assert toy.fates(corpus) == ["kept", "unreviewed", "unreviewed", "duplicate"]
    assert toy.fates(corpus, "talk") == ["kept", "kept", "unreviewed"]


def test_a_row_that_is_out_already_keeps_its_fate(corpus: Path) -> None:
    toy.params(corpus, unreviewed="drop", exclude_licences=["MIT"])
    toy.decide(corpus, KEYS[0], Decision.REJECT)
    toy.merge(corpus)
    assert set(toy.index(corpus)["fate"]) == {"licence"}


def test_a_decision_on_a_row_that_is_gone_changes_nothing(corpus: Path) -> None:
    before = toy.index(corpus)
    toy.decide(corpus, "0" * 40, Decision.REJECT)
    toy.merge(corpus)
    assert toy.index(corpus).equals(before)


def test_the_manifest_counts_what_is_reviewed_of_the_rows_that_stay(corpus: Path) -> None:
    toy.decide(corpus, KEYS[0], Decision.ACCEPT)
    toy.decide(corpus, KEYS[2], Decision.REJECT)
    toy.merge(corpus)
    safety = json.loads((corpus / "merged" / "manifest.json").read_text())["safety"]
    assert (safety["reviewed"], safety["unreviewed"]) == (1, 2)
    assert safety["severities"] == {
        "low": {"reviewed": 1, "unreviewed": 0},
        "medium": {"reviewed": 0, "unreviewed": 2},
    }
    assert safety["sources"] == {
        "attacks": {"reviewed": 1, "unreviewed": 1},
        "talk": {"reviewed": 0, "unreviewed": 1},
    }
    assert safety["log"]["entries"] == 2


def test_a_broken_log_stops_the_merge(corpus: Path) -> None:
    toy.decide(corpus, KEYS[0], Decision.ACCEPT)
    (corpus / "reviews.jsonl").write_bytes(b"")
    before = tree_bytes(corpus / "merged")
    options = ("sources", "reviews", "params")
    places = (corpus / "sources", corpus / "reviews.jsonl", corpus / "params.yaml")
    arguments = [part for name, place in zip(options, places, strict=True) for part in (f"--{name}", str(place))]
    done = CliRunner().invoke(corpus_merged.main, [*arguments, "--out", str(corpus / "merged")])
    assert done.exit_code == 2
    assert "restore both files" in done.output
    assert tree_bytes(corpus / "merged") == before


def test_the_merge_has_the_same_bytes_with_any_number_of_workers(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.decide(corpus, KEYS[1], Decision.RELABEL, Severity.HIGH)
    made = []
    for count in ("1", "2"):
        monkeypatch.setenv("LAMPFORGE_WORKERS", count)
        toy.merge(corpus)
        made.append(tree_bytes(corpus / "merged"))
    assert made[0] == made[1]


def test_a_source_without_rows_or_labels_is_no_hindrance() -> None:
    assert reviewing.labels_of([]).is_empty()


def test_a_mix_carries_the_labels(corpus: Path) -> None:
    toy.decide(corpus, KEYS[0], Decision.ACCEPT)
    toy.merge(corpus)
    rows = held(mixed(corpus, research=False, out="mixes"))
    found = {row["_id"]: (row["_safety_label"], row["_severity"], row["_reviewed"]) for row in rows.to_dicts()}
    assert found["talk-0"] == (None, None, None)
    assert found["attacks-0"] == ("benign_help", "low", True)
    assert found["attacks-1"] == ("refusal", "medium", False)


def test_a_mix_takes_rejected_and_unreviewed_rows_for_research_alone_and_is_marked(corpus: Path) -> None:
    toy.decide(corpus, KEYS[0], Decision.ACCEPT)
    toy.decide(corpus, KEYS[2], Decision.REJECT)
    toy.params(corpus, unreviewed="drop")
    toy.merge(corpus)
    plain, research = mixed(corpus, research=False, out="mixes"), mixed(corpus, research=True, out="research")
    assert set(held(plain)["_id"]) == {"talk-0", "talk-1", "attacks-0"}
    assert set(held(research)["_id"]) == {"talk-0", "talk-1", "talk-2", "attacks-0", "attacks-1", "attacks-2"}
    assert "taint" not in files.read_json(plain / "report.json")["all"]
    assert files.read_json(research / "report.json")["all"]["taint"] == "research"
    assert taint.of(plain, plain / "all") is None
    assert taint.of(research / "all") == taint.of(research) == "research"


def test_research_is_marked_even_if_it_takes_no_other_rows(corpus: Path) -> None:
    assert taint.of(mixed(corpus, research=True, out="research") / "all") == "research"
