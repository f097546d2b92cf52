"""Conversations as lists of {role, content}."""

from collections import Counter

import pytest
from hypothesis import given

from stages.corpus.intake.families.messages import FAMILY, Options, map_item
from stages.corpus.rows.row import Reject, Row
from tests.corpus.intake.families.mapping import DEEP, JUNK, SOURCES, lines, real, rejected, sample, texts

PLAIN = Options()


def record(*turns, **fields):
    return {"messages": [{"role": role, "content": content} for role, content in turns], **fields}


def test_all_turns_are_kept_as_history_and_last_pair():
    item = record(("system", "s"), ("user", " a "), ("assistant", "b"), ("user", "c"), ("assistant", "d"), prompt="a")
    assert map_item(item, PLAIN) == Row("c", "", "d", (("a", "b"),), "s")


def test_developer_messages_are_system_messages():
    assert map_item(record(("developer", "s"), ("user", "a"), ("assistant", "b")), PLAIN).system == "s"


def test_the_fields_may_have_other_names():
    options = Options(messages="chat", role="speaker", text="said")
    item = {"chat": [{"speaker": "user", "said": "a"}, {"speaker": "assistant", "said": "b"}]}
    assert map_item(item, options) == Row("a", "", "b")


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"prompt": "a"}, "missing_field"),
        ({"messages": None}, "wrong_type"),
        ({"messages": "[]"}, "wrong_type"),
        ({"messages": []}, "no_answered_turn"),
        (record(("user", "a")), "no_answered_turn"),
        (record(("user", "a"), ("assistant", None)), "empty_output"),
        (record(("user", "a"), ("assistant", [{"type": "text", "text": "b"}])), "wrong_type"),
        (record(("user", "a"), ("tool", "{}"), ("assistant", "b")), "bad_role_order"),
        ({"messages": DEEP}, "wrong_type"),
        (DEEP, "not_an_object"),
        (None, "not_an_object"),
    ],
)
def test_what_is_no_conversation_says_why(item, reason):
    assert rejected(map_item(item, PLAIN)) == reason


@given(JUNK)
def test_junk_never_raises(junk):
    for item in (junk, {"messages": junk}, {"messages": [junk]}, record(("user", junk), (junk, "b"))):
        assert isinstance(map_item(item, PLAIN), Row | Reject)


def test_real_turns_come_back_letter_by_letter():
    for question in lines(real("mt_bench", "question.jsonl")):
        first, second = question["turns"]
        row = map_item(record(("user", first), ("assistant", "x"), ("user", second), ("assistant", "y")), PLAIN)
        assert texts(row) == [first.strip(), "x", second.strip(), "y"]


def test_the_bundled_ultrachat_maps_with_all_its_turns():
    found = sample("ultrachat", FAMILY)
    rows = [row for row in found if isinstance(row, Row)]
    assert Counter(rejected(item) for item in found if isinstance(item, Reject)) == {
        "no_answered_turn": 1,
        "empty_output": 1,
        "wrong_type": 1,
    }
    assert Counter(len(row.history) for row in rows) == {0: 10, 1: 12, 2: 3}
    records = lines((SOURCES / "ultrachat" / "sample.jsonl").read_bytes())
    whole = [item["messages"] for item, row in zip(records, found, strict=True) if isinstance(row, Row)]
    for messages, row in zip(whole, rows, strict=True):
        said = ([row.system] if row.system else []) + texts(row)
        assert said == [message["content"].strip() for message in messages]
