"""The tokenizer check: that it notices another tokenizer, and that ours passes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.device.generate import Generator
from stages.device.releases import tokenizer_check
from stages.errors import UserError
from tests.device.conftest import TinyModel


@pytest.fixture(scope="module")
def generator(tiny_model: TinyModel) -> Iterator[Generator]:
    with Generator(tiny_model.q4_k_m) as loaded:
        yield loaded


def test_the_texts_are_some_dozens_and_all_different() -> None:
    assert len(set(tokenizer_check.TEXTS)) == len(tokenizer_check.TEXTS) > 48


def test_the_same_tokenizer_passes(generator: Generator) -> None:
    check = tokenizer_check.make(generator, ("a prompt",))
    samples = json.loads(check)["texts"]
    assert samples[-1] == {"text": "a prompt", "tokens": generator.tokens("a prompt")}
    assert len(samples) == len(tokenizer_check.TEXTS) + 1
    tokenizer_check.refuse_other_tokens(generator, check, "x.gguf")


def test_one_other_token_is_noticed(generator: Generator) -> None:
    check = json.loads(tokenizer_check.make(generator, ()))
    check["texts"][20]["tokens"][-1] ^= 1
    with pytest.raises(UserError, match=r"^x.gguf: llama.cpp makes \d+ other tokens of "):
        tokenizer_check.refuse_other_tokens(generator, json.dumps(check).encode(), "x.gguf")


@pytest.mark.parametrize("check", [b"", b"{}", b'{"texts": [{"text": 1, "tokens": []}]}', b"\xff"])
def test_what_is_no_check_is_refused(generator: Generator, check: bytes) -> None:
    with pytest.raises(UserError, match=r"^x.gguf: no tokenizer check"):
        tokenizer_check.refuse_other_tokens(generator, check, "x.gguf")


def test_an_empty_check_proves_nothing(generator: Generator) -> None:
    with pytest.raises(UserError, match="the tokenizer check is empty"):
        tokenizer_check.refuse_other_tokens(generator, b'{"texts": []}', "x.gguf")


def test_the_tokens_of_sentencepiece_are_those_of_llama_cpp(generator: Generator, tiny_model: TinyModel) -> None:
    from sentencepiece import SentencePieceProcessor

    pieces = SentencePieceProcessor(model_file=str(Path(tiny_model.folder) / "tokenizer.model"))
    plain = [text for text in tokenizer_check.TEXTS if "<" not in text and "\0" not in text]
    assert [generator.tokens(text) for text in plain] == [pieces.encode(text) for text in plain]
