"""Conversations as lists of {from, value}."""

from collections import Counter

import orjson
import pytest
from hypothesis import given

from stages.corpus.intake.families.sharegpt import FAMILY, Options, map_item
from stages.corpus.rows.row import Reject, Row
from tests.corpus.intake.families.mapping import DEEP, JUNK, SOURCES, lines, real, rejected, sample, texts

PLAIN = Options()
HERMES = Options(system="system_prompt")
SCRAPED = Options(page_markup=True)
PAGE = '<div class="markdown prose"><p>a <strong>b</strong></p></div>'


def record(*turns, **fields):
    return {"id": "x_0", "conversations": [{"from": name, "value": value} for name, value in turns], **fields}


def test_all_turns_are_kept_as_history_and_last_pair():
    item = record(("system", "s"), ("human", " a "), ("gpt", "b"), ("human", "c"), ("gpt", "d"))
    assert map_item(item, PLAIN) == Row("c", "", "d", (("a", "b"),), "s")


@pytest.mark.parametrize("user", ["human", "user"])
@pytest.mark.parametrize("assistant", ["gpt", "chatgpt", "bing", "bard", "assistant", "model"])
def test_every_export_has_its_own_names_for_the_sides(user, assistant):
    assert map_item(record((user, "a"), (assistant, "b")), PLAIN) == Row("a", "", "b")


def test_weights_and_other_fields_are_no_text():
    item = {
        "conversations": [
            {"from": "system", "value": "s", "weight": None},
            {"from": "human", "value": "a", "weight": 0.0},
            {"from": "gpt", "value": "b", "weight": 1.0},
        ],
        "views": 12,
        "source": "z",
    }
    assert map_item(item, PLAIN) == Row("a", "", "b", (), "s")


# The system prompt beside the conversation -------------------------------------------------------------------


def test_a_system_prompt_beside_the_conversation_counts_where_that_has_none():
    turns = (("human", "a"), ("gpt", "b"))
    assert map_item(record(*turns, system_prompt=" s "), HERMES).system == "s"
    assert map_item(record(("system", "own"), *turns, system_prompt="s"), HERMES).system == "own"
    assert map_item(record(*turns, system_prompt=None), HERMES).system == ""
    assert map_item(record(*turns), HERMES).system == ""
    assert map_item(record(*turns, system_prompt="s"), PLAIN).system == ""
    assert rejected(map_item(record(*turns, system_prompt=["s"]), HERMES)) == "wrong_type"


# The chat page's markup --------------------------------------------------------------------------------------


def test_answers_that_are_the_pages_html_become_markdown_where_the_source_says_so():
    item = record(("human", "a"), ("gpt", PAGE))
    assert map_item(item, SCRAPED).output == "a **b**"
    assert map_item(item, PLAIN).output == PAGE


def test_html_that_the_user_wrote_or_the_answer_shows_stays():
    item = record(("human", PAGE), ("gpt", "Use <p> here: <div>x</div>"))
    assert map_item(item, SCRAPED) == Row(PAGE, "", "Use <p> here: <div>x</div>")


# Rejects -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"id": "x_0"}, "missing_field"),
        (record(), "no_answered_turn"),
        ({"conversations": None}, "wrong_type"),
        (record(("human", "a"), ("gpt", "")), "empty_output"),
        (record(("human", None), ("gpt", "b")), "empty_instruction"),
        (record(("gpt", "a"), ("human", "b"), ("gpt", "c")), "bad_role_order"),
        (record(("human", "a"), ("function_call", "{}"), ("observation", "1"), ("gpt", "b")), "bad_role_order"),
        ({"conversations": [{"from": "human", "text": "a"}]}, "missing_field"),
        ({"conversations": DEEP}, "wrong_type"),
        (["conversations"], "not_an_object"),
    ],
)
def test_what_is_no_conversation_says_why(item, reason):
    assert rejected(map_item(item, PLAIN)) == reason


@given(JUNK)
def test_junk_never_raises(junk):
    for options in (PLAIN, HERMES, SCRAPED):
        for item in (junk, {"conversations": junk}, record(("human", junk), ("gpt", junk), system_prompt=junk)):
            assert isinstance(map_item(item, options), Row | Reject)


# Whole files -------------------------------------------------------------------------------------------------


def test_real_conversations_keep_every_turn_letter_by_letter():
    records = orjson.loads(real("sharegpt_dummy", "dummy_conversation.json"))
    rows = [map_item(item, PLAIN) for item in records]
    assert Counter(len(row.history) for row in rows) == {0: 167, 1: 166, 2: 167}
    for item, row in zip(records, rows, strict=True):
        assert texts(row) == [message["value"].strip() for message in item["conversations"]]


@pytest.mark.parametrize(
    ("key", "kept", "rejects"),
    [
        ("slimorca", 25, {"empty_output": 1, "empty_instruction": 1, "no_answered_turn": 1}),
        ("openhermes", 25, {"empty_output": 1, "empty_instruction": 1, "bad_role_order": 1}),
        ("sharegpt", 24, {"bad_role_order": 2, "empty_output": 1, "no_answered_turn": 1}),
        ("wizardlm_evol", 24, {"empty_output": 1, "empty_instruction": 1, "no_answered_turn": 1, "wrong_type": 1}),
    ],
)
def test_the_bundled_samples_map_as_they_should(key, kept, rejects):
    found = sample(key, FAMILY)
    assert sum(isinstance(row, Row) for row in found) == kept
    assert Counter(rejected(item) for item in found if isinstance(item, Reject)) == rejects


@pytest.mark.parametrize("key", ["slimorca", "openhermes", "wizardlm_evol"])
def test_no_text_of_the_bundled_samples_is_lost_or_invented(key):
    records = lines((SOURCES / key / "sample.jsonl").read_bytes())
    for item, row in zip(records, sample(key, FAMILY), strict=True):
        if isinstance(row, Row):
            said = [message["value"].strip() for message in item["conversations"]]
            beside = [item["system_prompt"]] if item.get("system_prompt") and said[0] != item["system_prompt"] else []
            assert ([row.system] if row.system else []) + texts(row) == [text for text in beside + said if text]


def test_no_bundled_row_answers_in_the_pages_html():
    rows = [row for row in sample("sharegpt", FAMILY) if isinstance(row, Row)]
    assert not any('<div class="markdown' in text for row in rows for text in texts(row))
