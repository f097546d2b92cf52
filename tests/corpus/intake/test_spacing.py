"""Tokens with spaces between them, made text again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpus.intake.spacing import respaced


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("Say , Jim , are you there ? ", "Say, Jim, are you there?"),
        ("I ca n't go , it 's late .", "I can't go, it's late."),
        ("I don \u2019 t know . It \u2019 s fine .", "I don\u2019t know. It\u2019s fine."),
        ("We \u2019ve seen it .", "We\u2019ve seen it."),
        ("`` Come in , '' he said .", '"Come in," he said.'),
        ("They ( all of them , too ) , and 9 % of us ...", "They (all of them, too), and 9% of us..."),
        ("One .\n\nTwo , three .", "One.\n\nTwo, three."),
    ],
)
def test_spaces_of_a_tokenizer_go(tokens, text):
    assert respaced(tokens) == text


@pytest.mark.parametrize("text", ["It costs .5 or so :) ok", "the dogs' bowls", "Plain text, it's fine (really).", ""])
def test_text_that_was_never_tokenized_stays(text):
    assert respaced(text) == text


@given(st.text(alphabet="ab ,.'\u2019()st\n", max_size=40))
def test_only_spaces_go(text):
    kept, before = (one.replace(" ", "").replace("''", '"').strip() for one in (respaced(text), text))
    assert kept == before
