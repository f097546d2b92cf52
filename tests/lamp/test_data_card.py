"""The data card: it says what is in the set, and says the same every time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from stages.lamp import diversity, taxonomy
from stages.lamp.data_card import card
from stages.lamp.diversity import Census, facts, figures

SEED = Path(__file__).parents[2] / "data" / "seed"
RESPONSE = '{"program":{"name":"n","steps":[{"id":"s1","command":{"type":"stop"},"duration":null}]}}'
ROW = {"id": "a", "prompt": "go dark", "category": "edge_case", "response": RESPONSE}
NEW = {**ROW, "prompt": "um, go dark", "version": "v2", "subcategory": "vague", "meaning": {"intent": "off"}}
OVER = {**NEW, "running": '{"program":"that runs"}'}


def text(*rows: dict[str, Any], licence: str = "CC0", examples: tuple[dict[str, Any], ...] = ()) -> str:
    words = taxonomy.load(SEED)
    census = Census([facts(row, words) for row in rows], words.trained_pictures())
    return card(census, figures(census, 0.9), licence, list(examples))


def test_it_counts_rows_per_category_and_sub_category() -> None:
    shown = text(ROW, NEW, OVER)
    assert "3 rows: 1 requests of the original seven categories (v1), 1 requests" in shown
    assert "| **edge_case** |  | **1** | **1** | **1** |" in shown
    assert "|  | vague |  | 1 | 1 |" in shown
    assert "2 of 3 rows have a meaning" in shown


def test_it_has_every_part_that_a_reader_looks_for() -> None:
    headings = re.findall(r"^## (.*)$", text(ROW), re.MULTILINE)
    assert headings == [
        "What it is", "Counts", "How it was made", "Licence", "What it must not be used for", "Limits", "Diversity",
        "Examples",
    ]  # fmt: skip
    assert "\nCC BY 4.0\n" in text(ROW, licence="CC BY 4.0")


def test_it_explains_every_figure_but_the_counts_that_it_begins_with() -> None:
    words = taxonomy.load(SEED)
    census = Census([facts(ROW, words)], words.trained_pictures())
    counts = {"rows", "requests_v1", "requests_v2", "rows_over_a_program"}
    explained = set(re.findall(r"^\| `(\w+)` \|", text(ROW), re.MULTILINE))
    assert explained == set(diversity.figures(census, 0.9)) - counts


def test_it_shows_examples_whole_and_what_was_running() -> None:
    shown = text(OVER, examples=(OVER, {**ROW, "prompt": "two\nlines"}))
    assert "*v2 / edge_case / vague*\n\n> um, go dark" in shown
    assert '```json\n{"program":"that runs"}\n```' in shown
    assert shown.count(f"```json\n{RESPONSE}\n```") == 2
    assert "> two lines" in shown


def test_it_names_languages_and_marks_of_speech_by_how_often_they_occur() -> None:
    shown = text(NEW, {**NEW, "prompt": "draw a fox"}, {**NEW, "prompt": "haz algo bonito"})
    assert "Languages, by requests: English 2, Spanish 1." in shown
    assert "fillers 33.3 %" in shown


@pytest.mark.parametrize("rows", [(), (ROW,)])
def test_a_figure_that_is_not_known_is_none_and_not_a_gap(rows: tuple[dict[str, Any], ...]) -> None:
    assert "| `distinct_2_v2` | none |" in text(*rows)
