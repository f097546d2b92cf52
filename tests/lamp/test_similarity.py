"""Likeness of requests, and all pairs of a list that are nearly the same."""

from __future__ import annotations

import itertools
import random

import pytest

from stages.lamp.similarity import likeness, pairs

WORDS = [f"word{number}" for number in range(60)]


def requests(count: int, seed: int = 1) -> list[str]:
    """Different requests of twelve to twenty words, each fourth one nearly the one before it."""
    rng = random.Random(seed)
    made: list[str] = []
    while len(made) < count:
        said = made[-1].split() if len(made) % 4 == 3 else rng.sample(WORDS, rng.randint(12, 20))
        made.append(" ".join([*said[:-1], rng.choice(WORDS)]))
    return list(dict.fromkeys(made))


def test_all_pairs_above_the_limit_are_found_with_their_likeness() -> None:
    prompts = requests(200)
    every = {(a, b): likeness(prompts[a], prompts[b]) for a, b in itertools.combinations(range(len(prompts)), 2)}
    wanted = {pair: alike for pair, alike in every.items() if alike > 0.85}
    found = {(a, b): alike for a, b, alike in pairs(prompts, 0.85)}
    assert len(wanted) > 10
    assert wanted.items() <= found.items()
    assert all(found[pair] == every[pair] for pair in found)


def test_a_pair_is_given_once_the_smaller_number_first() -> None:
    found = [(a, b) for a, b, _ in pairs(requests(100), 0.8)]
    assert found == sorted(set(found)) and all(a < b for a, b in found)


def test_the_same_words_in_another_order_are_a_pair() -> None:
    assert list(pairs(["blue then red", "off", "red then blue"], 0.9)) == [(0, 2, 1.0)]


@pytest.mark.parametrize("prompts", [[], ["alone"], ["warm light", "a fox"], ["", "a fox"]])
def test_few_or_unlike_requests_have_no_pairs(prompts: list[str]) -> None:
    assert list(pairs(prompts, 0.9)) == []


def test_many_requests_of_one_phrase_are_compared_all_with_all() -> None:
    prompts = [f"please draw a small picture of number {number} in the middle" for number in range(40)]
    assert len(list(pairs(prompts, 0.8))) == 40 * 39 // 2
