"""How the messages of a conversation become system prompt, history and last pair."""

import pytest

from stages.corpus.intake.turns import from_messages, row_of, shown, spoken
from stages.corpus.rows.row import Reject, Row
from tests.corpus.intake.families.mapping import DEEP, rejected

NAMES = {"S": "system", "U": "user", "A": "assistant"}


def said(*lines):
    """'U hello' is the user's message "hello"."""
    return [(NAMES.get(line[0], line[0]), line[2:]) for line in lines]


# What is kept ------------------------------------------------------------------------------------------------


def test_the_last_pair_is_the_row_and_every_turn_before_it_history():
    assert from_messages(said("U a", "A b", "U c", "A d", "U e", "A f")) == ("", (("a", "b"), ("c", "d")), "e", "f")


def test_a_single_exchange_has_no_history():
    assert from_messages(said("U a", "A b")) == ("", (), "a", "b")


def test_system_messages_at_the_head_are_the_system_prompt():
    assert from_messages(said("S be kind", "S be brief", "U a", "A b")) == ("be kind\n\nbe brief", (), "a", "b")


def test_white_space_goes_around_texts_and_stays_inside():
    assert from_messages([("user", " a\n\n  b\t"), ("assistant", "\nc  d ")]) == ("", (), "a\n\n  b", "c  d")


def test_messages_of_one_role_in_a_row_are_joined_by_a_blank_line():
    assert from_messages(said("U a", "U b", "A c", "A d", "U e", "A f", "A g")) == (
        "",
        (("a\n\nb", "c\n\nd"),),
        "e",
        "f\n\ng",
    )


def test_an_empty_message_counts_as_not_there():
    assert from_messages(said("U a", "A  ", "U b", "A c")) == ("", (), "a\n\nb", "c")
    assert from_messages(said("U a", "A b", "U ", "A c")) == ("", (), "a", "b\n\nc")
    assert from_messages(said("U a", "S  ", "A b")) == ("", (), "a", "b")


def test_a_question_at_the_end_that_nobody_answered_is_left_out():
    assert from_messages(said("S s", "U a", "A b", "U c", "A d", "U e")) == ("s", (("a", "b"),), "c", "d")
    assert from_messages(said("U a", "A b", "U c", "A  ")) == ("", (), "a", "b")


def test_a_text_that_looks_like_a_mark_is_text():
    assert from_messages(said("U None", "A 0")) == ("", (), "None", "0")


# What is rejected --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([], "no_answered_turn"),
        (said("S only"), "no_answered_turn"),
        (said("U a"), "no_answered_turn"),
        (said("U a", "U b"), "no_answered_turn"),
        (said("U a", "A  "), "empty_output"),
        (said("U  ", "A a"), "empty_instruction"),
        (said("A a", "U b", "A c"), "bad_role_order"),
        (said("U a", "S s", "A b"), "bad_role_order"),
        (said("U a", "A b", "S s", "U c", "A d"), "bad_role_order"),
        (said("U a", "tool x", "A b"), "bad_role_order"),
    ],
)
def test_what_is_no_conversation_says_why(messages, reason):
    assert rejected(from_messages(messages)) == reason
    assert rejected(row_of(messages)) == reason


def test_a_reject_shows_the_message_that_does_not_fit():
    assert "'tool' says 'the result'" in from_messages([("user", "a"), ("tool", "the result")]).detail


def test_a_row_of_a_conversation_holds_its_parts():
    assert row_of(said("S s", "U a", "A b", "U c", "A d")) == Row("c", "", "d", (("a", "b"),), "s")


# Lists of objects --------------------------------------------------------------------------------------------


def test_roles_are_renamed_and_unknown_ones_kept():
    value = [{"from": "human", "value": "a", "weight": 0}, {"from": "tool", "value": None}]
    assert spoken(value, "from", "value", {"human": "user"}) == [("user", "a"), ("tool", "")]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "wrong_type"),
        ({"from": "human", "value": "a"}, "wrong_type"),
        ("human: a", "wrong_type"),
        (["human", "gpt"], "wrong_type"),
        ([None], "wrong_type"),
        ([[]], "wrong_type"),
        ([{"from": "human", "value": ["a"]}], "wrong_type"),
        ([{"from": None, "value": "a"}], "wrong_type"),
        ([{"from": ["human"], "value": "a"}], "wrong_type"),
        ([{"from": "human"}], "missing_field"),
        ([{"value": "a"}], "missing_field"),
        (DEEP, "wrong_type"),
        ([{"from": "human", "value": DEEP}], "wrong_type"),
    ],
)
def test_what_is_no_list_of_messages_says_why(value, reason):
    assert rejected(spoken(value, "from", "value", {})) == reason


def test_a_value_is_shown_in_a_line_however_large_or_deep():
    assert shown({"b": [1], "a": None}) == "{'a': None, 'b': [1]}"
    assert len(shown("x" * 10**6)) <= 200
    assert len(shown([["y" * 500] * 500] * 500)) <= 200
    assert "..." in shown(DEEP)


def test_a_reject_is_no_row():
    assert isinstance(row_of([]), Reject)
