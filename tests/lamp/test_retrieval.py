"""The baseline without a model: the answer of the training request that says most nearly the same."""

import pytest

from stages import files
from stages.errors import UserError
from stages.lamp.retrieval import nearest_answers


def train_file(folder, *pairs):
    rows = (
        {
            "messages": [
                {"role": "system", "content": "You are a lamp."},
                {"role": "user", "content": f"Light program for: {request}"},
                {"role": "assistant", "content": response},
            ]
        }
        for request, response in pairs
    )
    files.write_rows(folder / "train.jsonl", rows)
    return folder / "train.jsonl"


def test_the_nearest_request_is_the_one_with_the_most_similar_words(tmp_path):
    known = train_file(tmp_path, ("draw a dog", "dog"), ("a blue star", "star"))
    assert nearest_answers(["show a star", "please draw the dog"], known) == ["star", "dog"]


def test_rows_without_a_system_turn_are_read_as_well(tmp_path):
    chat = [{"role": "user", "content": "draw a dog"}, {"role": "assistant", "content": "dog"}]
    files.write_rows(tmp_path / "train.jsonl", [{"messages": chat}])
    assert nearest_answers(["the dog"], tmp_path / "train.jsonl") == ["dog"]


def test_politeness_does_not_make_requests_similar(tmp_path):
    known = train_file(tmp_path, ("could you please show a cat", "cat"), ("skull", "skull"))
    assert nearest_answers(["could you please show a skull"], known) == ["skull"]


def test_the_order_of_words_does_not_matter(tmp_path):
    known = train_file(tmp_path, ("red and green waves", "waves"), ("green breathing", "breathing"))
    assert nearest_answers(["waves in green and red"], known) == ["waves"]


def test_whatever_is_asked_has_an_answer(tmp_path):
    known = train_file(tmp_path, ("a blue star", "star"))
    assert nearest_answers(["xyzzy", "", "a blue star"], known) == ["star"] * 3
    assert nearest_answers([], known) == []


def test_a_missing_or_broken_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"train\.jsonl"):
        nearest_answers(["red"], tmp_path / "train.jsonl")
    (tmp_path / "train.jsonl").write_text('{"prompt": "red"}\n')
    with pytest.raises(UserError, match=r"train\.jsonl:1: the row has no messages"):
        nearest_answers(["red"], tmp_path / "train.jsonl")
