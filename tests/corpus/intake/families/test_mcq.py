"""Questions with choices: what is shown, which choice is the answer, and that no record makes the mapper raise."""

import csv
from collections import Counter
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import params
from stages.corpus.intake.families.mcq import FAMILY, Options, map_item
from stages.corpus.rows.row import Reason, Reject, Row

ROOT = Path(__file__).resolve().parents[4]
REAL = ROOT.parent / "shared" / "data" / "raw"
SOURCES = ROOT / "data" / "seed" / "corpus" / "sources"
TABLE = Options(columns=("a", "b", "c", "d"))
AQUA = Options(choices="options", answer="correct", rationale=("rationale",))
YES_NO = Options(choices="", passage="passage")
SKY = {"question": "Which is a planet?", "choices": ["Mars", "Sirius", "the Moon"], "answer": 0}


def reason(item, options=None):
    found = map_item(item, options or Options())
    assert isinstance(found, Reject), found
    assert found.detail
    assert len(found.detail) <= 200
    return found.reason


def output(item, options=None):
    row = map_item(item, options or Options())
    assert isinstance(row, Row), row
    return row.output


# What is asked -----------------------------------------------------------------------------------------------


def test_the_choices_are_shown_and_the_answer_is_letter_and_text():
    assert map_item({**SKY, "answer": 1}, Options()) == Row(
        "Which is a planet?\n\nA) Mars\nB) Sirius\nC) the Moon", "", "B) Sirius"
    )


def test_the_labels_of_the_source_are_shown():
    choices = {"text": ["wind", " the Sun "], "label": ["1", "2"]}
    row = map_item(
        {"question": "What drives the wind?", "choices": choices, "answerKey": "2"}, Options(answer="answerKey")
    )
    assert row == Row("What drives the wind?\n\n1) wind\n2) the Sun", "", "2) the Sun")


def test_a_mark_that_a_choice_carries_is_not_shown_twice():
    record = {"question": "2 + 2?", "options": ["A)3", "B) 4"], "correct": "B", "rationale": ""}
    assert map_item(record, AQUA) == Row("2 + 2?\n\nA) 3\nB) 4", "", "B) 4")


def test_only_a_choices_own_letter_is_a_mark():
    assert output({**SKY, "choices": ["B)ohr", "A) Curie"], "answer": 1}) == "B) A) Curie"


def test_a_table_has_a_column_for_each_choice():
    record = {"question": "3 x 3?", "a": "6", "b": "9", "c": "12", "d": "33", "answer": "B"}
    assert map_item(record, TABLE) == Row("3 x 3?\n\nA) 6\nB) 9\nC) 12\nD) 33", "", "B) 9")


def test_choices_are_not_split_at_line_ends_or_shortened():
    row = map_item({**SKY, "question": "\ufeffWhich,\nof these?", "choices": ["one\ntwo", "\ufeffthree"]}, Options())
    assert row.instruction == "\ufeffWhich,\nof these?\n\nA) one\ntwo\nB) \ufeffthree"


def test_a_wrong_choice_without_text_is_shown_as_it_is():
    row = map_item({**SKY, "choices": ["Mars", "", " "]}, Options())
    assert row.instruction == "Which is a planet?\n\nA) Mars\nB) \nC)"


def test_a_record_may_lie_inside_a_field():
    inside = Options(inside="train")
    assert output({"train": SKY}, inside) == "A) Mars"
    assert output(SKY, inside) == "A) Mars"


# Which choice is the answer ------------------------------------------------------------------------------------


def test_an_answer_with_index_0_is_an_answer():
    assert output(SKY) == "A) Mars"


@pytest.mark.parametrize("answer", [2, "C", "c", " C ", "C)", "C) the Moon", "the Moon"])
def test_an_answer_is_a_number_a_label_or_a_text(answer):
    assert output({**SKY, "answer": answer}) == "C) the Moon"


def test_a_label_goes_before_a_text():
    choices = {"text": ["2", "1"], "label": ["1", "2"]}
    assert output({**SKY, "choices": choices, "answer": "1"}) == "1) 2"


@pytest.mark.parametrize("answer", [3, -1, "D", "A) Sirius", "Venus", "0"])
def test_an_answer_that_is_no_choice_is_rejected(answer):
    assert reason({**SKY, "answer": answer}) is Reason.ANSWER_NOT_AMONG_CHOICES


def test_a_text_that_two_choices_have_decides_nothing():
    assert reason({**SKY, "choices": ["x", "y", "y"], "answer": "y"}) is Reason.ANSWER_NOT_AMONG_CHOICES


def test_a_truth_value_is_not_the_number_of_a_choice():
    assert reason({**SKY, "answer": True}) is Reason.WRONG_TYPE
    assert reason({**SKY, "answer": 1.0}) is Reason.WRONG_TYPE


@pytest.mark.parametrize("answer", [None, "", " "])
def test_a_hidden_answer_is_an_empty_output(answer):
    assert reason({**SKY, "answer": answer}) is Reason.EMPTY_OUTPUT


def test_a_right_choice_without_text_is_an_empty_output():
    assert reason({**SKY, "choices": ["", "Sirius"]}) is Reason.EMPTY_OUTPUT


# Reasons and passages ------------------------------------------------------------------------------------------


def test_the_rationale_goes_before_the_answer():
    record = {"question": "2 + 2?", "options": ["A)3", "B)4"], "correct": "B", "rationale": "One more than 3.\nSo B. "}
    assert output(record, AQUA) == "One more than 3.\nSo B.\n\nAnswer: B) 4"


def test_facts_stand_in_the_order_of_the_options():
    facts = Options(rationale=("fact1", "fact2"))
    assert output({**SKY, "fact2": "Mars does.", "fact1": "Planets orbit."}, facts) == (
        "Planets orbit.\nMars does.\n\nAnswer: A) Mars"
    )
    assert output({**SKY, "fact1": "", "fact2": None}, facts) == "A) Mars"


def test_both_answers_of_a_yes_or_no_question_survive_with_the_passage():
    record = {"question": "is ice light", "passage": " Ice floats. ", "answer": True}
    assert map_item(record, YES_NO) == Row("is ice light\n\nYes or no?", "Ice floats.", "Yes")
    assert map_item({**record, "answer": False}, YES_NO) == Row("is ice light\n\nYes or no?", "Ice floats.", "No")


@pytest.mark.parametrize("answer", [0, 1, "true", "yes"])
def test_yes_and_no_are_truth_values_and_nothing_else(answer):
    assert reason({"question": "is ice light", "passage": "", "answer": answer}, YES_NO) is Reason.WRONG_TYPE


# What is no row ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ([SKY], Reason.NOT_AN_OBJECT),
        ({}, Reason.MISSING_FIELD),
        ({"question": "Why?", "answer": 0}, Reason.MISSING_FIELD),
        ({"question": "Why?", "choices": ["x"]}, Reason.MISSING_FIELD),
        ({**SKY, "question": " "}, Reason.EMPTY_INSTRUCTION),
        ({**SKY, "question": ["Why?"]}, Reason.WRONG_TYPE),
        ({**SKY, "choices": None}, Reason.WRONG_TYPE),
        ({**SKY, "choices": []}, Reason.WRONG_TYPE),
        ({**SKY, "choices": ["x"] * 27}, Reason.WRONG_TYPE),
        ({**SKY, "choices": ["x", None]}, Reason.WRONG_TYPE),
        ({**SKY, "choices": {"text": ["x"], "label": [1]}}, Reason.WRONG_TYPE),
        ({**SKY, "choices": {"text": ["x"], "label": ["A", "B"]}}, Reason.WRONG_TYPE),
        ({**SKY, "choices": {"text": "x", "label": "A"}}, Reason.WRONG_TYPE),
        ({**SKY, "answer": [0]}, Reason.WRONG_TYPE),
    ],
)
def test_what_does_not_fit_is_rejected_for_its_reason(item, expected):
    assert reason(item) is expected


def test_a_missing_column_of_a_table_is_rejected():
    assert reason({"question": "3 x 3?", "a": "6", "b": "9", "c": "12", "answer": "B"}, TABLE) is Reason.WRONG_TYPE


def test_a_rationale_that_is_no_text_is_rejected():
    record = {"question": "2 + 2?", "options": ["A)3", "B)4"], "correct": "B"}
    assert reason(record, AQUA) is Reason.MISSING_FIELD
    assert reason({**record, "rationale": 4}, AQUA) is Reason.WRONG_TYPE


FIELDS = ("question", "choices", "answer", "passage", "a", "text", "label", "train", "rationale", "options", "correct")
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", " ", "A", "A) x"]) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner, max_size=6),
    max_leaves=15,
)


@pytest.mark.parametrize("options", [Options(), TABLE, AQUA, YES_NO, Options(inside="train")])
@given(item=JUNK | st.fixed_dictionaries({name: JUNK for name in FIELDS}))
def test_junk_never_raises(item, options):
    found = map_item(item, options)
    assert isinstance(found, Row) or (found.reason in Reason and found.detail)


def test_what_is_nested_too_deep_to_show_is_rejected():
    deep = []
    for _ in range(5000):
        deep = [deep]
    assert reason({**SKY, "choices": deep}) is Reason.WRONG_TYPE


# Real rows and the bundled ones --------------------------------------------------------------------------------


def bare(*texts):
    return "".join("".join(texts).split())


@pytest.mark.skipif(not (REAL / "aqua_rat").exists(), reason="the real rows are not part of the repository")
def test_real_rows_of_aqua_rat_lose_and_gain_no_text():
    records = [orjson.loads(line) for line in (REAL / "aqua_rat" / "dev.json").read_bytes().splitlines()]
    for record in records:
        row = map_item(record, AQUA)
        assert isinstance(row, Row), row
        right = next(option for option in record["options"] if option.startswith(record["correct"] + ")"))
        assert bare(row.instruction) == bare(record["question"], *record["options"])
        assert bare(row.output) == bare(record["rationale"], "Answer:", right)
    assert len(records) == 254


@pytest.mark.skipif(not (REAL / "mmlu").exists(), reason="the real rows are not part of the repository")
def test_real_tables_of_mmlu_lose_and_gain_no_text():
    names = ("question", "a", "b", "c", "d", "answer")
    records = []
    for table in sorted((REAL / "mmlu").glob("*.csv")):
        with table.open(encoding="utf-8", newline="") as lines:
            records += csv.DictReader(lines, fieldnames=names)
    for record in records:
        row = map_item(record, TABLE)
        assert isinstance(row, Row), row
        shown = [f"{letter.upper()}){record[letter]}" for letter in "abcd"]
        assert bare(row.instruction) == bare(record["question"], *shown)
        assert bare(row.output) == bare(shown["ABCD".index(record["answer"])])
    assert len(records) == 1531


SAMPLES = [
    ("aqua_rat", {Reason.ANSWER_NOT_AMONG_CHOICES: 1, Reason.EMPTY_OUTPUT: 2}),
    ("boolq", {Reason.EMPTY_OUTPUT: 1, Reason.WRONG_TYPE: 1, Reason.EMPTY_INSTRUCTION: 1}),
    ("qasc", {Reason.EMPTY_OUTPUT: 1, Reason.ANSWER_NOT_AMONG_CHOICES: 1, Reason.WRONG_TYPE: 1}),
    ("arc", {Reason.ANSWER_NOT_AMONG_CHOICES: 1, Reason.WRONG_TYPE: 1, Reason.EMPTY_OUTPUT: 1}),
    ("mmlu_aux", {Reason.ANSWER_NOT_AMONG_CHOICES: 1, Reason.WRONG_TYPE: 1, Reason.EMPTY_INSTRUCTION: 1}),
]


@pytest.mark.parametrize(("key", "rejects"), SAMPLES)
def test_the_bundled_rows_map_but_for_the_odd_ones(key, rejects):
    options = params.load(FAMILY.options, "options", SOURCES / key / "source.yaml")
    lines = (SOURCES / key / "sample.jsonl").read_bytes().splitlines()
    found = [FAMILY.map(orjson.loads(line), options) for line in lines]
    assert len(found) == 28
    assert Counter(each.reason for each in found if isinstance(each, Reject)) == rejects
