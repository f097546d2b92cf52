"""Which requests are nearly the same: the index agrees with sets compared one by one."""

import itertools
import random

import pytest

from stages.lamp.similarity import Seen, jaccard, likeness, normalised, pairs, tokens

WORDS = (
    *("red", "blue", "star", "moon", "slow", "fast", "glow", "wave", "kitchen", "bedroom", "tonight", "quiet"),
    *("bright", "soft", "little", "owl", "fox", "tree"),
)


def random_prompts(count, seed):
    """Requests of a few words, many of them nearly alike."""
    rng = random.Random(seed)
    prompts = []
    for _ in range(count):
        said = rng.sample(WORDS, rng.randint(4, 12))
        if prompts and rng.random() < 0.5:
            said = rng.choice(prompts).split()
            said[rng.randrange(len(said))] = rng.choice(WORDS)
        prompts.append(" ".join(said))
    return prompts


# Two requests ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "plain"),
    [
        ("  Draw, a   STAR!! ", "draw a star"),
        ("what's up?", "what's up"),
        ("l\u2019\u00e9toile", "l\u2019\u00e9toile"),
        ("7:30-ish", "7 30 ish"),
        ("snake_case", "snake case"),
        ("...", ""),
    ],
)
def test_case_punctuation_and_spaces_do_not_make_requests_different(prompt, plain):
    assert normalised(prompt) == plain


def test_a_request_is_its_words_and_its_shingles_of_five_letters():
    assert tokens("Go red") == ({"go", "red"}, {"go re", "o red"})
    assert tokens("owl") == ({"owl"}, {"owl"}), "what is shorter is one shingle"
    assert tokens(" ?! ") == ({"?!"}, {"?!"}), "of signs alone, the signs"


def test_jaccard_is_the_intersection_over_the_union():
    assert jaccard(frozenset("abc"), frozenset("bcd")) == 0.5
    assert jaccard(frozenset("ab"), frozenset("cd")) == 0
    assert jaccard(frozenset("ab"), frozenset("ba")) == jaccard(frozenset(), frozenset()) == 1


def test_likeness_is_the_higher_of_words_and_letters():
    assert likeness("a red star", "a red star please") == pytest.approx(3 / 4), "by words"
    assert likeness("mountainside", "mountainsides") == pytest.approx(8 / 9), "by letters"
    assert likeness("star a red", "red a star") == 1, "words in another order"
    assert likeness("blue", "green") == 0


# What was there before ---------------------------------------------------------------------------------------


def test_what_was_said_before_is_not_new_whatever_its_case_and_punctuation():
    seen = Seen()
    assert seen.add("Draw a star") and not seen.add("draw a STAR!") and seen.add("draw the moon")


def test_the_twin_of_a_request_is_told_by_its_number():
    seen = Seen()
    for prompt in ("a red star", "the blue moon over the sea tonight", "green"):
        assert seen.twin(prompt, remember=True) is None
    assert seen.twin("A red star.") == 0
    assert seen.twin("over the sea tonight: the blue moon") == 1
    assert seen.twin("something else") is None


def test_asking_for_a_twin_remembers_nothing():
    seen = Seen()
    assert seen.twin("a red star") is None and seen.twin("a red star") is None
    assert seen.twin("a red star", remember=True) is None and seen.twin("a red star") == 0


def test_what_is_just_as_alike_as_the_limit_is_still_new():
    one, other = "one two three four", "one two three four five"
    assert likeness(one, other) == 0.8
    assert Seen(0.8).add(one)
    for limit, new in ((0.8, True), (0.79, False)):
        seen = Seen(limit)
        seen.add(one)
        assert seen.add(other) is new


def test_a_single_request_can_be_added_under_a_higher_limit():
    seen = Seen(0.7)
    assert seen.add("one two three four")
    assert not seen.add("one two three four five")
    assert seen.add("one two three four five", limit=0.8)
    assert seen.twin("one two three four five") == 1


def test_signs_alone_are_a_request_too():
    seen = Seen()
    assert seen.add("???") and seen.add("!!") and not seen.add(" ??? ")


@pytest.mark.parametrize("limit", [0.7, 0.8, 0.9])
def test_the_index_finds_what_comparing_with_each_would_find(limit):
    seen, kept = Seen(limit), []
    for prompt in random_prompts(400, 1):
        naive = any(likeness(prompt, other) > limit or normalised(prompt) == normalised(other) for other in kept)
        assert seen.add(prompt) is not naive, prompt
        kept += [prompt] * (not naive)
    assert 50 < len(kept) < 400


# All pairs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0.8, 0.9])
def test_all_pairs_above_the_limit_are_listed_with_their_likeness(limit):
    prompts = list(dict.fromkeys(random_prompts(300, 2)))
    found = {(first, second): alike for first, second, alike in pairs(prompts, limit)}
    naive = {
        (first, second): likeness(prompts[first], prompts[second])
        for first, second in itertools.combinations(range(len(prompts)), 2)
    }
    above = {pair: alike for pair, alike in naive.items() if alike > limit}
    assert above and above.keys() <= found.keys()
    assert all(alike == naive[pair] for pair, alike in found.items())
    assert len(found) < len(naive) / 10, "most pairs need not be looked at"


@pytest.mark.parametrize("prompts", [[], ["alone"], ["red", "a quiet forest at night"]])
def test_where_nothing_is_alike_nothing_is_listed(prompts):
    assert list(pairs(prompts, 0.8)) == []


def test_equal_requests_are_a_pair_each_way_round_once():
    assert sorted(pairs(["the same words"] * 3, 0.9)) == [(0, 1, 1.0), (0, 2, 1.0), (1, 2, 1.0)]
