"""Lines of text: compared by spelling, split by hashes, read with errors that say where."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.errors import UserError
from stages.model import text_lines
from stages.model.text_lines import Line


@pytest.mark.parametrize("other", ["more blue please", "MORE  blue, please!", "Möre blué please\n"])
def test_lines_that_differ_by_case_accents_and_punctuation_are_spelled_the_same(other: str) -> None:
    assert text_lines.spelling(other) == text_lines.spelling("More blue please.")


def test_signs_alone_are_a_spelling_too() -> None:
    assert text_lines.spelling(" 🎃 ") == "🎃" != text_lines.spelling("❤️")


def test_what_is_measured_on_is_never_trained_on_in_any_spelling() -> None:
    lines = [
        Line(str(number), f"line {number // 2}!" if number % 2 else f"LINE {number // 2}", False)
        for number in range(400)
    ]
    kept, measured = text_lines.split(lines, 0.3, 7)
    spelt = [{text_lines.spelling(line.text) for line in side} for side in (kept, measured)]
    assert not spelt[0] & spelt[1]
    assert len(spelt[0]) == len(kept) and len(spelt[1]) == len(measured) > 10


def test_further_lines_move_no_line_to_the_other_side() -> None:
    lines = [Line(f"k{number}", f"text {number}", False) for number in range(200)]
    assert set(text_lines.split(lines[:100], 0.3, 7)[1]) <= set(text_lines.split(lines, 0.3, 7)[1])


def test_lines_of_one_key_stay_together() -> None:
    kept, measured = text_lines.split([Line(f"k{number % 9}", f"text {number}", False) for number in range(90)], 0.5, 7)
    assert not {line.key for line in kept} & {line.key for line in measured}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("changes: [a]", "it must have the lists"), ("changes: [no]\nnew: [a]", "False is no line"),
        ("- a", "no mapping"), ("changes: []\nnew: [a]", "None is no line"),
        ("changes: ['']\nnew: [a]", "'' is no line"), ("changes: [", "not YAML"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_right_is_one_line_that_says_so(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "l.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=why) as caught:
        text_lines.read_lines(path, ("changes", "new"))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_file_says_how_to_get_it_back(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="git checkout"):
        text_lines.read_lines(tmp_path / "l.yaml")


def test_a_kind_without_words_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text("more: [a, b]")
    with pytest.raises(UserError, match="more: is no text"):
        text_lines.read_texts(tmp_path / "w.yaml")
