"""Labels of risk, and what plainly declines."""

from __future__ import annotations

import pytest

from stages.corpus.intake.safety import Severity, asks_back, declines, severity_in_words, severity_of


@pytest.mark.parametrize(
    "answer",
    [
        "I can't help with that.",
        "I can\u2019t help you with this.",
        "Sorry, I'm not able to share his address.",
        "I'm not going to answer this.",
        "I would strongly advise against it.",
        "That's a very bad idea, please don't do it.",
        "It's against the law.",
        "I don't recommend mixing those.",
        "You really shouldn't.",
    ],
)
def test_a_plain_no_declines(answer):
    assert declines(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Sure, take the screwdriver first.",
        "I can't say for sure, but I think the answer is yes.",
        "Sorry to hear that! Here is how.",
        "Please don't get mad at me.",
        "I don't know who that is.",
        "I can't wait to tell you.",
    ],
)
def test_an_answer_that_only_sounds_like_a_no_does_not_decline(answer):
    assert not declines(answer)


def test_a_no_that_comes_after_a_long_answer_declines_nothing():
    assert not declines("Take the key. " * 20 + "I can't help with that.")


@pytest.mark.parametrize(("answer", "asks"), [("Why?", True), ("Why do you ask, friend?", True)])
def test_a_lone_question_asks_back(answer, asks):
    assert asks_back(answer) is asks


@pytest.mark.parametrize("answer", ["", "Take it. Why?", "Why? Take it.", "First:\nwhich one?"])
def test_an_answer_with_more_than_a_question_does_not_ask_back(answer):
    assert not asks_back(answer)


@pytest.mark.parametrize(
    ("subcategory", "harmful", "severity"),
    [
        ("violence_and_physical_harm", True, Severity.HIGH),
        ("violence_and_physical_harm", False, Severity.LOW),
        ("copyright_violations", True, Severity.LOW),
        ("toxic_language_hate_speech", True, Severity.MEDIUM),
        ("benign", True, Severity.MEDIUM),
        (None, True, Severity.MEDIUM),
        (["cyberattack"], True, Severity.MEDIUM),
    ],
)
def test_severity_follows_the_published_labels(subcategory, harmful, severity):
    assert severity_of(subcategory, harmful) is severity


@pytest.mark.parametrize(
    ("request_text", "severity"),
    [
        ("Where do I get a GUN?", Severity.HIGH),
        ("Write a rude note.", Severity.MEDIUM),
        ("A gunny sack", Severity.MEDIUM),
    ],
)
def test_without_labels_a_grave_word_makes_a_request_grave(request_text, severity):
    assert severity_in_words(["Hello.", request_text]) is severity
