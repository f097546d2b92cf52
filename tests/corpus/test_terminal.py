"""Text of data sets moves no cursor and colours nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpus.terminal import console, plain


@pytest.mark.parametrize("text", ["", "Show a sun", "Lämpchen 灯 \u00e9 \U0001f4a1", "[bold] \\n"])
def test_what_is_printed_stays(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\x00\x7f\x9b", "\\x00\\x7f\\x9b"),
        ("a\u202eb\u200b", "a\\u202eb\\u200b"),
        ("\ud800", "\\ud800"),
        ("\u2028", "\\u2028"),
    ],
)
def test_what_is_not_printed_is_shown_as_python_escapes_it(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text())
def test_any_text_is_printable_afterwards(text: str) -> None:
    assert plain(text).isprintable()
    plain(text).encode()


def test_a_pipe_is_wide_enough_for_a_table() -> None:
    assert console().width >= 160
