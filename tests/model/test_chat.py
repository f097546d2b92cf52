"""The chat template, as it is rendered for training, the benchmark and the Pi."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import pytest

from stages.device.generate import Generator
from stages.model import chat
from stages.model import tokenizer as tokenizing

MESSAGES = [
    {"role": "system", "content": "You are a lamp."},
    {"role": "user", "content": "red"},
    {"role": "assistant", "content": '{"a":1}'},
]


def render(messages: list[dict[str, str]], **options: Any) -> str:
    return jinja2.Environment(autoescape=False).from_string(chat.TEMPLATE).render(messages=messages, **options)


def test_each_turn_has_its_marker_and_its_end_and_only_the_answer_has_no_blank_before_it() -> None:
    assert render(MESSAGES) == ('<|system|> You are a lamp.<|end|><|user|> red<|end|><|assistant|>{"a":1}<|end|>')


def test_the_opening_of_the_answer_is_added_when_it_is_asked_for() -> None:
    assert render(MESSAGES[:2], add_generation_prompt=True) == (
        "<|system|> You are a lamp.<|end|><|user|> red<|end|><|assistant|>"
    )
    assert not render(MESSAGES[:2]).endswith(chat.ASSISTANT)


def test_a_follow_up_is_rendered_behind_the_first_answer() -> None:
    longer = [*MESSAGES, {"role": "user", "content": "slower"}]
    assert render(longer) == render(MESSAGES) + "<|user|> slower<|end|>"


def test_the_tokenizer_renders_the_same(tokenizer: Any) -> None:
    assert tokenizer.apply_chat_template(MESSAGES, tokenize=False) == render(MESSAGES)


def test_the_gguf_renders_the_same(tokenizer: Any, plain_gguf: Path) -> None:
    wanted = tokenizer.apply_chat_template(MESSAGES[:2], tokenize=False, add_generation_prompt=True)
    with Generator(plain_gguf, n_ctx=512, n_threads=1) as generator:
        assert generator.prompt(MESSAGES[:2]) == wanted


def test_the_tokens_of_a_prompt_begin_the_tokens_of_the_whole_chat(
    chat_rows: list[dict[str, Any]], tokenizer: Any
) -> None:
    for row in chat_rows:
        messages = row["messages"]
        whole = tokenizing.token_ids(tokenizer, messages)
        prompt = tokenizing.token_ids(tokenizer, messages[:-1], add_generation_prompt=True)
        assert whole[: len(prompt)] == prompt
        assert whole[-1] == tokenizer.eos_token_id


@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_the_marker_of_each_role_is_one_of_the_markers(role: str) -> None:
    assert render([{"role": role, "content": "x"}]).startswith(
        {"system": chat.SYSTEM, "user": chat.USER, "assistant": chat.ASSISTANT}[role]
    )
