"""Kinds of words: the first list wins, order is kept, and scripts without spaces are looked into."""

from __future__ import annotations

from stages.device import word_kinds
from stages.device.linear_text import normalised
from stages.device.word_kinds import OTHER

KNOWN = word_kinds.kinds({"more": ("brighter", "Größer", "もっと"), "also": ("too", "brighter"), "colour": ("blue",)})


def order(text: str) -> list[str]:
    return word_kinds.in_order(normalised(text), KNOWN)


def test_a_word_is_of_the_first_kind_that_lists_it() -> None:
    assert order("brighter too") == ["more", "also"]


def test_listed_words_are_found_in_any_case_and_punctuation_has_no_kind() -> None:
    assert order("Brighter, GRÖSSER! that") == ["more", "more", OTHER]


def test_listed_words_are_found_within_a_run_of_a_script_without_spaces() -> None:
    assert order("もっと明るく") == ["more"]
    assert order("明るく") == [OTHER]


def test_runs_know_where_a_text_begins_and_ends() -> None:
    assert word_kinds.runs(["more", "colour"]) == {
        "^ more",
        "more colour",
        "colour $",
        "^ more colour",
        "more colour $",
    }
    assert word_kinds.runs([]) == {"^ $"}
