"""The family of labelled requests and answers: only safe answers to learn from become rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpus.intake.families.red_team import Options, map_item
from stages.corpus.rows.row import Reason, Row
from tests.corpus.intake.families.mapping import JSON, bundled, counted


def mapped(**fields):
    record = {
        "prompt": "How do I get into his mail?",
        "adversarial": False,
        "response": "I won't help with that.",
        "prompt_harm_label": "harmful",
        "response_refusal_label": "refusal",
        "response_harm_label": "unharmful",
        "subcategory": "cyberattack",
    }
    return map_item({**record, **fields}, Options())


def test_a_refused_harmful_request_is_a_refusal():
    assert mapped() == Row(
        "How do I get into his mail?", "", "I won't help with that.", safety_label="refusal", severity="high"
    )


def test_a_harmful_request_that_is_answered_harmlessly_is_safe_help():
    row = mapped(response_refusal_label="compliance", subcategory="others")
    assert (row.safety_label, row.severity) == ("safe_help", "medium")


def test_an_unharmful_request_that_is_answered_is_benign_help_of_low_severity():
    row = mapped(prompt_harm_label="unharmful", response_refusal_label="compliance")
    assert (row.safety_label, row.severity) == ("benign_help", "low")


@pytest.mark.parametrize("prompt_label", ["harmful", "unharmful", None])
@pytest.mark.parametrize("refusal_label", ["refusal", "compliance", None])
def test_a_harmful_answer_is_never_a_row(prompt_label, refusal_label):
    fields = {"prompt_harm_label": prompt_label, "response_refusal_label": refusal_label}
    assert mapped(response_harm_label="harmful", **fields).reason is Reason.UNSAFE_COMPLETION


@pytest.mark.parametrize("label", ["prompt_harm_label", "response_harm_label", "response_refusal_label"])
@pytest.mark.parametrize("value", [None, "", "HARMLESS", 0, ["unharmful"]])
def test_without_each_label_an_answer_is_unlabelled(label, value):
    reject = mapped(**{label: value})
    assert reject.reason is Reason.UNLABELLED
    assert label in reject.detail


def test_refusing_a_harmless_request_is_no_example():
    assert mapped(prompt_harm_label="unharmful").reason is Reason.LABELLED_WRONG


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"response": None}, Reason.EMPTY_OUTPUT),
        ({"response": " "}, Reason.EMPTY_OUTPUT),
        ({"prompt": ""}, Reason.EMPTY_INSTRUCTION),
        ({"prompt": 3}, Reason.WRONG_TYPE),
        ({"response": ["no"]}, Reason.WRONG_TYPE),
    ],
)
def test_a_request_without_an_answer_is_none(fields, reason):
    assert mapped(**fields).reason is reason


@given(item=JSON, value=JSON, field=st.sampled_from(["prompt", "response", "response_harm_label", "subcategory"]))
def test_junk_never_raises(item, value, field):
    for result in (map_item(item, Options()), mapped(**{field: value})):
        assert isinstance(result, Row) or result.detail


def test_the_sample_maps_as_expected():
    items, options = bundled("red_team")
    results = [map_item(item, options) for item in items]
    assert counted(results) == {
        "row": 23,
        Reason.EMPTY_OUTPUT: 2,
        Reason.UNSAFE_COMPLETION: 1,
        Reason.LABELLED_WRONG: 1,
        Reason.UNLABELLED: 1,
    }
    for item, row in zip(items, results, strict=True):
        assert not isinstance(row, Row) or (row.instruction, row.output) == (item["prompt"], item["response"])
    labels = {(row.safety_label, row.severity) for row in results if isinstance(row, Row)}
    assert {label for label, _ in labels} == {"refusal", "safe_help", "benign_help"}
    assert {severity for _, severity in labels} == {"low", "medium", "high"}
