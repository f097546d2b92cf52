"""Training a linear text model: it learns, with the same weights each time, and says the same as on the Pi."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from stages.device.linear_text import Shape
from stages.errors import UserError
from stages.model import linear_training
from stages.model.linear_training import Learning
from stages.model.text_lines import Line

LEARNING = Learning(Shape(2, (2, 4), 1 << 10), 5.0, 0.5, {})
LINES = [
    *(Line(text, text, True) for text in ("slower", "brighter please", "more blue")),
    *(Line(text, text, False) for text in ("show a heart", "rainbow", "party mode", "lights off", "write HI")),
]


def plain(text: str) -> tuple[str, Sequence[str]]:
    return text, ()


def known(lines: list[Line] = LINES) -> linear_training.Examples:
    return linear_training.examples(lines, LEARNING.shape, plain)


def test_what_was_learnt_is_known() -> None:
    model = linear_training.train(known(), LEARNING)
    assert all((model.score(line.text) >= 0.5) == line.answer for line in LINES)


def test_the_same_lines_give_the_same_weights() -> None:
    one, other = (linear_training.train(known(), LEARNING) for _ in range(2))
    assert one.weights.tobytes() == other.weights.tobytes() and one.bias == other.bias


def test_many_lines_of_one_answer_do_not_drown_those_of_the_other() -> None:
    many = [Line(str(number), f"show picture {number}", False) for number in range(300)]
    model = linear_training.train(known([*LINES[:3], *many]), LEARNING)
    assert model.score("slower") > 0.5


def test_a_heavier_line_decides_where_two_disagree() -> None:
    lines = [*LINES, Line("a", "glow", True, 20.0), Line("b", "glow", False, 1.0)]
    assert linear_training.train(known(lines), LEARNING).score("glow") > 0.5


def test_scores_of_many_are_those_that_the_pi_gives() -> None:
    model = linear_training.train(known(), LEARNING)
    assert np.allclose(linear_training.scores(model, known()), [model.score(line.text) for line in LINES], atol=1e-6)


def test_lines_of_one_answer_alone_are_refused() -> None:
    with pytest.raises(UserError, match="one answer"):
        linear_training.train(known(LINES[:3]), LEARNING)
