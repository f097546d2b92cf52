"""Which rows wait for a review, in which order, and their text."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from stages.corpus import review_queue
from stages.corpus.review_log import Decision
from stages.errors import UserError
from tests.corpus import safety_corpus as toy
from tests.corpus.safety_corpus import ATTACKS, KEYS


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy.made(tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def own(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the corpus that a test may change."""
    monkeypatch.setenv("LAMPFORGE_WORKERS", "1")
    return shutil.copytree(corpus, tmp_path / "corpus")


def bucket(folder: Path) -> pl.DataFrame:
    return review_queue.bucket(folder / "sources", folder / "merged")


def test_the_most_severe_come_first_and_then_those_of_the_first_source(corpus: Path) -> None:
    items = review_queue.items(bucket(corpus))
    assert [(item.source, item.severity) for item in items] == [
        ("attacks", "high"),
        ("talk", "medium"),
        ("attacks", "medium"),
        ("attacks", "low"),
    ]


def test_a_row_is_asked_for_once_though_two_sources_have_it(corpus: Path) -> None:
    assert sorted(bucket(corpus)["key"]) == sorted(KEYS)


def test_what_is_decided_on_waits_no_longer(corpus: Path) -> None:
    left = review_queue.waiting(bucket(corpus), {KEYS[0], KEYS[2]})
    assert set(left["key"]) == {KEYS[1], KEYS[3]}
    assert review_queue.waiting(left, ()).height == 2


def test_rows_that_a_review_keeps_out_can_be_reviewed_still(own: Path) -> None:
    toy.decide(own, KEYS[0], Decision.REJECT)
    toy.params(own, unreviewed="drop")
    toy.merge(own)
    assert sorted(bucket(own)["key"]) == sorted(KEYS)


def test_a_key_may_be_shortened_as_long_as_it_is_one_rows_alone(corpus: Path) -> None:
    rows = bucket(corpus)
    assert review_queue.found(rows, KEYS[1][:12].upper()).key == KEYS[1]
    for wrong in ("", "x", "0" * 40):
        with pytest.raises(UserError, match=r"no rows of the safety bucket have it"):
            review_queue.found(rows, wrong)
    twice = pl.concat([rows, rows])
    with pytest.raises(UserError, match=r"2 rows of the safety bucket have it"):
        review_queue.found(twice, KEYS[1])


def test_the_text_of_a_row_is_the_sources(corpus: Path) -> None:
    for item in review_queue.items(bucket(corpus)):
        record = ATTACKS[KEYS.index(item.key)]
        row = review_queue.text(corpus / "sources", item)
        assert (row["instruction"], row["output"]) == (record["prompt"], record["response"])


def test_a_row_that_its_source_lacks_is_named(corpus: Path) -> None:
    item = review_queue.items(bucket(corpus))[0]._replace(rid=5)
    with pytest.raises(UserError, match="lacks row 5; make it again"):
        review_queue.text(corpus / "sources", item)


def test_a_corpus_that_is_not_there_or_of_before_is_named(own: Path) -> None:
    index = own / "merged" / "index.parquet"
    pl.read_parquet(index).drop("reviewed").write_parquet(index)
    with pytest.raises(UserError, match="says nothing of reviews; merge the corpus again"):
        bucket(own)
    index.unlink()
    with pytest.raises(UserError, match=r"index\.parquet: no such file; merge the corpus first"):
        bucket(own)


def test_facts_of_other_rows_are_noticed(own: Path) -> None:
    shutil.copy(own / "sources" / "talk" / "facts.parquet", own / "sources" / "attacks" / "facts.parquet")
    with pytest.raises(UserError, match="not of the sources in"):
        bucket(own)
    (own / "sources" / "attacks" / "facts.parquet").unlink()
    with pytest.raises(UserError, match=r"facts\.parquet: no such file"):
        bucket(own)
