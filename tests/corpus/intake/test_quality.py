"""One toy row per reason, and beside it the nearest row that is fine."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from stages.corpus.intake.quality import Limits, Quality, verdict
from stages.corpus.rows.row import Row
from stages.corpus.rows.source import Category

LIMITS = Limits(min_asked=3, min_output=1, max_chars=5000)
RAW = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "raw"
LONG = (
    "Every evening the harbour fills with small boats whose crews sell herring straight from the nets. Children carry "
    "baskets up the steep lane, while older neighbours bargain in three dialects at once. When rain blows in, awnings "
    "are unrolled, coffee appears, and somebody begins a story about pirates that nobody believes. By ten the square "
    "is quiet again; only gulls argue over scales between the stones, until the lighthouse keeper walks home. "
)
PROSE = "The lamp hangs above the table and is lit at dusk. Nobody has moved it for a year, says the owner of the inn. "


def judged(output: str, category: Category = Category.INSTRUCTION, instruction: str = "Tell me of the lamp.") -> str:
    return verdict(Row(instruction, "", output), category, LIMITS) or ""


def test_one_character_is_a_good_answer() -> None:
    assert judged("4") == ""


def test_a_row_that_asks_in_two_characters_is_too_short() -> None:
    assert judged("4", instruction="Eh") == Quality.TOO_SHORT


def test_what_was_said_before_counts_as_asked() -> None:
    row = Row("Eh", "", "4", history=(("What is two plus two?", "Guess."),))
    assert verdict(row, Category.MULTITURN_DIALOG, LIMITS) is None


def test_an_output_under_the_limit_is_too_short() -> None:
    assert verdict(Row("Tell me.", "", "No"), Category.INSTRUCTION, Limits(3, 3, 5000)) == Quality.TOO_SHORT


def test_the_longest_allowed_row_stays_and_one_character_more_does_not() -> None:
    words = " ".join(f"word{number}" for number in range(1000))
    output = words[: LIMITS.max_chars - len("Go on then.")].rstrip() + "."
    limits = Limits(3, 1, len(output) + len("Go on then."))
    assert verdict(Row("Go on then.", "", output), Category.INSTRUCTION, limits) is None
    assert verdict(Row("Go on then!.", "", output), Category.INSTRUCTION, limits) == Quality.TOO_LONG


def test_the_history_counts_for_the_longest_row() -> None:
    row = Row("Go on.", "", "Yes.", history=((PROSE * 30, PROSE * 30),))
    assert verdict(row, Category.MULTITURN_DIALOG, LIMITS) == Quality.TOO_LONG


@pytest.mark.parametrize(
    "text",
    ["an old\x00 lamp", "a \x1b[31mred\x1b[0m lamp", "the lamp\ufffds", "the lamp\x92s", "compute $\x0crac{1}{2}$"],
)
@pytest.mark.parametrize("field", ["instruction", "input", "output", "system", "history"])
def test_broken_characters_are_found_in_every_field(text: str, field: str) -> None:
    row = Row("Tell me.", "", "It is lit.")._replace(**{field: ((text, "Yes."),) if field == "history" else text})
    assert verdict(row, Category.CODE, LIMITS) == Quality.BROKEN_TEXT


def test_utf_8_that_was_read_as_windows_1252_is_broken() -> None:
    broken = "L\u2019été, c\u2019est là qu\u2019elle brûle".encode().decode("cp1252", errors="ignore")
    assert judged(broken) == Quality.BROKEN_TEXT


@pytest.mark.parametrize(
    "text", ["L\u2019été, c\u2019est là qu\u2019elle brûle", "A ÉPOCA: NÃO SÃO", "one\tcolumn\r\nmore\x0c\npage two"]
)
def test_accents_tabs_and_page_breaks_are_not_broken(text: str) -> None:
    assert judged(text) == ""


def test_a_page_of_signs_is_no_text() -> None:
    assert judged("@#%&*!? " * 20) == Quality.NOT_TEXT


def test_a_long_line_without_spaces_is_no_text() -> None:
    assert judged("".join(chr(97 + number * 7 % 26) for number in range(600))) == Quality.NOT_TEXT


def test_chinese_has_no_spaces_and_is_text() -> None:
    assert judged("".join(chr(0x4E00 + number * 37 % 5000) for number in range(600))) == ""


def test_dense_code_is_text() -> None:
    assert judged("    return sum(a[i]*b[j]-(c[k]%2) for i,j,k in z)\n", Category.CODE) == ""


def test_an_output_that_ends_in_a_loop_repeats() -> None:
    assert judged(LONG + "and then it went out " * 12) == Quality.REPEATS


def test_a_loop_in_code_is_a_loop() -> None:
    assert judged("x = 1\n" + "x = x + 1 if x < 9 else 0\n" * 12, Category.CODE) == Quality.REPEATS


def test_four_rounds_are_no_loop_yet() -> None:
    assert judged(PROSE + "and then it went out, so we lit it again with the long match from the drawer. " * 4) == ""


def test_a_rule_of_dashes_is_drawn_and_not_said() -> None:
    assert judged(LONG + LONG.upper() + "\n" + "- " * 200) == ""


def test_words_that_come_again_and_again_repeat_wherever_they_stand() -> None:
    loop = "the lamp of the inn is the lamp of the owner and " * 12
    assert judged(loop + "then at last came the morning, and every guest left for the harbour") == Quality.REPEATS


def test_lines_that_come_again_repeat() -> None:
    lines = ["The lamp hangs above the long table."] * 6 + [
        f"Guest number {n} comes in from the rain." for n in range(3)
    ]
    assert judged("\n".join(lines)) == Quality.REPEATS


def test_a_song_may_repeat_its_chorus() -> None:
    verses = [f"The {thing} was never lit before that night" for thing in ("lamp", "fire", "star", "torch", "candle")]
    chorus = "Carry it home to me, over the hill"
    assert judged("\n".join(line for verse in verses for line in (verse, chorus))) == ""


def test_code_may_repeat_its_lines() -> None:
    call = "    switch_all_lamps_on_again(True)\n"
    repeated = "".join(f"def lamp_{name}():\n{call}{call}" for name in ("one", "for_two", "all", "nobody"))
    assert judged(repeated, Category.CODE) == ""
    assert judged(f"Here:\n```python\n{repeated}```\n") == ""


def test_an_output_that_says_the_instruction_again_is_an_echo_in_any_case() -> None:
    assert judged("tell me OF the lamp.") == Quality.ECHO


def test_a_greeting_is_answered_by_itself() -> None:
    assert judged("Good morning!", instruction="Good morning!") == ""


def test_an_open_code_block_is_truncated() -> None:
    assert judged("Here:\n```python\nprint(1)\n", Category.CODE) == Quality.TRUNCATED


@pytest.mark.parametrize(
    "output",
    [
        "Here:\n```python\nprint(1)\n```\nDone.",
        "Here:\n```python\nprint(1)```",
        "One way is:\n```cout << lamp```",
        "Between two ``` it stands:\n```cout << lamp```",
        "````md\n```\nprint(1)\n````",
        "Three signs, ```, open a code block.",
    ],
)
def test_closed_code_blocks_are_whole(output: str) -> None:
    assert judged(output) == ""


@pytest.mark.parametrize("end", ["and so the owner,", "which was lit by the", "for the lamp and"])
def test_a_long_answer_that_ends_within_a_sentence_is_truncated(end: str) -> None:
    assert judged(PROSE * 2 + end) == Quality.TRUNCATED
    assert judged(end) == ""
    assert judged(PROSE * 2 + end, Category.CODE) == ""


@pytest.mark.parametrize("end", ["and a panda", "which it stands for.", "who leads the band"])
def test_an_answer_that_ends_in_another_word_is_whole(end: str) -> None:
    assert judged(PROSE * 2 + end) == ""


@pytest.mark.parametrize(
    "output",
    [
        "As an AI language model, I cannot taste wine, but it is said to be dry.",
        "I\u2019m sorry, but I can\u2019t assist with that request.",
        "I am an AI language model and do not have personal opinions.",
        "I apologize, but I am unable to provide that information.",
        "As a large language model, I don't have feelings.",
    ],
)
def test_boilerplate_of_a_chat_model_is_a_refusal_outside_of_the_safety_bucket(output: str) -> None:
    assert judged(output) == Quality.REFUSAL
    assert judged(output, Category.RED_TEAM) == ""
    assert judged(output, Category.ADVERSARIAL_MORAL) == ""
    row = Row("How do I pick a lock?", "", output, safety_label="refusal")
    assert verdict(row, Category.MULTITURN_DIALOG, LIMITS) is None


@pytest.mark.parametrize(
    "output",
    [
        "I'm sorry for your loss. I cannot imagine how that feels.",
        "An AI language model predicts the next word. It cannot taste wine.",
        "Sorry, the inn closes at ten.",
        PROSE * 4 + "As an AI language model, I cannot say more, wrote the robot in the story.",
    ],
)
def test_regret_and_texts_about_models_are_no_refusals(output: str) -> None:
    assert judged(output) == ""


def test_an_answer_that_is_mostly_tags_is_markup_unless_it_is_code() -> None:
    page = "".join(f'<li class="item"><a href="/lamp/{number}">no {number}</a></li>' for number in range(9))
    assert judged(page) == Quality.MARKUP
    assert judged(page, Category.CODE) == ""
    assert judged(f"```html\n{page}\n```") == ""
    assert judged(f"{LONG * 2}{page}") == ""


@pytest.mark.skipif(not RAW.is_dir(), reason="the published rows are not here")
def test_published_rows_lose_well_under_one_in_a_hundred() -> None:
    lines = (RAW / "gsm8k" / "train.jsonl").read_text(encoding="utf-8").split("\n")
    rows = [Row(item["question"], "", item["answer"]) for item in map(json.loads, filter(None, lines))]
    plays = json.loads((RAW / "gpteacher" / "roleplay-simple-deduped-roleplay-instruct.json").read_bytes())
    rows += [Row(item["instruction"], item["input"], item["response"]) for item in plays]
    with (RAW / "truthfulqa" / "TruthfulQA.csv").open(encoding="utf-8", newline="") as file:
        rows += [Row(item["Question"], "", item["Best Answer"]) for item in csv.DictReader(file)]
    found = Counter(verdict(row, Category.INSTRUCTION, Limits(2, 1, 60_000)) for row in rows)
    print(f"\n{len(rows)} rows: { ({str(reason): count for reason, count in found.items() if reason}) }")
    assert found[None] > 0.998 * len(rows)


@pytest.mark.skipif(not RAW.is_dir(), reason="the published rows are not here")
def test_published_code_is_not_punished_for_being_code() -> None:
    lines = (RAW / "humaneval" / "HumanEval.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [Row(item["prompt"], "", item["canonical_solution"]) for item in map(json.loads, lines)]
    assert not any(verdict(row, Category.CODE, Limits(2, 1, 60_000)) for row in rows)
