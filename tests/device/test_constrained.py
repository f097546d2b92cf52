"""A place in a grammar allows what llama.cpp allows there, and remembers it."""

from __future__ import annotations

import ctypes
import itertools
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np
import pytest

from stages.device import constrained
from stages.device.constrained import Grammar, Place
from stages.device.generate import Generator
from stages.lamp.grammar import Bounds, lamp_grammar

LETTERS = {number: letter.encode() for number, letter in enumerate("abc-]")}
END = 99
SMALL = lamp_grammar(Bounds(max_steps=2, max_elements=3, max_step_elements=2, max_name=4, max_text=2))


@pytest.fixture(scope="module")
def model(tiny_gguf: Path) -> Iterator[Generator]:
    with Generator(tiny_gguf, n_threads=1) as generator:
        yield generator


def over_letters(text: str) -> Grammar:
    return Grammar(text, LETTERS, frozenset([END]))


def reached(grammar: Grammar, tokens: tuple[int, ...]) -> Place | None:
    place: Place | None = grammar.start
    for token in tokens:
        place = place[token] if place is not None else None
    return place


def allowed_by_llama_cpp(model: Generator, sampler: Any) -> list[bool]:
    """Per token of the vocabulary."""
    candidates = np.zeros(model.n_vocab, [("id", "<i4"), ("logit", "<f4"), ("p", "<f4")])
    candidates["id"] = np.arange(model.n_vocab)
    data = candidates.ctypes.data_as(llama.llama_token_data_p)
    llama.llama_sampler_apply(sampler, ctypes.byref(llama.llama_token_data_array(data, model.n_vocab, -1, False)))
    return [bool(logit == 0) for logit in candidates["logit"]]


@pytest.mark.parametrize("text", [lamp_grammar(), SMALL], ids=["default bounds", "small bounds"])
def test_what_is_allowed_is_what_llama_cpp_allows_at_every_place(model: Generator, text: str) -> None:
    grammar = Grammar(text, model._pieces, model._end)
    source = random.Random(0)
    longest = 0
    for _ in range(20):
        sampler = llama.llama_sampler_init_grammar(model._vocab, text.encode(), b"root")
        place: Place | None = grammar.start
        for number in range(60):
            assert place is not None
            allowed = [place[token] is not None for token in range(model.n_vocab)]
            assert allowed == allowed_by_llama_cpp(model, sampler)
            longest = max(longest, number)
            tokens = [token for token in range(model.n_vocab) if allowed[token] and token not in model._end]
            assert place.complete == (not tokens)
            if place.complete:
                break
            # Long tokens get on with the program; only digits and letters would be written otherwise.
            token = max(source.sample(tokens, min(3, len(tokens))), key=lambda token: len(model._pieces[token]))
            llama.llama_sampler_accept(sampler, token)
            place = place[token]
        llama.llama_sampler_free(sampler)
    assert longest > 40


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ('root ::= "ab" | "a" "c" | ', r"ab|ac|"),
        ('root ::= "ab"{2} "c"?', r"(ab){2}c?"),
        ('root ::= [ab]{1,3} "c"', r"[ab]{1,3}c"),
        ('root ::= ("a" | "b" more)? "c"{0,2}\nmore ::= "c" | "" ', r"(a|b(c|))?c{0,2}"),
        ('root ::= "a"? "b"? "a"?', r"a?b?a?"),
        ('root ::= tail{0,2} ("a"){2}\ntail ::= "a"? ("b" | "c"{1,2})', r"(a?(b|c{1,2})){0,2}a{2}"),
        ('root ::= more "a"\nmore ::= ("a" | "ab" | "b")? ', r"(a|ab|b)?a"),
        (r'root ::= [a-b\]]? "\x63" [c-]', r"[ab\]]?c[c-]"),
        (r'root ::= [-a] [\-b] "-"?', r"[-a][-b]-?"),
        ('root ::= "a" list?\nlist ::= "b" "a" list?', r"a(ba)*"),
    ],
)
def test_every_sign_means_what_it_does_in_a_regular_expression(text: str, pattern: str) -> None:
    grammar = over_letters(text)
    for length in range(6):
        for tokens in itertools.product(LETTERS, repeat=length):
            place = reached(grammar, tokens)
            may_end = place is not None and place[END] is place
            written = b"".join(LETTERS[token] for token in tokens).decode()
            assert may_end == bool(re.fullmatch(pattern, written)), written


def test_a_text_is_complete_only_where_nothing_can_follow() -> None:
    grammar = over_letters('root ::= "a" "b"?')
    begun, done = reached(grammar, (0,)), reached(grammar, (0, 1))
    assert begun is not None
    assert done is not None
    assert (grammar.start.complete, begun.complete, done.complete) == (False, False, True)
    assert grammar.start[END] is None
    assert begun[END] is begun


def test_a_token_without_text_or_with_a_zero_byte_first_is_refused_as_llama_cpp_does() -> None:
    pieces = {0: b"", 1: b"\x00", 2: b"a\x00"}
    grammar = Grammar(r"root ::= [\x00a]{2}", pieces, frozenset())
    assert [grammar.start[token] is not None for token in pieces] == [False, False, True]


def test_a_token_is_walked_through_once_per_place(monkeypatch: pytest.MonkeyPatch) -> None:
    grammar = over_letters('root ::= [ab]{4} "c"')
    walked: list[int] = []
    behind = Grammar.behind

    def noted(self: Grammar, place: Place, token: int) -> Place | None:
        walked.append(token)
        return behind(self, place, token)

    monkeypatch.setattr(Grammar, "behind", noted)
    for _ in range(3):
        assert reached(grammar, (0, 1, 1, 0, 2)) is not None
        assert reached(grammar, (0, 1, 2)) is None
    assert walked == [0, 1, 1, 0, 2, 2]
    reached(grammar, (1, 0, 1, 0, 2))
    # How a place was reached does not matter: [ab]{4} has the same places for "a" and for "b".
    assert walked == [0, 1, 1, 0, 2, 2, 1, 0]


def test_what_is_remembered_is_bounded_and_forgetting_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constrained, "_MEMORY", 20)
    text = 'root ::= [ab]{1,30} "c"'
    grammar, source = over_letters(text), random.Random(0)
    for _ in range(50):
        tokens = (*source.choices((0, 1), k=source.randrange(1, 36)), 2)
        assert (reached(grammar, tokens) is not None) == (len(tokens) <= 31)
        assert len(grammar._places) <= 20 + 2  # the start, and what was found last


@pytest.mark.parametrize("wrong", ["[^a]", ".", '"a"*', '"a"+', '"a"{1,}', '"é"', "[à-é]", r"[\u00e9]", '"a" # why'])
def test_a_sign_that_is_not_read_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="not read here"):
        over_letters(f"root ::= {wrong}")


def test_what_begins_no_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="a rule is expected in the grammar"):
        over_letters('"a" "b"')
