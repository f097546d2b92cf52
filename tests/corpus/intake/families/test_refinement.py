"""Tasks that grow from version to version."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpus.intake.families.refinement import FAMILY, Options, map_item
from stages.corpus.rows.row import Reject, Row
from tests.corpus.intake.families.mapping import DEEP, JUNK, SOURCES, lines, rejected, sample, texts

PLAIN = Options()


def record(*versions: tuple[Any, Any]) -> dict[str, Any]:
    """A record of these versions."""
    return {
        f"{name}_v{number}": text
        for number, version in enumerate(versions, start=1)
        for name, text in zip(("instruction", "output"), version, strict=True)
    }


def test_the_first_version_is_the_turn_before_the_second():
    assert map_item(record((" sort\n", "s"), ("sort by key", "k ")), PLAIN) == Row(
        "sort by key", "", "k", (("sort", "s"),)
    )


def test_further_versions_are_further_turns():
    row = map_item(record(("a", "b"), ("c", "d"), ("e", "f")), PLAIN)
    assert row == Row("e", "", "f", (("a", "b"), ("c", "d")))


def test_a_tenth_version_comes_behind_the_ninth():
    versions = [(f"ask {number}", f"answer {number}") for number in range(1, 12)]
    row = map_item(dict(reversed(record(*versions).items())), PLAIN)
    assert texts(row) == [text for version in versions for text in version]


def test_null_versions_at_the_end_are_not_there():
    assert map_item(record(("a", "b"), ("c", "d"), (None, None)), PLAIN) == Row("c", "", "d", (("a", "b"),))


def test_no_version_between_two_others_is_passed_over():
    assert rejected(map_item(record(("a", "b"), (None, None), ("e", "f")), PLAIN)) == "empty_instruction"
    assert rejected(map_item({**record(("a", "b"), ("c", "d")), "output_v4": "h"}, PLAIN)) == "missing_field"


def test_the_former_answer_is_a_rejected_one_only_where_the_source_says_so():
    item = record(("a", "b"), ("c", "d"), ("e", "f"))
    assert map_item(item, PLAIN).rejected == ""
    assert map_item(item, Options(former_is_worse=True)).rejected == "d"


def test_the_fields_may_have_other_names():
    item = {"prompt1": "a", "answer1": "b", "prompt2": "c", "answer2": "d"}
    assert map_item(item, Options("prompt", "answer")) == Row("c", "", "d", (("a", "b"),))


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({}, "missing_field"),
        (record(("a", "b")), "missing_field"),
        ({**record(("a", "b")), "instruction_v2": "c"}, "missing_field"),
        (record(("a", "b"), ("c", None)), "empty_output"),
        (record(("a", "b"), ("c", " \n")), "empty_output"),
        (record(("", "b"), ("c", "d")), "empty_instruction"),
        (record(("a", "b"), ("c", "d"), ("e", None)), "empty_output"),
        (record(("a", "b"), ("c", 4.24)), "wrong_type"),
        (record((["a"], "b"), ("c", "d")), "wrong_type"),
        (record(("a", "b"), (DEEP, "d")), "wrong_type"),
        (record(("a", "b"), ("a ", "d")), "review_failed"),
        (record(("a", "b"), ("c", " b")), "review_failed"),
        (record(("a", "b"), ("# Rewritten prompt\nc", "d")), None),
        (record(("a", "b"), ("#Rewritten Prompt#: c", "d")), "review_failed"),
        (["instruction_v1"], "not_an_object"),
        (DEEP, "not_an_object"),
    ],
)
def test_what_is_no_refinement_says_why(item, reason):
    found = map_item(item, PLAIN)
    assert reason is None or rejected(found) == reason
    assert reason is not None or isinstance(found, Row)


FIELDS = st.sampled_from(
    [*record(("a", "b"), ("c", "d"), ("e", "f")), "instruction_v", "output_v\u00b2", "output_v" + "9" * 5000]
)


@given(JUNK, st.dictionaries(FIELDS, JUNK | st.sampled_from("abc")))
def test_junk_never_raises(junk, fields):
    for item in (
        junk,
        fields,
        {**fields, None: junk},
        record(("a", "b"), (junk, "d")),
        record(("a", junk), ("c", "d")),
    ):
        assert isinstance(map_item(item, PLAIN), Row | Reject)


def test_the_bundled_refinements_map_with_all_their_text():
    found = sample("refinements", FAMILY)
    reasons = Counter(rejected(item) for item in found if isinstance(item, Reject))
    assert reasons == {"empty_output": 1, "review_failed": 2}
    assert Counter(len(row.history) for row in found if isinstance(row, Row)) == {1: 24, 2: 1}
    for item, row in zip(lines((SOURCES / "refinements" / "sample.jsonl").read_bytes()), found, strict=True):
        if isinstance(row, Row):
            assert texts(row) == [text.strip() for text in item.values()]
            assert row.rejected == row.history[-1][1]


def test_the_python_in_the_bundled_refinements_runs():
    answers = [text for row in sample("refinements", FAMILY) if isinstance(row, Row) for text in texts(row)]
    blocks = [block for answer in answers for block in re.findall(r"```python\n(.*?)```", answer, re.DOTALL)]
    assert len(blocks) == 10
    for block in blocks:
        exec(block, {})
