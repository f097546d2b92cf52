"""A long and a short sentence in each of two dozen languages, and what is no language at all."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml

from stages.corpus.intake import language as subject
from stages.corpus.intake.language import UNDETERMINED, language
from stages.corpus.rows.row import Row
from stages.corpus.rows.source import Category

SENTENCES = yaml.safe_load(Path(__file__).with_name("sentences.yaml").read_text(encoding="utf-8"))
CODE = "def light(lamps):\n    return [lamp for lamp in lamps if lamp.on]\n"
GERMAN, ENGLISH = SENTENCES["de"][0], SENTENCES["en"][0]


def told(instruction: str, output: str, category: Category = Category.INSTRUCTION, lang: str = "") -> str:
    return language(Row(instruction, "", output, lang=lang), category)


@pytest.mark.parametrize("code", SENTENCES)
def test_a_long_answer_is_told(code: str) -> None:
    assert told("", SENTENCES[code][0]) == code


@pytest.mark.parametrize("code", SENTENCES)
def test_a_short_question_with_its_answer_is_told(code: str) -> None:
    assert told(SENTENCES[code][1], SENTENCES[code][1]) == code


def test_the_answer_decides_and_not_the_instruction() -> None:
    assert told("Translate this sentence into German, please, and keep its tone.", GERMAN) == "de"


def test_a_name_is_judged_by_its_question() -> None:
    assert told("Who wrote the tragedy about a prince of Denmark?", "William Shakespeare") == "en"
    assert told("Wer schrieb das Trauerspiel vom Prinzen von Dänemark?", "William Shakespeare") == "de"


def test_a_calculation_is_judged_by_its_question() -> None:
    assert (
        told("Combien de pommes reste-t-il après le repas de midi ?", "3*4 = <<3*4=12>>12; 12-5 = <<12-5=7>>7 #### 7")
        == "fr"
    )


@pytest.mark.parametrize("category", [Category.CODE, Category.TOOL_USE])
def test_code_is_judged_by_what_is_asked(category: Category) -> None:
    assert told("Schreibe eine Funktion, die alle brennenden Lampen einer Liste zurückgibt.", CODE, category) == "de"


def test_of_a_row_in_code_the_instruction_decides() -> None:
    assert told(GERMAN, ENGLISH, Category.CODE) == "de"


def test_code_blocks_are_passed_over() -> None:
    assert told("", f"```text\n{ENGLISH}\n```\n{GERMAN}") == "de"
    assert told("", f"```python\n{CODE}```\n{GERMAN}") == "de"


def test_code_alone_has_no_language() -> None:
    assert told(CODE, CODE, Category.CODE) == UNDETERMINED


def test_capitals_are_no_language_of_their_own() -> None:
    assert told("", SENTENCES["cs"][0].upper()) == "cs"


def test_numbers_have_no_language() -> None:
    assert told("", "1 2 3 4 5 6 7 8 9") == UNDETERMINED


def test_nothing_has_no_language() -> None:
    assert told("", "") == UNDETERMINED


def test_what_the_source_states_wins_over_a_doubtful_guess() -> None:
    assert told("", "OK", lang="da") == "da"
    assert told(CODE, CODE, Category.CODE, lang="es") == "es"


def test_what_the_source_states_loses_to_plain_text() -> None:
    assert told("", ENGLISH, lang="zh") == "en"
    assert told("", SENTENCES["zh"][0], lang="en") == "zh"


def test_plain_english_is_told_without_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "_model", None)
    assert told("", ENGLISH) == "en"


def test_a_language_without_a_code_of_two_letters_is_written_as_its_kin_or_undetermined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Model:
        def __init__(self, code: str) -> None:
            self.code = code

        def predict(self, text: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
            return (f"__label__{self.code}",), (0.9,)

    for code, tag in (("yue", "zh"), ("arz", "ar"), ("ceb", UNDETERMINED)):
        monkeypatch.setattr(subject, "_model", lambda code=code: Model(code))
        assert told("", "xyzzy " * 10) == tag
    assert told("", "xyzzy " * 10, lang="tl") == "tl"  # behind the last of them, "ceb"


def test_no_network_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object, **named: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refused)
    monkeypatch.setattr(socket, "create_connection", refused)
    subject._model.cache_clear()
    assert told("", GERMAN) == "de"
