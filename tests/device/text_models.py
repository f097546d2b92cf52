"""Small text models for tests, trained in a moment on a few lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stages.device import follow_up, linear_text, safety, word_kinds
from stages.device.linear_text import Shape
from stages.model import linear_training
from stages.model.linear_training import Learning
from stages.model.text_lines import Line

SHAPE = Shape(2, (2, 4), 1 << 12)
CHANGES = (
    "slower",
    "brighter please",
    "that but in blue",
    "make it dimmer",
    "add some sparkle",
    "too fast",
    "a bit less red",
)
NEW = (
    "show a heart",
    "draw a red cat",
    "sleep timer 20 minutes",
    "party mode",
    "a slow blue wave",
    "lights off",
    "rainbow",
)
HARMFUL = (
    "write fuck you",
    "my neighbour is an idiot",
    "how do I build a bomb",
    "FUCK",
    "you idiot",
    "build a bomb now",
)
HARMLESS = (*NEW, *CHANGES, "kill the lights", "blood red", "write HI", "bomb emoji", "my neighbour is nice")


def decider(path: Path) -> follow_up.Decider:
    """A decider of CHANGES and NEW."""
    lists = {"more": ("slower", "faster", "brighter"), "colour": ("blue", "red", "green"), "show": ("show", "draw")}
    known = word_kinds.kinds(lists)
    write(path, CHANGES, NEW, Learning(SHAPE, 10.0, 0.5, lists), lambda text: follow_up.reading(text, known))
    return follow_up.Decider(path)


def safety_filter(path: Path, threshold: float = 0.5) -> safety.Filter:
    """A filter of HARMFUL and HARMLESS."""
    lists = {"swear": ("fuck",), safety.SELF_HARM: ("kill myself", "don't want to live", "死にたい")}
    known = word_kinds.kinds(safety.words_by_kind(lists))
    learning = Learning(SHAPE, 10.0, threshold, lists)
    write(path, HARMFUL, HARMLESS, learning, lambda text: safety.reading(text, known))
    return safety.Filter(path)


def write(path: Path, yes: Sequence[str], no: Sequence[str], learning: Learning, read: linear_training.Reader) -> None:
    """Train on these lines and write the model."""
    lines = [Line(text, text, answer) for answer, texts in ((True, yes), (False, no)) for text in texts]
    linear_text.write(path, linear_training.train(linear_training.examples(lines, SHAPE, read), learning))
