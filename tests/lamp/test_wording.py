"""Marks of speech, languages and distinct-n, measured on the text alone."""

from __future__ import annotations

import pytest

from stages.lamp.wording import distinct, language, markers, words


@pytest.mark.parametrize(
    ("prompt", "mark"),
    [
        ("um, something warm", "fillers"),
        ("maybe like a sunset or...", "fillers"),
        ("something, like, soft", "fillers"),
        ("don't make it too bright", "contractions"),
        ("that\u2019s too bright", "contractions"),
        ("the kettle's on", "contractions"),
        ("what would look good for a date night", "questions"),
        ("hey lamp, could you be blue", "questions"),
        ("is there a sleep mode?", "questions"),
        ("light for my desk", "first person"),
        ("I'd like teal", "first person"),
        ("yo make it blue", "openings"),
        ("okay, go dark", "openings"),
        ("blu lgt pls", "slang"),
        ("gimme a fox", "slang"),
    ],
)
def test_each_mark_of_speech_is_seen(prompt: str, mark: str) -> None:
    assert mark in markers(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "draw a red fox",
        "show me a star",
        "blue light please",
        "santa's workshop",
        "valentine's day",
        "pictures like the emoji",
        "countdown from 5",
        "white on black",
        "",
    ],
)
def test_a_plain_command_has_no_mark(prompt: str) -> None:
    assert markers(prompt) == []


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("haz algo bonito", "es"),
        ("montre-moi un coeur", "fr"),
        ("zeig mir einen stern", "de"),
        ("mostrami una stella", "it"),
        ("faça algo bonito", "pt"),
        ("laat een hart zien", "nl"),
        ("visa ett hjärta", "sv"),
        ("pokaż mi serce", "pl"),
        ("bana bir yıldız göster", "tr"),  # noqa: RUF001
        ("покажи звезду", "ru"),
        ("покажи зірку", "uk"),
        ("星を見せて", "ja"),
        ("给我一颗星星", "zh"),
        ("별을 보여줘", "ko"),
        ("أرني نجمة", "ar"),
        ("एक तारा दिखाओ", "hi"),
        ("δείξε μου ένα αστέρι", "el"),
        ("buenas noches, lámpara", "es"),
        ("etwas Ruhiges zum Entspannen when you're ready", "de"),
        ("okay so güzel bir şey yap", "tr"),
    ],
)
def test_a_language_is_told_by_its_script_or_its_words(prompt: str, name: str) -> None:
    assert language(prompt) == name


@pytest.mark.parametrize(
    "prompt",
    [
        "draw a star",
        "me",
        "write HOLA in red",
        "a cafe in la",
        "la la land vibes",
        "party",
        "42",
        "",
        "make it ☀️ bright",
    ],
)
def test_what_speaks_for_no_other_language_is_english(prompt: str) -> None:
    assert language(prompt) == "en"


def test_words_are_lower_case_and_without_punctuation() -> None:
    assert words("Don't — make it TOO bright!") == ["don't", "make", "it", "too", "bright"]


def test_distinct_n_counts_within_requests_and_not_across_them() -> None:
    one, two = distinct([["a", "b"], ["a", "b"], ["b", "a"]])
    assert one == pytest.approx(2 / 6)
    assert two == pytest.approx(2 / 3)  # "a b", "b a"; what ends one request and begins the next is no pair


def test_distinct_n_of_nothing_is_unknown() -> None:
    assert distinct([]) == (None, None)
    assert distinct([["alone"]]) == (1.0, None)
