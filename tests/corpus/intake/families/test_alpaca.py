"""The family of Alpaca: an instruction, what it is about, the answer."""

from __future__ import annotations

import collections
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpus.intake.families.alpaca import Options, map_item
from stages.corpus.rows.row import Reason, Reject, Row
from tests.corpus.intake.families.mapping import JSON, bundled

ROOT = Path(__file__).resolve().parents[4]
GPTEACHER = ROOT.parent / "shared" / "data" / "raw" / "gpteacher" / "roleplay-simple-deduped-roleplay-instruct.json"


def record(instruction="Name a colour.", given="", output="Green."):
    return {"instruction": instruction, "input": given, "output": output}


def mapped(item, **options):
    return map_item(item, Options(**options))


def test_a_record_becomes_a_row_field_by_field():
    row = mapped(record("Sort these.", "b, a", "a, b"))
    assert row == Row("Sort these.", "b, a", "a, b")


def test_white_space_goes_around_a_field_but_not_within():
    row = mapped(record("  Fix\tthis. \n", "\n  x  =  1\n", "x = 1\n\n"))
    assert row == Row("Fix\tthis.", "x  =  1", "x = 1")


@pytest.mark.parametrize(
    "words",
    [
        "No input",
        "<noinput>",
        "<no input>",
        "N/A",
        "n/a.",
        "(None)",
        "Not applicable",
        "[No input required.]",
        " no input is needed ",
        "None needed",
        "<No_Input>",
        "No context provided",
        "INPUT NOT REQUIRED",
    ],
)
def test_an_input_that_says_that_there_is_none_is_none(words):
    assert mapped(record(given=words)).input == ""


@pytest.mark.parametrize("words", ["Na", "null", "nan", "-", "[]", "()", "none of them", "No input validation", "0"])
def test_an_input_that_only_looks_like_that_stays(words):
    assert mapped(record(given=words)).input == words


def test_no_placeholder_is_too_long_to_be_seen_in_brackets():
    assert mapped(record(given="<< no input is necessary. >>")).input == ""


@pytest.mark.parametrize("answer", ["", " \n\t", None, "<nooutput>", "<No output>", "<noinput>"])
def test_a_record_without_an_answer_is_no_row(answer):
    reject = mapped(record(output=answer))
    assert reject.reason is Reason.EMPTY_OUTPUT and "Name a colour." in reject.detail


@pytest.mark.parametrize("answer", ["None", "N/A", "No output", "<html>", "<p>no output</p>"])
def test_an_answer_may_be_what_elsewhere_stands_for_nothing(answer):
    assert mapped(record(output=answer)).output == answer


def test_an_input_alone_is_something_to_answer():
    assert mapped(record("", "2 + 2 =", "4")) == Row("", "2 + 2 =", "4")


@pytest.mark.parametrize("given", ["", "N/A"])
def test_an_answer_to_nothing_is_no_row(given):
    assert mapped(record(" ", given, "Green.")).reason is Reason.EMPTY_INSTRUCTION


def test_a_null_input_is_none():
    assert mapped(record(given=None)) == Row("Name a colour.", "", "Green.")


def test_the_fields_have_the_names_that_the_source_gives_them():
    item = {"problem": "Add.", "context": "1, 2", "solution": "3", "instruction": "x", "input": "y", "output": "z"}
    assert mapped(item, instruction="problem", input="context", output="solution") == Row("Add.", "1, 2", "3")


def test_a_source_without_inputs_reads_none():
    assert mapped(record(given="left alone"), input="") == Row("Name a colour.", "", "Green.")


@pytest.mark.parametrize("field", ["instruction", "input", "output"])
def test_a_missing_field_is_named(field):
    item = record()
    del item[field]
    reject = mapped(item)
    assert reject.reason is Reason.MISSING_FIELD and reject.detail.startswith(f"no {field};")


def test_an_input_may_be_missing_where_the_source_says_so():
    item = record(given="1, 2")
    assert mapped(item, input_may_be_missing=True).input == "1, 2"
    del item["input"]
    assert mapped(item, input_may_be_missing=True) == Row("Name a colour.", "", "Green.")


@pytest.mark.parametrize("field", ["instruction", "input", "output"])
def test_a_field_of_another_type_is_shown(field):
    reject = mapped({**record(), field: ["a", 7]})
    assert reject.reason is Reason.WRONG_TYPE and field in reject.detail and "['a', 7]" in reject.detail


def test_other_fields_stay_out_of_the_row():
    assert mapped({**record(), "prompt": "### Instruction: Name a colour.", "seed": "x"}) == mapped(record())


@pytest.mark.parametrize("item", [None, 7, "text", [record()], True])
def test_what_is_no_object_is_rejected(item):
    assert mapped(item).reason is Reason.NOT_AN_OBJECT


@given(st.fixed_dictionaries({}, optional={"instruction": JSON, "input": JSON, "output": JSON}) | JSON)
def test_junk_never_raises(item):
    for options in (Options(), Options(input=""), Options(input_may_be_missing=True)):
        result = map_item(item, options)
        if isinstance(result, Row):
            assert result.output and (result.instruction or result.input)
            assert result.output == item["output"].strip()
        else:
            assert isinstance(result, Reject) and result.detail


@pytest.mark.skipif(not GPTEACHER.exists(), reason="the real rows are not here")
def test_real_rows_keep_all_their_text():
    items = orjson.loads(GPTEACHER.read_bytes())
    for item in items:
        row = mapped(item, output="response")
        assert row == Row(item["instruction"].strip(), item["input"].strip(), item["response"].strip())
    assert len(items) == 1923


@pytest.mark.parametrize(
    ("key", "kept", "rejects"),
    [
        ("alpaca_cleaned", 25, {"empty_output": 3}),
        ("dolly", 24, {"empty_output": 2, "missing_field": 1, "wrong_type": 1}),
        ("alpaca_cot", 25, {"empty_output": 2, "wrong_type": 1}),
        ("math_instruct", 24, {"empty_output": 2, "missing_field": 1, "wrong_type": 1}),
        ("code_alpaca", 25, {"empty_output": 3}),
        ("python_18k", 25, {"empty_output": 3}),
        ("magicoder_evol", 25, {"empty_output": 2, "empty_instruction": 1}),
        ("magicoder_oss", 25, {"empty_output": 2, "empty_instruction": 1}),
        ("esoteric", 25, {"empty_output": 2, "missing_field": 1}),
    ],
)
def test_the_bundled_sample_maps(key, kept, rejects):
    items, options = bundled(key)
    results = [map_item(item, options) for item in items]
    assert sum(isinstance(result, Row) for result in results) == kept
    assert collections.Counter(result.reason for result in results if isinstance(result, Reject)) == rejects


def test_the_samples_of_alpaca_and_its_collection_overlap_as_the_sets_do():
    rows = {}
    for key in ("alpaca_cleaned", "alpaca_cot"):
        items, options = bundled(key)
        rows[key] = [row for item in items if isinstance(row := map_item(item, options), Row)]
    exact = set(rows["alpaca_cleaned"]) & set(rows["alpaca_cot"])
    loose = [{" ".join("\0".join(row[:3]).split()).casefold() for row in found} for found in rows.values()]
    assert len(exact) == 3 and len(loose[0] & loose[1]) == 5
