"""Two answers to the same question, one liked better."""

from collections import Counter

import pytest
from hypothesis import given

from stages.corpus.intake.families.preference import FAMILY, Options, map_item
from stages.corpus.rows.row import Reject, Row
from tests.corpus.intake.families.mapping import DEEP, JUNK, SOURCES, lines, real, rejected, sample, texts

PLAIN = Options()
NAMES = {"S": "system", "U": "user", "A": "assistant"}


def said(*lines_):
    """'U hello' is the user's message "hello"."""
    return [{"role": NAMES[line[0]], "content": line[2:]} for line in lines_]


def record(chosen, other, **fields):
    return {"chosen": said(*chosen), "rejected": said(*other), **fields}


def test_the_chosen_answer_is_the_target_and_the_other_is_kept_beside_it():
    assert map_item(record(["U q", "A good"], ["U q", "A bad"], prompt="q"), PLAIN) == Row(
        "q", "", "good", rejected="bad"
    )


def test_turns_before_and_the_system_prompt_are_kept():
    before = ["S s", "U a", "A b", "U q"]
    row = map_item(record([*before, "A good"], [*before, "A bad"]), PLAIN)
    assert row == Row("q", "", "good", (("a", "b"),), "s", "bad")


@pytest.mark.parametrize(
    "other",
    [
        ["U another", "A bad"],
        ["S s", "U q", "A bad"],
        ["U a", "A b", "U q", "A bad"],
        ["U q", "A good"],
        ["U q", "A  "],
        ["U q"],
        [],
    ],
)
def test_an_answer_to_something_else_or_none_or_the_same_is_no_rejected_one(other):
    assert map_item(record(["U q", "A good"], other), PLAIN) == Row("q", "", "good")


@pytest.mark.parametrize(
    ("better", "worse", "kept"),
    [
        (8.5, 6, "bad"),
        (7.0, 7.0, ""),
        (6, 8, ""),
        (None, None, "bad"),
        (0.0, 0.0, ""),
        (1, None, "bad"),
        ("9", 1, "bad"),
    ],
)
def test_an_answer_that_was_not_scored_lower_is_no_rejected_one(better, worse, kept):
    item = record(["U q", "A good"], ["U q", "A bad"], score_chosen=better, score_rejected=worse)
    assert map_item(item, PLAIN).rejected == kept


@pytest.mark.parametrize("prompt", ["q", said("U q")])
def test_answers_that_stand_alone_answer_the_prompt(prompt):
    assert map_item(record(["A good"], ["A bad"], prompt=prompt), PLAIN) == Row("q", "", "good", rejected="bad")


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"prompt": "q"}, "missing_field"),
        ({"chosen": said("U q", "A a")}, "missing_field"),
        ({"chosen": "a", "rejected": "b", "prompt": "q"}, "wrong_type"),
        ({"chosen": said("A a"), "rejected": []}, "wrong_type"),
        (record(["U q", "A  "], ["U q", "A bad"]), "empty_output"),
        (record(["U q"], ["U q", "A bad"]), "no_answered_turn"),
        (record([], []), "no_answered_turn"),
        ({"chosen": DEEP, "rejected": DEEP}, "wrong_type"),
        (7, "not_an_object"),
    ],
)
def test_what_has_no_chosen_answer_says_why(item, reason):
    assert rejected(map_item(item, PLAIN)) == reason


@given(JUNK)
def test_junk_never_raises(junk):
    alone = {"chosen": said("A a"), "rejected": said("A b"), "prompt": junk, "score_chosen": junk, "score_rejected": 1}
    for item in (junk, {"chosen": junk, "rejected": junk}, {"chosen": said("U q", "A a"), "rejected": junk}, alone):
        assert isinstance(map_item(item, PLAIN), Row | Reject)


def test_real_turns_come_back_letter_by_letter():
    for question in lines(real("mt_bench", "question.jsonl")):
        first, second = (turn.strip() for turn in question["turns"])
        row = map_item(record([f"U {first}", f"A {second}"], [f"U {first}", "A x"], prompt=first), PLAIN)
        assert row == Row(first, "", second, rejected="x")


def test_the_bundled_ultrafeedback_never_trains_on_what_was_rejected():
    found = sample("ultrafeedback", FAMILY)
    assert Counter(rejected(item) for item in found if isinstance(item, Reject)) == {
        "empty_output": 1,
        "wrong_type": 1,
        "no_answered_turn": 1,
    }
    rows = [row for row in found if isinstance(row, Row)]
    assert (len(rows), sum(bool(row.rejected) for row in rows)) == (25, 21)
    records = lines((SOURCES / "ultrafeedback" / "sample.jsonl").read_bytes())
    for item, row in zip(records, found, strict=True):
        if isinstance(row, Row):
            chosen = [message["content"].strip() for message in item["chosen"]]
            assert ([row.system] if row.system else []) + texts(row) == chosen
            assert row.rejected in ("", item["rejected"][-1]["content"].strip())
            assert row.rejected != row.output
