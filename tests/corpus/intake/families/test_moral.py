"""The family of moral judgements: worded, with a reason, never a bare label."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpus.intake.families.moral import Options, Schema, map_item
from stages.corpus.rows.row import Reason, Row
from tests.corpus.intake.families.mapping import JSON, bundled, counted

STORY = {
    "ID": "3A",
    "norm": "You should return what you borrow.",
    "situation": "Tom has Ann's drill.",
    "intention": "Tom wants to hang a shelf.",
    "moral_action": "Tom asks Ann for one more day.",
    "moral_consequence": "Ann agrees gladly.",
    "immoral_action": "Tom hides the drill.",
    "immoral_consequence": "Ann buys a new one.",
}


def mapped(item, schema=Schema.COMMONSENSE, **options):
    return map_item(item, Options(schema=schema, **options))


@pytest.mark.parametrize("label", [1, "1"])
def test_label_1_of_commonsense_is_a_wrong_and_says_why(label):
    row = mapped({"label": label, "input": "I took his umbrella."})
    assert row.input == "I took his umbrella."
    assert "not" not in row.output.split("wrong")[0]
    assert len(row.output.split()) > 12 and "wrong" in row.output and row.output.endswith("“I took his umbrella.”")


@pytest.mark.parametrize("label", [0, "0"])
def test_label_0_is_a_label_and_no_wrong(label):
    row = mapped({"label": label, "input": "I lent him my umbrella."})
    assert any(words in row.output for words in ("not clearly wrong", "would not call this wrong", "not morally wrong"))


def test_a_long_account_is_judged_without_repeating_it():
    account = "I told him so. " * 40
    row = mapped({"label": 1, "input": account})
    assert row.input == account.strip()
    assert "told him so" not in row.output and row.output.endswith(".") and ":" not in row.output


def test_the_field_of_the_scenario_is_an_option():
    assert mapped({"label": 1, "text": "I lied."}, text="text").input == "I lied."
    assert mapped({"label": 1, "text": "I lied."}).reason is Reason.MISSING_FIELD


def test_wordings_vary_with_the_text_and_with_nothing_else():
    items = [{"label": n % 2, "input": f"I did thing {n}."} for n in range(40)]
    first = [mapped(item) for item in items]
    assert first == [mapped(item) for item in reversed(items)][::-1]
    assert len({row.instruction for row in first}) == 4


def test_justice_is_judged_by_what_follows_because():
    scenario = "I usually tip her, but I didn't today because she was ill."
    assert mapped({"label": 0, "scenario": scenario}, Schema.JUSTICE).output == (
        "No, that is not reasonable. “Because she was ill” is no ground that would make the difference fair."
    )
    assert mapped({"label": 1, "scenario": scenario}, Schema.JUSTICE).output.startswith("Yes, that is reasonable.")


def test_deontology_shows_both_statements():
    item = {"label": 1, "scenario": "Could you walk the dog?", "excuse": "No, because he is asleep."}
    row = mapped(item, Schema.DEONTOLOGY)
    assert row.input == "Could you walk the dog?\nNo, because he is asleep."
    assert row.output.startswith("Yes") and item["excuse"] in row.output
    assert mapped({**item, "label": 0}, Schema.DEONTOLOGY).output.startswith("No")
    assert mapped({**item, "excuse": ""}, Schema.DEONTOLOGY).reason is Reason.MISSING_FIELD


def test_virtue_asks_for_the_trait_after_the_mark():
    row = mapped({"label": 0, "scenario": "Eva shared her bread. [SEP] greedy"}, Schema.VIRTUE)
    assert (row.input, "greedy" in row.instruction) == ("Eva shared her bread.", True)
    assert row.output == "No. What the person does here is not what “greedy” means: Eva shared her bread."
    assert mapped({"label": 0, "scenario": "Eva shared."}, Schema.VIRTUE).reason is Reason.WRONG_TYPE


def test_a_moral_story_keeps_all_its_parts():
    row = mapped(STORY, Schema.MORAL_STORIES)
    assert row.input == "Tom has Ann's drill. Tom wants to hang a shelf."
    assert row.output == (
        "Tom asks Ann for one more day. Ann agrees gladly.\n\nThe reason: You should return what you borrow.\n\n"
        "The wrong way would be this: Tom hides the drill. Ann buys a new one."
    )


@pytest.mark.parametrize("field", [name for name in STORY if name != "ID"])
@pytest.mark.parametrize(
    ("value", "reason"), [("", Reason.MISSING_FIELD), (None, Reason.MISSING_FIELD), (2, Reason.WRONG_TYPE)]
)
def test_a_story_without_one_of_its_parts_is_rejected(field, value, reason):
    reject = mapped({**STORY, field: value}, Schema.MORAL_STORIES)
    assert reject.reason is reason and field in reject.detail


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        (None, Reason.UNLABELLED),
        (-1, Reason.UNLABELLED),
        (2, Reason.WRONG_TYPE),
        (True, Reason.WRONG_TYPE),
        (1.0, Reason.WRONG_TYPE),
        ([1], Reason.WRONG_TYPE),
    ],
)
def test_another_label_is_none(label, reason):
    assert mapped({"label": label, "input": "I lied."}).reason is reason


@pytest.mark.parametrize("schema", list(Schema))
@given(item=JSON, value=JSON, field=st.sampled_from(["label", "input", "scenario", "excuse", "norm", "situation"]))
def test_junk_never_raises(schema, item, value, field):
    whole = {**STORY, "label": 1, "input": "I lied.", "scenario": "I lied. [SEP] honest", "excuse": "So what."}
    for junk in (item, {**whole, field: value}):
        result = mapped(junk, schema)
        assert isinstance(result, Row) or result.detail


def test_braces_in_a_text_are_text():
    assert "{0} {x}" in mapped({"label": 1, "input": "I typed {0} {x}."}).output
    assert "{4}" in mapped({**STORY, "norm": "Never {4}."}, Schema.MORAL_STORIES).output


@pytest.mark.parametrize(
    ("key", "counts"),
    [
        ("ethics", {"row": 26, Reason.UNLABELLED: 1, Reason.MISSING_FIELD: 1}),
        ("moral_stories", {"row": 26, Reason.MISSING_FIELD: 2}),
    ],
)
def test_the_sample_maps_as_expected(key, counts):
    records, options = bundled(key)
    results = [map_item(record, options) for record in records]
    assert counted(results) == counts
    assert all(len(row.output.split()) > 12 for row in results if isinstance(row, Row))
