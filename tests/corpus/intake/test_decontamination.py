"""Planted items are found however they are written; rows that only resemble them stay."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from stages.corpus.intake import decontamination, evaluations
from stages.corpus.intake.decontamination import Index, normalised
from stages.corpus.intake.evaluations import Item
from stages.corpus.rows.row import Row

ROOT = Path(__file__).resolve().parents[3]
RAW = ROOT.parent / "shared" / "data" / "raw"
BUNDLED = ROOT / "data" / "seed" / "corpus" / "evaluations"
WORDS = [f"{first}{second}" for first in ("lam", "har", "bri", "sto", "fen") for second in ("pa", "ton", "lik", "mur")]
FOURTEEN = "a ferry with nine crews leaves the old harbour at dusk and returns at dawn"
EIGHT = "how often does the pale comet come back"


def text(seed: int, words: int = 60) -> str:
    """Words in an order that no other seed gives."""
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def index(*questions: str, choices: tuple[str, ...] = ()) -> Index:
    return Index({"toy": [Item(question, choices) for question in questions]})


def found(where: Index, instruction: str, output: str = "Yes.", **fields: object) -> str:
    return where.find([Row(instruction, "", output)._replace(**fields)])[0]


def respaced(question: str) -> str:
    return "\n \t* " + question.replace(" ", ",\u00a0\u2014 ").replace("'", "\u2019") + "!\u2026"


def test_words_are_lower_case_letters_and_digits_with_one_space_between() -> None:
    assert normalised("  The \u201cLAMP\u201d\u2019s 3,5\nÉTÉ\u3000snake_case\t\u2014 \ufb01n!") == (
        "the lamp s 3 5 été snake case fin".encode()
    )


@pytest.mark.parametrize("field", ["instruction", "input", "output", "system", "rejected"])
def test_thirteen_words_are_found_in_every_field(field: str) -> None:
    row = Row("Tell me.", "", "Yes.")._replace(**{field: f"Well: {FOURTEEN}. So?"})
    assert index(FOURTEEN).find([row]) == ["toy"]


@pytest.mark.parametrize("turn", [(FOURTEEN, "Yes."), ("Tell me.", FOURTEEN)])
def test_thirteen_words_are_found_in_the_history(turn: tuple[str, str]) -> None:
    assert found(index(FOURTEEN), "Tell me.", history=(turn,)) == "toy"


def test_thirteen_words_suffice_and_twelve_do_not() -> None:
    words = FOURTEEN.split()
    assert found(index(FOURTEEN), " ".join(words[1:14])) == "toy"
    assert found(index(FOURTEEN), " ".join(words[1:13])) == ""


def test_words_of_two_rows_make_no_item() -> None:
    words = FOURTEEN.split()
    halves = [Row(" ".join(words[:7]), "", ""), Row(" ".join(words[7:]), "", "")]
    assert index(FOURTEEN).find(halves) == ["", ""]


def test_words_of_two_fields_make_one() -> None:
    words = FOURTEEN.split()
    assert found(index(FOURTEEN), " ".join(words[:7]), input=" ".join(words[7:])) == "toy"


def test_a_word_is_found_as_a_whole_only() -> None:
    assert found(index(FOURTEEN), FOURTEEN.replace("harbour", "harbours")) == ""
    assert found(index(EIGHT), EIGHT + "ing") == ""
    assert found(index(EIGHT), "any" + EIGHT) == ""


def test_another_order_of_the_same_words_is_another_text() -> None:
    words = FOURTEEN.split()
    assert found(index(FOURTEEN), " ".join([*words[:6], words[7], words[6], *words[8:]])) == ""


def test_a_list_of_numbers_is_no_item() -> None:
    counted = " ".join(map(str, range(1, 40)))
    question = f"Which number is missing from {counted} if any?"
    assert found(index(question), f"Count: {counted}") == ""
    assert found(index(question), question) == "toy"


def test_a_short_question_is_found_anywhere_in_what_is_asked() -> None:
    where = index(EIGHT)
    assert found(where, f"Answer briefly. {EIGHT.capitalize()}? Think first.") == "toy"
    assert found(where, "Tell me.", input=EIGHT) == "toy"
    assert found(where, "Tell me.", system=EIGHT) == "toy"
    assert found(where, "Tell me.", history=((EIGHT, "Rarely."),)) == "toy"


def test_a_short_question_in_an_answer_is_no_item() -> None:
    assert found(index(EIGHT), "Tell me.", EIGHT) == ""


def test_a_part_of_a_short_question_is_no_item() -> None:
    assert found(index(EIGHT), EIGHT.rpartition(" ")[0]) == ""


def test_under_five_words_only_a_whole_field_counts() -> None:
    where = index("show a sun")
    assert found(where, "Show a SUN!") == "toy"
    assert found(where, "Tell me.", input="show  a sun") == "toy"
    assert found(where, "Tell me.", history=(("Show a sun", "Here."),)) == "toy"
    assert found(where, "Write a story that will show a sun to the blind.") == ""
    assert found(where, "Tell me of the sun.", "show a sun") == ""


def test_a_short_question_with_choices_needs_them_all() -> None:
    where = index("Which of these is true?", choices=("Iron floats", "Sound needs air"))
    assert found(where, "Which of these is true? A) Sound needs air B) Iron floats", "A") == "toy"
    assert found(where, "Which of these is true? Explain why sound needs air.", "Iron floats") == "toy"
    assert found(where, "Which of these is true? A) Sound needs air B) Lead floats", "A") == ""
    assert found(where, "Which is true? A) Sound needs air B) Iron floats", "A") == ""


def test_a_question_of_two_words_is_found_by_its_long_choice() -> None:
    where = index("Photosynthesis is", choices=("what green leaves do with light", "rare"))
    assert found(where, "Photosynthesis is (a) rare (b) what green leaves do with light") == "toy"


def test_an_item_without_five_words_in_a_row_is_counted_as_unsearchable() -> None:
    where = index("Which is?", "", choices=("one", "two"))
    assert where.unsearchable == Counter(toy=2)
    assert where.items == {"toy": 2}
    assert found(where, "Which is? one two") == ""


def test_the_first_set_is_named() -> None:
    where = Index({"first": [Item(EIGHT)], "second": [Item(FOURTEEN), Item("show a sun")]})
    rows = [Row(FOURTEEN, "", ""), Row(f"{FOURTEEN} {EIGHT}", "", ""), Row("show a sun", "", ""), Row("no", "", "")]
    assert where.find(rows) == ["second", "first", "second", ""]
    assert found(Index({"first": [Item(FOURTEEN)], "second": [Item(EIGHT)]}), f"{FOURTEEN} {EIGHT}") == "first"
    assert found(Index({"first": [Item(FOURTEEN)], "second": [Item(FOURTEEN)]}), FOURTEEN) == "first"


def test_an_index_of_nothing_finds_nothing() -> None:
    assert Index({}).find([Row(FOURTEEN, "", "")]) == [""]
    assert Index({"empty": []}).find([Row(FOURTEEN, "", "")]) == [""]
    assert index(FOURTEEN).find([]) == []
    assert found(index(FOURTEEN), "") == ""


def test_a_row_is_judged_the_same_in_any_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [text(seed) for seed in range(5)]
    rows = [Row(items[n // 7] if n % 7 == 0 else text(100 + n), "", text(200 + n)) for n in range(35)]
    where = index(*items)
    alone = [where.find([row])[0] for row in rows]
    assert alone.count("toy") == 5
    for size in (1, 1000, 10**6):
        monkeypatch.setattr(decontamination, "BATCH_BYTES", size)
        assert where.find(rows) == alone
    assert where.find(rows[::-1]) == alone[::-1]


def test_no_random_text_is_found() -> None:
    where = index(*(text(seed) for seed in range(200)))
    assert not any(where.find([Row(text(1000 + seed, 200), "", "") for seed in range(500)]))


@pytest.mark.parametrize(
    "changed",
    [
        str,
        str.upper,
        str.title,
        respaced,
        lambda question: " ".join(question.split()[: int(0.6 * len(question.split()))]),
    ],
    ids=["verbatim", "upper", "title", "respaced", "truncated"],
)
def test_a_hundred_planted_items_of_a_hundred_are_found(changed: object) -> None:
    items = [text(seed, 22 + seed % 40) for seed in range(100)]
    rows = [
        Row("Solve this.", f"{text(500 + n)} {changed(item)} {text(700 + n)}", "42") for n, item in enumerate(items)
    ]  # type: ignore[operator]
    assert index(*items).find(rows) == ["toy"] * 100


@pytest.mark.parametrize("changed", [str, str.upper, respaced], ids=["verbatim", "upper", "respaced"])
def test_all_bundled_items_are_found_with_their_choices(changed: object) -> None:
    sets = {
        name: evaluations.items(one, evaluations.bundled(BUNDLED, one))
        for name, one in evaluations.load(BUNDLED).items()
    }
    where = Index(sets)
    assert not where.unsearchable
    for name, items in sets.items():
        asked = [
            "\n".join((item.question, *(f"({n}) {choice}" for n, choice in enumerate(item.choices)))) for item in items
        ]
        assert where.find([Row(changed(question), "", "A") for question in asked]) == [name] * len(items)  # type: ignore[operator]


needs_raw = pytest.mark.skipif(not RAW.is_dir(), reason="the published rows are not here")


def published(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (RAW / name).read_text(encoding="utf-8").split("\n") if line]


@needs_raw
def test_the_training_rows_of_gsm8k_are_clean_of_its_test_items() -> None:
    where = index(*(item["question"] for item in published("gsm8k/test.jsonl")))
    rows = [Row(item["question"], "", item["answer"]) for item in published("gsm8k/train.jsonl")]
    count = len(rows) - where.find(rows).count("")
    print(f"\n{count} of {len(rows)} training rows share 13 words with one of {where.items['toy']} test items")
    assert 0 < count < 0.001 * len(rows)


@needs_raw
def test_a_hundred_published_items_of_a_hundred_are_found() -> None:
    questions = [item["question"] for item in published("gsm8k/test.jsonl")]
    where = index(*questions)
    long = [question for question in questions if len(normalised(question).split()) >= 30][:100]
    for changed in (str, str.upper, respaced, lambda one: one[: int(0.6 * len(one))]):
        assert where.find([Row("Solve this.", changed(one), "42") for one in long]) == ["toy"] * 100
