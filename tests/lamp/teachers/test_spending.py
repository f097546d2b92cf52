"""Costs: exact afterwards, guessed high before, bounded while they are out."""

import pytest

from stages.lamp.teachers.anthropic_knobs import Price
from stages.lamp.teachers.spending import PROGRAM_CHARACTERS, Usage, most_usd, tokens

PRICE = Price(input=5, output=25, cache_write_5m=6.25, cache_write_1h=10, cache_read=0.5, cached_from=4096)


def test_every_kind_of_token_has_its_price():
    usage = Usage(input=1_000_000, output=100_000, cache_write_5m=200_000, cache_write_1h=10_000, cache_read=2_000_000)
    assert usage.usd(PRICE) == pytest.approx(5 + 2.5 + 1.25 + 0.1 + 1)
    assert usage.usd(PRICE, discount=0.5) == pytest.approx(9.85 / 2)


def test_tokens_are_guessed_from_characters():
    assert tokens("x" * 245, PROGRAM_CHARACTERS) == 100
    assert tokens("") == 0


def test_the_bound_is_above_what_the_worst_call_costs():
    text = "the lamp has 172 LEDs " * 500
    worst = Usage(input=0, output=3000, cache_write_1h=len(text) // 3)
    bound = most_usd([text, "wish"], 3000, PRICE, 0.0)
    assert worst.usd(PRICE) < bound < 2 * worst.usd(PRICE)
    assert most_usd([text, "wish"], 3000, PRICE, 0.5) == pytest.approx(bound / 2)


def test_a_script_with_many_bytes_to_a_character_is_bounded_by_its_bytes():
    assert most_usd(["灯" * 1000], 0, PRICE, 0.0) == pytest.approx(3 * most_usd(["x" * 1000], 0, PRICE, 0.0))
