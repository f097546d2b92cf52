"""The family of problems solved step by step: GSM8K and PRM800K."""

from __future__ import annotations

import collections
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpus.intake.families.steps import Options, map_item
from stages.corpus.rows.row import Reason, Reject, Row
from tests.corpus.intake.families.mapping import JSON, bundled, lines

ROOT = Path(__file__).resolve().parents[4]
GSM8K = ROOT.parent / "shared" / "data" / "raw" / "gsm8k"
TRACES = Options(question="prompt", answer="completions", labels="labels", mark="# Answer", numeric=False)

STEPS = st.lists(st.sampled_from(["a", "# Answer\n\n4", "", " "]) | JSON, max_size=4)
LABELS = st.lists(st.booleans() | JSON, max_size=4)


def worked(answer):
    return map_item({"question": "How many?", "answer": answer}, Options())


def traced(steps, labels=None):
    labels = [True] * len(steps) if labels is None else labels
    return map_item({"prompt": "How many?", "completions": steps, "labels": labels}, TRACES)


def without_marks(text):
    """What stands outside << and >>, found without a regular expression."""
    head, *rest = text.split("<<")
    return head + "".join(part.split(">>", 1)[1] for part in rest)


def test_reasoning_stays_and_the_answer_follows_in_a_sentence():
    row = worked("She has 3+4 = 7 pens.\nShe gives 2 away.\n#### 5")
    assert row == Row("How many?", "", "She has 3+4 = 7 pens.\nShe gives 2 away.\nThe answer is 5.")


def test_what_a_calculator_was_asked_goes():
    assert worked("It is 48/2 = $<<48/2=24>>24, or <<24*.5=12>>12.\n#### 12").output == (
        "It is 48/2 = $24, or 12.\nThe answer is 12."
    )


@pytest.mark.parametrize("text", ["1 << 4 is 16", "a << b >> c", "<<no sum>> here"])
def test_other_angle_brackets_stay(text):
    assert worked(f"{text}\n#### 16").output == f"{text}\nThe answer is 16."


@pytest.mark.parametrize(
    ("published", "normalised"),
    [
        ("1,080", "1080"),
        ("109,200,000", "109200000"),
        ("-9", "-9"),
        (" $1,234.50 ", "$1234.50"),
        ("7.", "7"),
        ("1,08", "1,08"),
        ("3, 4", "3, 4"),
        ("12:30", "12:30"),
    ],
)
def test_final_numbers_lose_their_thousands_separators_only(published, normalised):
    assert worked(f"So.\n####{published}").output == f"So.\nThe answer is {normalised}."


def test_separators_within_the_reasoning_stay():
    assert worked("In all 1,332 cars.\n#### 1,332").output == "In all 1,332 cars.\nThe answer is 1332."


def test_where_answers_are_no_numbers_a_comma_may_part_two():
    assert traced(["Both fit.", "# Answer\n\n100,200"]).output == "Both fit.\nThe answer is 100,200."


def test_an_answer_of_0_is_an_answer():
    assert worked("Nothing is left.\n#### 0").output == "Nothing is left.\nThe answer is 0."


def test_an_answer_without_reasoning_is_an_answer():
    assert worked("#### 72").output == "The answer is 72."


@pytest.mark.parametrize("answer", ["She has 7 pens.", "She has 7 pens.\n####", "item####7", "Half.\n#### ."])
def test_reasoning_without_a_final_answer_is_no_target(answer):
    reject = worked(answer)
    assert reject.reason is Reason.NO_ANSWERED_TURN and repr(answer) in reject.detail


@pytest.mark.parametrize("answer", ["", " \n", None])
def test_a_problem_without_a_solution_is_no_row(answer):
    assert worked(answer).reason is Reason.EMPTY_OUTPUT


def test_a_solution_of_nothing_is_no_row():
    assert map_item({"question": " ", "answer": "So.\n#### 5"}, Options()).reason is Reason.EMPTY_INSTRUCTION


def test_a_line_separator_in_a_question_is_text():
    row = map_item({"question": "A box.\u2028How many?", "answer": "So.\n#### 5"}, Options())
    assert row.instruction == "A box.\u2028How many?"


def test_the_steps_of_a_trace_become_lines():
    row = traced(["Let $u = 2^t$. ", "Then $u = 4$.", "# Answer\n\n2"])
    assert row == Row("How many?", "", "Let $u = 2^t$.\nThen $u = 4$.\nThe answer is 2.")


def test_the_answer_may_end_a_step():
    assert traced(["So $r$ is 2.\n\n# Answer\n\n\\frac{1}{2}"]).output == "So $r$ is 2.\nThe answer is \\frac{1}{2}."


def test_empty_steps_leave_no_empty_lines():
    assert traced(["One.", "", " ", "# Answer\n\n1"]).output == "One.\nThe answer is 1."


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_a_trace_with_a_wrong_step_is_no_target_wherever_it_stands(wrong):
    labels = [number != wrong for number in range(3)]
    reject = traced(["One.", "Two.", "# Answer\n\n3"], labels)
    assert reject.reason is Reason.LABELLED_WRONG and reject.detail.startswith(f"step {wrong + 1} ")


def test_a_right_trace_that_breaks_off_is_no_target():
    assert traced(["One.", "Then I can count by the first digit."]).reason is Reason.NO_ANSWERED_TURN


@pytest.mark.parametrize("labels", [[True], [True, True, True], [], [True, None]])
def test_every_step_needs_its_label(labels):
    assert traced(["One.", "# Answer\n\n1"], labels).reason is Reason.UNLABELLED


@pytest.mark.parametrize("missing", [{}, {"labels": None}])
def test_a_trace_without_labels_is_unlabelled(missing):
    reject = map_item({"prompt": "How many?", "completions": ["# Answer\n\n1"], **missing}, TRACES)
    assert reject.reason is Reason.UNLABELLED


@pytest.mark.parametrize("label", [1, 1.0, "true", [True]])
def test_only_true_counts_as_right(label):
    reject = traced(["# Answer\n\n1"], [label])
    assert reject.reason is Reason.WRONG_TYPE and repr(label) in reject.detail


@pytest.mark.parametrize("field", ["completions", "labels"])
def test_steps_and_labels_are_lists(field):
    item = {"prompt": "How many?", "completions": ["# Answer\n\n1"], "labels": [True], field: "One."}
    reject = map_item(item, TRACES)
    assert reject.reason is Reason.WRONG_TYPE and reject.detail == f"{field} is str: 'One.'"


def test_a_step_that_is_no_text_is_shown():
    reject = traced(["One.", {"text": "Two."}])
    assert reject.reason is Reason.WRONG_TYPE and "step 2" in reject.detail and "Two." in reject.detail


def test_a_trace_without_steps_is_empty():
    assert traced([]).reason is Reason.EMPTY_OUTPUT
    assert map_item({"prompt": "How many?", "completions": None}, TRACES).reason is Reason.EMPTY_OUTPUT


@pytest.mark.parametrize("field", ["prompt", "completions"])
def test_a_missing_field_is_named(field):
    item = {"prompt": "How many?", "completions": ["# Answer\n\n1"], "labels": [True]}
    del item[field]
    reject = map_item(item, TRACES)
    assert reject.reason is Reason.MISSING_FIELD and reject.detail.startswith(f"no {field};")


@pytest.mark.parametrize("item", [None, 7, "text", [{}], True])
def test_what_is_no_object_is_rejected(item):
    assert map_item(item, TRACES).reason is map_item(item, Options()).reason is Reason.NOT_AN_OBJECT


@pytest.mark.parametrize("field", ["completions", "labels"])
def test_the_deepest_json_is_rejected_like_any_other(field):
    deep = orjson.loads("[" * 1000 + "]" * 1000)
    item = {"prompt": "How many?", "completions": ["One."], "labels": [True], field: [deep]}
    assert map_item(item, TRACES).reason is Reason.WRONG_TYPE


@given(
    st.fixed_dictionaries({}, optional={"prompt": JSON, "completions": STEPS | JSON, "labels": LABELS | JSON})
    | st.fixed_dictionaries({}, optional={"question": JSON, "answer": JSON | st.just("a\n#### 1,000")})
    | JSON
)
def test_junk_never_raises(item):
    for options in (Options(), TRACES):
        result = map_item(item, options)
        if isinstance(result, Row):
            assert result.instruction and "The answer is " in result.output
        else:
            assert isinstance(result, Reject) and result.detail


@pytest.mark.skipif(not GSM8K.exists(), reason="the real rows are not here")
@pytest.mark.parametrize(("split", "count"), [("train", 7473), ("test", 1319)])
def test_real_rows_are_all_kept_with_all_their_text(split, count):
    items = lines((GSM8K / f"{split}.jsonl").read_bytes())
    assert len(items) == count
    for item in items:
        row = map_item(item, Options())
        reasoning, final = item["answer"].split("####")
        assert row.instruction == item["question"].strip()
        assert row.output == f"{without_marks(reasoning).rstrip()}\nThe answer is {final.strip().replace(',', '')}."


@pytest.mark.parametrize(
    ("key", "kept", "rejects"),
    [
        ("gsm8k", 25, {"empty_output": 1, "no_answered_turn": 1, "wrong_type": 1}),
        ("prm800k", 23, {"labelled_wrong": 2, "no_answered_turn": 1, "empty_output": 1, "unlabelled": 1}),
    ],
)
def test_the_bundled_sample_maps(key, kept, rejects):
    items, options = bundled(key)
    results = [map_item(item, options) for item in items]
    assert sum(isinstance(result, Row) for result in results) == kept
    assert collections.Counter(result.reason for result in results if isinstance(result, Reject)) == rejects
