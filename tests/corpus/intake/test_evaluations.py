"""The evaluation sets as data: every bundled sample is read in its published schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stages.corpus.intake import evaluations
from stages.corpus.intake.evaluations import Evaluation, Item
from stages.errors import UserError

FOLDER = Path(__file__).resolve().parents[3] / "data" / "seed" / "corpus" / "evaluations"
RAW = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "raw"
SETS = evaluations.load(FOLDER)
ALL = {
    "gsm8k", "hellaswag", "humaneval", "truthfulqa", "mmlu", "arc", "math", "theoremqa", "mbpp", "bfcl", "mt_bench",
    "lamp",
}  # fmt: skip


def one(**changed: object) -> Evaluation:
    base: dict[str, object] = {
        "hub": None, "configs": (), "split": "test", "licence": "MIT", "question": ("question",), "choices": (),
        "small_talk": (), "columns": (), "local": (), "sample": "own.jsonl",
    }  # fmt: skip
    return Evaluation(**(base | changed))  # type: ignore[arg-type]


def read(folder: Path, *records: object, **changed: object) -> list[Item]:
    (folder / "own.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return evaluations.items(one(**changed), [folder / "own.jsonl"])


def test_all_sets_are_there() -> None:
    assert set(SETS) == ALL


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_sample_has_a_dozen_items_or_more(name: str) -> None:
    items = evaluations.items(SETS[name], evaluations.bundled(FOLDER, SETS[name]))
    assert len(items) >= 12
    assert all(item.question.strip() for item in items)


@pytest.mark.parametrize("name", ["hellaswag", "mmlu", "arc"])
def test_items_with_choices_have_four(name: str) -> None:
    items = evaluations.items(SETS[name], evaluations.bundled(FOLDER, SETS[name]))
    assert {len(item.choices) for item in items} == {4}


def test_the_lamp_prompts_are_those_of_the_benchmark() -> None:
    items = evaluations.items(SETS["lamp"], evaluations.bundled(FOLDER, SETS["lamp"]))
    assert len(items) == 21
    assert Item("show a sun") in items


def test_the_first_field_that_a_record_has_is_the_question(tmp_path: Path) -> None:
    assert read(tmp_path, {"prompt": "Why?"}, {"text": "How?", "prompt": "No."}, question=("text", "prompt")) == [
        Item("Why?"), Item("How?"),
    ]  # fmt: skip


def test_every_turn_of_a_user_is_an_item_and_nothing_else(tmp_path: Path) -> None:
    messages = [[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]]
    assert read(tmp_path, {"question": messages}, {"question": ["One?", "Two?", " "]}) == [
        Item("Why?"), Item("One?"), Item("Two?"),
    ]  # fmt: skip


def test_choices_are_found_in_lists_dicts_and_columns(tmp_path: Path) -> None:
    records = [
        {"question": "Which?", "choices": {"text": ["a", "b"], "label": ["A", "B"]}},
        {"question": "Which?", "choices": ["a", 2]},
        {"question": "Which?", "A": "a", "B": "b"},
    ]
    found = read(tmp_path, *records, choices=("choices", "A", "B"))
    assert found == [Item("Which?", ("a", "b")), Item("Which?", ("a", "2")), Item("Which?", ("a", "b"))]


def test_small_talk_is_left_out(tmp_path: Path) -> None:
    assert read(tmp_path, {"question": "Who?"}, {"question": "Why?"}, small_talk=("Who?",)) == [Item("Why?")]


def test_a_record_without_a_question_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"own\.jsonl, record 2: no question or prompt; it has text"):
        read(tmp_path, {"question": "Why?"}, {"text": "Why?"}, question=("question", "prompt"))


def test_a_line_that_is_no_record_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"own\.jsonl, record 1: not_an_object"):
        read(tmp_path, [1])


def test_local_files_are_those_of_the_patterns_less_those_taken_away(tmp_path: Path) -> None:
    for name in ("b.json", "a.json", "a_answer.json", "c.txt"):
        (tmp_path / name).touch()
    found = evaluations.local(tmp_path, one(local=("*.json", "!*answer*")))
    assert [path.name for path in found] == ["a.json", "b.json"]


def test_a_set_without_local_files_has_none(tmp_path: Path) -> None:
    assert evaluations.local(tmp_path, one(local=("x/*",))) == []


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        evaluations.load(tmp_path)


def test_a_file_that_is_no_mapping_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "evaluations.yaml").write_text("")
    with pytest.raises(UserError, match="no mapping of sets"):
        evaluations.load(tmp_path)


@pytest.mark.skipif(not RAW.is_dir(), reason="the published files are not here")
def test_published_files_are_read_whole() -> None:
    counts = {name: len(evaluations.items(one, evaluations.local(RAW, one))) for name, one in SETS.items()}
    assert {name: count for name, count in counts.items() if count} == {
        "gsm8k": 1319, "humaneval": 164, "truthfulqa": 786, "theoremqa": 800, "bfcl": 400, "mt_bench": 160,
    }  # fmt: skip
