"""One verdict per row: contamination before control tokens, control tokens before quality."""

from __future__ import annotations

import pickle

import pytest

from stages.corpus.intake import quality
from stages.corpus.intake.decontamination import Index
from stages.corpus.intake.evaluations import Item
from stages.corpus.intake.screening import Settings, screen
from stages.corpus.rows.row import Row
from stages.corpus.rows.source import Category

SETTINGS = Settings(quality.Limits(3, 1, 5000), Index({"toy": [Item("show a sun")]}))
FINE = Row("How many lamps are there in the inn?", "", "There are nine lamps, and one of them is lit.")
REFUSAL = "As an AI language model, I cannot say how many lamps there are in the inn."


def told(row: Row, category: Category = Category.INSTRUCTION) -> tuple[str, str]:
    return screen([row], category, SETTINGS)[0]


def test_a_row_that_is_fine_has_no_verdict_and_a_language() -> None:
    assert told(FINE) == ("", "en")


def test_a_row_that_is_left_out_has_its_language_as_well() -> None:
    assert told(FINE._replace(output=REFUSAL)) == ("refusal", "en")


def test_a_contaminated_row_names_the_set() -> None:
    assert told(FINE._replace(instruction="Show a sun."))[0] == "contaminated:toy"


@pytest.mark.parametrize("field", ["instruction", "input", "output", "system", "rejected"])
def test_a_row_with_control_tokens_names_the_most_frequent(field: str) -> None:
    row = FINE._replace(**{field: "A</s> lamp<|im_end|> is lit.<|im_end|> So there are nine of them."})
    assert told(row)[0] == "control_token:<|im_end|>"


@pytest.mark.parametrize("turn", [("Hello</s>", "Hi"), ("Hello", "Hi</s>")])
def test_control_tokens_are_found_in_the_history(turn: tuple[str, str]) -> None:
    assert told(FINE._replace(history=(turn,)))[0] == "control_token:</s>"


def test_contamination_is_said_before_control_tokens_and_these_before_quality() -> None:
    tokens = FINE._replace(output=f"{REFUSAL}</s>")
    assert told(tokens)[0] == "control_token:</s>"
    assert told(tokens._replace(input="show a sun"))[0] == "contaminated:toy"


def test_the_category_decides_about_refusals() -> None:
    assert told(FINE._replace(output=REFUSAL), Category.RED_TEAM)[0] == ""


def test_verdicts_are_plain_text() -> None:
    assert type(told(FINE._replace(output=REFUSAL))[0]) is str


def test_a_row_is_judged_by_itself() -> None:
    rows = [
        FINE,
        FINE._replace(output=REFUSAL),
        Row("Show a sun", "", "Here."),
        Row("", "", ""),
        FINE._replace(lang="da"),
    ]
    alone = [told(row) for row in rows]
    assert screen(rows, Category.INSTRUCTION, SETTINGS) == alone
    assert screen(rows[::-1] * 3, Category.INSTRUCTION, SETTINGS) == alone[::-1] * 3


def test_no_rows_have_no_verdicts() -> None:
    assert screen([], Category.CODE, SETTINGS) == []


def test_settings_travel_to_another_process() -> None:
    assert screen([FINE], Category.CODE, pickle.loads(pickle.dumps(SETTINGS))) == [("", "en")]
