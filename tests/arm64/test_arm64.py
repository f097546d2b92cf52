"""An emulated Raspberry Pi writes what this machine writes; see run.py. And what run.py says when it does not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.arm64 import run


def answer(**changed: Any) -> dict[str, Any]:
    return {"prompt": [1, 2], "tokens": [5, 6], "n_tokens": 2, "text": '{"a"}', "source": "model"} | changed


def test_the_same_tokens_are_no_difference() -> None:
    assert run.difference(answer(), answer(total_ms=7)) is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tokens": [5, 7], "text": '{"b"}'}, "token 1 is 6 here and 7 there, 'a\"}' and 'b\"}' behind '{\"'"),
        ({"prompt": [1, 3]}, "the prompt is tokenized otherwise"),
        ({"source": "fallback"}, "answered by model here and by fallback there"),
        ({"tokens": [5], "n_tokens": 1}, "2 tokens here and 1 there"),
    ],
)
def test_where_answers_part_is_said(changed: dict[str, Any], said: str) -> None:
    assert run.difference(answer(), answer(**changed)) == said


@pytest.mark.slow
def test_a_raspberry_pi_5_writes_the_same_tokens() -> None:
    if reason := run.missing():
        pytest.skip(reason)
    if not run.MODEL.is_file():
        pytest.skip(f"no {run.MODEL.name}: run `make repro`")
    assert run.main([]) == 0
