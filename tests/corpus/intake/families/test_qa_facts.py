"""The bundled rows of trivia_qa and natural_questions, whose answers are objects and lists."""

from collections import Counter
from pathlib import Path

import orjson
import pytest

from stages import params
from stages.corpus.intake.families.qa import FAMILY
from stages.corpus.rows.row import Reason, Reject, Row

SOURCES = Path(__file__).resolve().parents[4] / "data" / "seed" / "corpus" / "sources"
BEST = {"trivia_qa": lambda answer: answer["value"], "natural_questions": lambda answer: answer[0]}


@pytest.mark.parametrize("key", BEST)
def test_the_bundled_rows_map_to_their_best_answer_but_for_the_odd_ones(key):
    options = params.load(FAMILY.options, "options", SOURCES / key / "source.yaml")
    records = [orjson.loads(line) for line in (SOURCES / key / "sample.jsonl").read_bytes().splitlines()]
    found = [FAMILY.map(record, options) for record in records]
    rejects = Counter(each.reason for each in found if isinstance(each, Reject))
    assert len(found) == 28
    assert rejects == {Reason.EMPTY_OUTPUT: 2, Reason.EMPTY_INSTRUCTION: 1}
    for record, row in zip(records, found, strict=True):
        if isinstance(row, Row):
            assert row == Row(record["question"].strip(), "", BEST[key](record["answer"]))
