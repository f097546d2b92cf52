"""The family of talks: an utterance a record, or a list of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpus.intake.families.dialogue_utterances import Options, items, map_item
from stages.corpus.rows.row import Reason, Row
from tests.corpus.intake.families.mapping import JSON, bundled, counted

LIST = Options(dialog="dialog", spaced=True)


def utterance(index, speaker, text, conversation="hit:1_conv:2", situation="My cat ran away_comma_ again."):
    return {
        "conv_id": conversation,
        "utterance_idx": index,
        "context": "sad",
        "prompt": situation,
        "speaker_idx": speaker,
        "utterance": text,
        "selfeval": "5|5|5_5|5|5",
        "tags": "",
    }


def talk(*texts, **fields):
    return [utterance(n, 7 + n % 2, text, **fields) for n, text in enumerate(texts, 1)]


def rows(records, options=None):
    options = options or Options()
    return [map_item(item, options) for item in items(records, options)]


def test_a_conversation_is_one_row_with_its_situation_as_context():
    assert rows(talk("I miss my cat.", "Oh no!", "It's been a week.", "Poor thing_comma_ poor you.")) == [
        Row(
            "It's been a week.",
            "My cat ran away, again.",
            "Poor thing, poor you.",
            (("I miss my cat.", "Oh no!"),),
        )
    ]


def test_the_emotion_is_no_part_of_the_text():
    (row,) = rows(talk("I miss my cat.", "Oh no!"))
    assert "sad" not in " ".join(row[:3])


def test_pieces_of_two_conversations_are_told_apart_and_ordered():
    first, second = talk("A?", "B."), talk("C?", "D.", conversation="hit:3_conv:4")
    found = rows([first[1], second[0], second[1], first[0]])
    assert [(row.instruction, row.output) for row in found] == [("A?", "B."), ("C?", "D.")]


def test_who_speaks_first_is_the_user_whatever_the_number():
    row = map_item(
        [utterance(1, 9, "A?"), utterance(2, 0, "B."), utterance(3, 9, "C?"), utterance(4, 0, "D.")], Options()
    )
    assert (row.history, row.instruction, row.output) == ((("A?", "B."),), "C?", "D.")


def test_one_who_speaks_twice_says_both():
    row = map_item([utterance(1, 0, "A?"), utterance(2, 0, "And B?"), utterance(3, 1, "C.")], Options())
    assert (row.instruction, row.output) == ("A?\n\nAnd B?", "C.")


def test_a_situation_that_is_said_word_for_word_is_not_told_twice():
    (row,) = rows(talk("My cat ran away_comma_ again.", "Oh no!", "Yes.", "I'm sorry."))
    assert row.input == ""


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"utterance": 3}, Reason.WRONG_TYPE),
        ({"speaker_idx": None}, Reason.WRONG_TYPE),
        ({"speaker_idx": [1]}, Reason.WRONG_TYPE),
        ({"prompt": 1}, Reason.WRONG_TYPE),
        ({"conv_id": None}, Reason.MISSING_FIELD),
    ],
)
def test_a_field_of_another_type_rejects_the_conversation(fields, reason):
    first, second = talk("A?", "B.")
    reject = map_item([{**first, **fields}, second], Options())
    assert reject.reason is reason and reject.detail


def test_a_remark_that_nobody_answers_is_no_row():
    assert counted(rows(talk("I miss my cat."))) == {Reason.NO_ANSWERED_TURN: 1}


def test_a_list_of_utterances_alternates_and_loses_the_spaces_of_its_tokens():
    record = {
        "dialog": ["Say , Jim . ", " Yes ? ", "I \u2019 m off . ", "Bye ! ", "Bye . "],
        "act": [1],
        "emotion": [0],
    }
    assert rows([record], LIST) == [Row("I\u2019m off.", "", "Bye!", (("Say, Jim.", "Yes?"),))]


@pytest.mark.parametrize(
    ("dialog", "reason"),
    [
        ("Say , Jim .", Reason.WRONG_TYPE),
        (["A ?", 3], Reason.WRONG_TYPE),
        (["A ?", "", "C ."], Reason.BAD_ROLE_ORDER),
        ([], Reason.NO_ANSWERED_TURN),
        (None, Reason.WRONG_TYPE),
    ],
)
def test_a_list_that_is_no_talk_is_rejected(dialog, reason):
    assert map_item({"dialog": dialog}, LIST).reason is reason


def test_a_missing_list_is_named():
    assert map_item({"text": "A ?"}, LIST).reason is Reason.MISSING_FIELD


@pytest.mark.parametrize("options", [Options(), LIST])
@given(junk=JSON, value=JSON, field=st.sampled_from(sorted(utterance(1, 1, ""))))
def test_junk_never_raises(options, junk, value, field):
    spoilt = {**utterance(1, 1, "A?"), field: value}
    found = rows([spoilt, junk, utterance(2, 2, "B."), {"dialog": value}], options)
    for result in [*found, map_item(junk, options), map_item([junk], options)]:
        assert isinstance(result, Row) or result.detail


@pytest.mark.parametrize(
    ("key", "conversations", "counts"),
    [
        ("empathetic", 28, {"row": 26, Reason.NO_ANSWERED_TURN: 1, Reason.EMPTY_OUTPUT: 1}),
        ("daily_dialog", 28, {"row": 25, Reason.NO_ANSWERED_TURN: 1, Reason.BAD_ROLE_ORDER: 1, Reason.WRONG_TYPE: 1}),
    ],
)
def test_the_sample_maps_as_expected(key, conversations, counts):
    records, options = bundled(key)
    results = rows(records, options)
    assert len(results) == conversations
    assert counted(results) == counts
    assert not any("_comma_" in str(result) for result in results)
