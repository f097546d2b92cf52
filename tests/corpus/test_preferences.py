"""Pairs of a better and a worse answer: which ones are taken, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from stages.corpus import merging, preferences, scoring, writing
from stages.corpus.rows import store
from stages.corpus.rows.row import Row
from tests.corpus import preference_rows
from tests.corpus.preference_rows import Toy, pair

KNOBS = scoring.Knobs(model="", revision=None, max_tokens=16, batch_size=1, threads=1)


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is changed for a test is not changed in other processes."""
    monkeypatch.setenv("LAMPFORGE_WORKERS", "1")


class ByLength:
    """Prefers short answers, and sees what it was asked."""

    def __init__(self) -> None:
        self.prompts: list[scoring.Messages] = []

    def score(self, prompts: Sequence[scoring.Messages], answers: Sequence[str]) -> list[float]:
        self.prompts += prompts
        return [float("nan") if "?" in answer else -float(len(answer)) for answer in answers]


def cut(folder: Path, sources: dict[str, Toy], fate: Any = lambda row: "kept", **more: Any) -> tuple[Any, list[Any]]:
    """The report, and the pairs as written."""
    raw, merged = preference_rows.write(folder, sources, fate)
    origins = writing.origins(raw, merging.reports(merged, raw))
    ranking = preferences.Ranking(merged / merging.INDEX, "none", KNOBS, 100, 7, "local")
    place = folder / "place"
    (place / "out").mkdir(parents=True)
    report = preferences.cut(origins, replace(ranking, **more), place)
    return report, pq.read_table(place / "out" / preferences.TRAIN).to_pylist()


def toy(*rows: Row) -> dict[str, Toy]:
    return {"chats": Toy(5, "instruction", [rows])}


@pytest.fixture
def by_length(monkeypatch: pytest.MonkeyPatch) -> ByLength:
    scorer = ByLength()
    monkeypatch.setattr(scoring, "scorer", lambda name, knobs: scorer)
    return scorer


def test_a_pair_is_the_prompt_as_messages_and_two_answers(tmp_path: Path) -> None:
    row = Row("translate", "un chat", "a cat", (("hi", "hello"), ("so", "yes?")), "be brief", rejected="a dog")
    _, [found] = cut(tmp_path, toy(Row("q", "", "a"), row))
    assert found == {
        "prompt": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "hello"},
            {"role": "user", "content": "so"},
            {"role": "assistant", "content": "yes?"},
            {"role": "user", "content": "translate\n\nun chat"},
        ],
        "chosen": [{"role": "assistant", "content": "a cat"}],
        "rejected": [{"role": "assistant", "content": "a dog"}],
        "_id": "chats-1",
        "_source": "chats",
        "_category": "instruction",
        "_license": "MIT",
        "_margin": None,
    }


@pytest.mark.parametrize(("instruction", "input"), [("ask", ""), ("", "ask")])
def test_what_is_asked_has_no_empty_lines_around_it(instruction: str, input: str) -> None:
    row = {"system": "", "history": [], "instruction": instruction, "input": input}
    assert preferences.prompt_of(row) == [{"role": "user", "content": "ask"}]


def test_an_id_is_the_one_that_the_mixes_give_to_the_row(tmp_path: Path) -> None:
    rows = [pair(1), pair(2)]
    _, found = cut(tmp_path, {"chats": Toy(5, "instruction", [[], rows])})
    origin = writing.Origin("chats", "instruction", "MIT", tmp_path / "sources" / "chats" / "rows-00001.parquet")
    out = tmp_path / "mix.parquet"
    writing.whole(origin, tmp_path / "merged" / merging.INDEX, None, out, "parquet")
    assert [row["_id"] for row in found] == pq.read_table(out).column("_id").to_pylist()


def test_only_rows_that_stay_and_have_a_rejected_answer_are_seen(tmp_path: Path) -> None:
    rows = [pair(1), pair(2), Row("q", "", "a"), pair(3)]
    report, found = cut(tmp_path, toy(*rows), lambda row: "duplicate" if row == rows[1] else "kept")
    assert [row["chosen"][0]["content"] for row in found] == ["answer 1", "answer 3"]
    assert (report["seen"], report["kept"]) == (2, 2)


def test_empty_and_equal_answers_are_dropped_and_counted(tmp_path: Path) -> None:
    rows = [pair(1, rejected=" \n"), pair(2, "Yes,  it is", "yes, it\nis"), pair(3, "yes", "yes."), pair(4, " ", "x")]
    report, found = cut(tmp_path, toy(*rows))
    assert [row["chosen"][0]["content"] for row in found] == ["yes"]
    assert report["dropped"] == {"empty": 2, "identical": 1, "not_scored": 0, "over_limit": 0}


def test_the_pairs_with_the_largest_margins_are_taken(tmp_path: Path, by_length: ByLength) -> None:
    rows = [pair(number, "a" * number, "worse " * 3) for number in (9, 3, 20, 1, 7)]
    report, found = cut(tmp_path, toy(*rows), scorer="likelihood", per_category=3)
    assert [(row["chosen"][0]["content"], row["_margin"]) for row in found] == [("aaa", 15), ("a", 17), ("a" * 7, 11)]
    assert report["dropped"]["over_limit"] == 2
    assert report["categories"]["instruction"]["margins"] == {"least": 11.0, "median": 15.0, "most": 17.0}
    assert by_length.prompts[:2] == [[{"role": "user", "content": "question 9"}]] * 2


def test_a_pair_that_the_scorer_cannot_judge_is_dropped(tmp_path: Path, by_length: ByLength) -> None:
    report, found = cut(tmp_path, toy(pair(1), pair(2, "what?"), pair(3, rejected="no?")), scorer="likelihood")
    assert len(found) == 1
    assert report["dropped"]["not_scored"] == 2


def test_the_limit_is_one_for_all_sources_of_a_category(tmp_path: Path) -> None:
    sources = {
        "first": Toy(1, "instruction", [[pair(number) for number in range(10)], [pair(10)]]),
        "second": Toy(2, "multiturn_dialog", [[pair(number, f"b {number}") for number in range(3)]]),
        "third": Toy(3, "instruction", [[pair(number, f"c {number}") for number in range(10)]]),
    }
    report, found = cut(tmp_path, sources, per_category=8)
    assert {name: category["kept"] for name, category in report["categories"].items()} == {
        "instruction": 8,
        "multiturn_dialog": 3,
    }
    assert sum(source["kept"] for source in report["sources"].values()) == report["kept"] == len(found) == 11
    assert {row["_source"] for row in found} == {"first", "second", "third"}
    for fates in (report, *report["categories"].values(), *report["sources"].values()):
        assert fates["seen"] == fates["kept"] + sum(fates["dropped"].values())


def test_equal_margins_are_drawn_by_the_rows_alone(tmp_path: Path) -> None:
    rows = [pair(number) for number in range(60)]
    one = cut(tmp_path / "one", {"a": Toy(1, "instruction", [rows])}, per_category=20)[1]
    # Other files, another priority, and rows before them: the same rows are drawn as far as they fit.
    more = [*(pair(number) for number in range(60, 66)), *reversed(rows)]
    two = cut(tmp_path / "two", {"a": Toy(9, "instruction", [more[:30], more[30:]])}, per_category=20)[1]
    first, second = ({row["prompt"][0]["content"] for row in found} for found in (one, two))
    new = second - first
    assert new <= {f"question {number}" for number in range(60, 66)}
    assert len(first - second) == len(new)
    assert first != {f"question {number}" for number in range(20)}


def test_another_seed_draws_others(tmp_path: Path) -> None:
    rows = [pair(number) for number in range(60)]
    one = cut(tmp_path / "one", toy(*rows), per_category=20)[1]
    two = cut(tmp_path / "two", toy(*rows), per_category=20, seed=8)[1]
    assert one != two


def test_pairs_are_written_in_the_order_of_their_ids(tmp_path: Path) -> None:
    sources = {"b": Toy(1, "instruction", [[pair(1), pair(2)], [pair(3)]]), "a": Toy(2, "code", [[pair(4, "x")]])}
    _, found = cut(tmp_path, sources)
    assert [row["_id"] for row in found] == ["b-0", "b-1", f"b-{store.row_id(0, 1, 0)}", "a-0"]


def test_a_corpus_without_pairs_gives_an_empty_file_of_the_same_columns(tmp_path: Path) -> None:
    report, found = cut(tmp_path, {"plain": Toy(1, "code", [[Row("q", "", "a")], []])})
    assert found == [] and report["categories"] == {} and report["seen"] == 0
    assert pq.read_schema(tmp_path / "place" / "out" / preferences.TRAIN).names == preferences.PAIRS.names
    assert "no pairs" in preferences.line(report)


def test_many_pairs_pass_through_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preferences, "_BATCH", 4)
    rows = [row for number in range(30) for row in (pair(number), Row(f"plain {number}", "", "a"))]
    report, found = cut(tmp_path, {"a": Toy(1, "code", [rows[:25], rows[25:]])})
    assert [row["chosen"][0]["content"] for row in found] == [f"answer {number}" for number in range(30)]
    assert report["kept"] == 30


def test_the_metrics_are_the_counts(tmp_path: Path) -> None:
    report, _ = cut(tmp_path, toy(pair(1), pair(2, "a", "A")))
    dropped = {"empty": 0, "identical": 1, "not_scored": 0, "over_limit": 0}
    assert preferences.metrics(report) == {
        "seen": 2, "kept": 1, "dropped": dropped, "kept_by_category": {"instruction": 1},
    }  # fmt: skip
    assert preferences.line(report) == "1 pairs of 2 (instruction 1); dropped: 1 identical"
