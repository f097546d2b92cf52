"""The family of prosocial dialogues, one exchange a record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpus.intake.families.prosocial import items, map_item
from stages.corpus.intake.family import NoOptions
from stages.corpus.rows.row import Reason, Row
from tests.corpus.intake.families.mapping import JSON, bundled, counted


def exchange(number, context, response, label="__casual__", dialogue=0, **fields):
    record = {
        "context": context,
        "response": response,
        "rots": ["It's good to ask."],
        "safety_label": label,
        "safety_annotations": ["casual", "casual", "casual"],
        "safety_annotation_reasons": ["", "", ""],
        "source": "socialchemistry",
        "etc": None,
        "dialogue_id": dialogue,
        "response_id": number,
        "episode_done": False,
    }
    return {**record, **fields}


def rows(*records):
    return [map_item(item, NoOptions()) for item in items(records, NoOptions())]


def test_a_dialogue_is_one_row_with_all_its_turns_in_order():
    assert rows(exchange(1, "C?", "D."), exchange(0, "X?", "Y.", dialogue=5), exchange(0, "A?", "B.")) == [
        Row("C?", "", "D.", (("A?", "B."),), safety_label="casual", severity="low"),
        Row("X?", "", "Y.", safety_label="casual", severity="low"),
    ]


@pytest.mark.parametrize(
    ("label", "severity"),
    [
        ("casual", "low"),
        ("possibly_needs_caution", "low"),
        ("probably_needs_caution", "medium"),
        ("needs_caution", "medium"),
        ("needs_intervention", "high"),
    ],
)
def test_severity_follows_the_label(label, severity):
    (row,) = rows(exchange(0, "A?", "B.", f"__{label}__"))
    assert (row.safety_label, row.severity) == (label, severity)


def test_the_gravest_label_of_a_dialogue_counts():
    (row,) = rows(
        exchange(0, "A?", "B.", "__needs_intervention__"), exchange(1, "C?", "D.", "__possibly_needs_caution__")
    )
    assert row.safety_label == "needs_intervention"


def test_rules_of_thumb_are_no_part_of_the_text():
    (row,) = rows(exchange(0, "A?", "B."))
    assert row[:4] == ("A?", "", "B.", ())


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"safety_label": None}, Reason.UNLABELLED),
        ({"safety_label": "casual"}, Reason.UNLABELLED),
        ({"safety_label": ["__casual__"]}, Reason.UNLABELLED),
        ({"response": ""}, Reason.EMPTY_OUTPUT),
        ({"context": None}, Reason.EMPTY_INSTRUCTION),
        ({"context": 1}, Reason.WRONG_TYPE),
        ({"response": {}}, Reason.WRONG_TYPE),
        ({"dialogue_id": None}, Reason.MISSING_FIELD),
    ],
)
def test_a_faulty_exchange_rejects_its_dialogue(fields, reason):
    (reject,) = rows({**exchange(0, "A?", "B."), **fields})
    assert reject.reason is reason and reject.detail


@given(junk=JSON, value=JSON, field=st.sampled_from(sorted(exchange(0, "", ""))))
def test_junk_never_raises(junk, value, field):
    found = rows({**exchange(0, "A?", "B."), field: value}, junk, exchange(1, "C?", "D."))
    for result in [*found, map_item(junk, NoOptions()), map_item([junk], NoOptions())]:
        assert isinstance(result, Row) or result.detail


def test_the_sample_maps_as_expected():
    records, _ = bundled("prosocial")
    results = rows(*records)
    assert counted(results) == {"row": 26, Reason.EMPTY_OUTPUT: 1, Reason.UNLABELLED: 1}
    kept = [row for row in results if isinstance(row, Row)]
    assert sum(1 + len(row.history) for row in kept) == len(records) - 2
    assert {row.severity for row in kept} == {"low", "medium", "high"}
