"""What the screening of a row of 1,100 bytes costs, part by part, beside a plain loop over its words."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from statistics import median

from stages.corpus.intake import persona, quality
from stages.corpus.intake.decontamination import GRAM, Index, normalised
from stages.corpus.intake.evaluations import Item
from stages.corpus.intake.language import language
from stages.corpus.intake.screening import Settings, screen
from stages.corpus.rows.row import Row
from stages.corpus.rows.source import Category

ROWS, ITEMS, ROUNDS = 2000, 20_000, 7
FUNCTION_WORDS = "the of and to a in that is for it with as was on be by at you are this from or have they one were"
COMMON = FUNCTION_WORDS.split()
ENDS = ("", "n", "s", "ring", "ted", "lor", "mish", "ve")
RARE = [
    f"{first}{second}{end}"
    for first in ("lam", "har", "bri", "sto", "fen", "quo")
    for second in ("pa", "to", "li")
    for end in ENDS
]
LIMITS = quality.Limits(3, 1, 60_000)


def sentences(chance: random.Random, words: int) -> str:
    """Text with as many common words, commas and stops as English has."""
    drawn = [chance.choice(COMMON if chance.random() < 0.45 else RARE) for _ in range(words)]
    marked = [word + "." * (place % 15 == 14) + "," * (place % 15 == 7) for place, word in enumerate(drawn)]
    return " ".join(marked)


def plain_loop(rows: list[Row], grams: set[bytes]) -> int:
    """Contamination as one would write it first: every 13 words of every row."""
    count = 0
    for row in rows:
        words = normalised(f"{row.instruction} {row.output}").split()
        count += any(b" ".join(words[at : at + GRAM]) in grams for at in range(len(words) - GRAM + 1))
    return count


def microseconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return (time.process_time() - start) / ROWS * 1e6


def test_all_of_the_screening_costs_less_than_a_plain_loop_over_words() -> None:
    chance = random.Random(5)
    items = [Item(sentences(chance, 8 + number % 60)) for number in range(ITEMS)]
    rows = [Row(sentences(chance, 20), "", sentences(chance, 155)) for _ in range(ROWS)]
    size = sum(len(row.instruction) + len(row.output) for row in rows) / ROWS
    settings = Settings(LIMITS, Index({"toy": items}))
    texts = ["\n".join(row[:3]) for row in rows]
    questions = [normalised(item.question).split() for item in items]
    grams = {b" ".join(words[at : at + GRAM]) for words in questions for at in range(len(words) - GRAM + 1)}
    parts: dict[str, Callable[[], object]] = {
        "decontamination": lambda: settings.evaluations.find(rows),
        "persona": lambda: [persona.tokens(text) for text in texts],
        "quality": lambda: [quality.verdict(row, Category.INSTRUCTION, LIMITS) for row in rows],
        "language": lambda: [language(row, Category.INSTRUCTION) for row in rows],
        "all": lambda: screen(rows, Category.INSTRUCTION, settings),
        "a plain loop over words": lambda: plain_loop(rows, grams),
    }
    rounds = [[microseconds(call) for call in parts.values()] for _ in range(ROUNDS)]
    cost = dict(zip(parts, map(median, zip(*rounds, strict=True)), strict=True))
    print(f"\n{ROWS} rows of {size:.0f} bytes, {len(grams)} sequences of {ITEMS} items; microseconds per row:")
    print(", ".join(f"{name} {value:.0f}" for name, value in cost.items()))
    assert cost["decontamination"] < cost["a plain loop over words"] / 2
    assert cost["all"] < cost["a plain loop over words"]
