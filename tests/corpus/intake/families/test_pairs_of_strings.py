"""Conversations as bare lists of strings."""

from collections import Counter

import pytest
from hypothesis import given

from stages.corpus.intake.families.pairs_of_strings import FAMILY, Options, map_item
from stages.corpus.rows.row import Reject, Row
from tests.corpus.intake.families.mapping import DEEP, JUNK, SOURCES, lines, real, rejected, sample, texts

PLAIN = Options()


def test_the_strings_are_the_users_and_the_assistants_by_turns():
    assert map_item({"id": "0", "data": ["a", " b\n", "c", "d"]}, PLAIN) == Row("c", "", "d", (("a", "b"),))


def test_a_last_question_without_an_answer_is_left_out():
    assert map_item({"data": ["a", "b", "thanks"]}, PLAIN) == Row("a", "", "b")


def test_an_empty_string_holds_its_speakers_place():
    assert map_item({"data": ["a", "", "b", "c"]}, PLAIN) == Row("a\n\nb", "", "c")
    assert map_item({"data": ["a", None, "b", "c"]}, PLAIN) == Row("a\n\nb", "", "c")


def test_the_field_may_have_another_name():
    assert map_item({"turns": ["a", "b"]}, Options(data="turns")) == Row("a", "", "b")


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"id": "0"}, "missing_field"),
        ({"data": None}, "wrong_type"),
        ({"data": "ab"}, "wrong_type"),
        ({"data": ["a", 4.24]}, "wrong_type"),
        ({"data": [["a", "b"]]}, "wrong_type"),
        ({"data": []}, "no_answered_turn"),
        ({"data": ["a"]}, "no_answered_turn"),
        ({"data": ["a", " "]}, "empty_output"),
        ({"data": ["", "b"]}, "empty_instruction"),
        ({"data": DEEP}, "wrong_type"),
        ("data", "not_an_object"),
    ],
)
def test_what_is_no_conversation_says_why(item, reason):
    assert rejected(map_item(item, PLAIN)) == reason


@given(JUNK)
def test_junk_never_raises(junk):
    for item in (junk, {"data": junk}, {"data": [junk, "b", junk]}):
        assert isinstance(map_item(item, PLAIN), Row | Reject)


def test_real_turns_come_back_letter_by_letter():
    for question in lines(real("mt_bench", "question.jsonl")):
        first, second = question["turns"]
        assert texts(map_item({"data": [first, "x", second, "y"]}, PLAIN)) == [first.strip(), "x", second.strip(), "y"]


def test_the_bundled_ultrachat_maps_with_all_its_turns():
    found = sample("ultrachat_raw", FAMILY)
    assert Counter(rejected(item) for item in found if isinstance(item, Reject)) == {
        "no_answered_turn": 1,
        "empty_instruction": 1,
        "wrong_type": 1,
    }
    assert Counter(len(row.history) for row in found if isinstance(row, Row)) == {0: 14, 1: 9, 2: 2}
    left_out = []
    for item, row in zip(lines((SOURCES / "ultrachat_raw" / "sample.jsonl").read_bytes()), found, strict=True):
        if isinstance(row, Row):
            kept = "\n\n".join(texts(row))
            whole = "\n\n".join(text.strip() for text in item["data"] if text.strip())
            assert whole.startswith(kept)
            left_out += [whole[len(kept) :].strip()] if whole != kept else []
    assert left_out == ["Thanks a lot, that already helps me greatly."]
