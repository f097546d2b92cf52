"""Whether llama.cpp reads a text as the tokens that a model was trained with: asked of every GGUF file that is made.

A file that does not still answers, only worse, and nothing else would tell.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama

from ..errors import UserError
from . import tokenizer as tokenizing

_SYSTEM = "You are a lamp."
_ANSWER = '{"program":{"name":"red for 1200 ms","steps":[{"id":"s1","command":{"type":"stop"},"duration":1200}]}}'
_ASKED = (
    "red",
    "  two  blanks,\ta tab\nand a line  ",
    "I'd like IT in #FF7F50, don't you? 1 22 333 4444 55555",
    "gr\u00fcn f\u00fcr 5 Minuten \u2013 \u706f \U0001f98a",
    _ANSWER,
)
CHATS = [
    [
        {"role": "system", "content": _SYSTEM},
        {"role": "user", "content": asked},
        {"role": "assistant", "content": _ANSWER},
    ]
    for asked in _ASKED
]
"""Chats with what requests and programs have: blanks, numbers, colours, JSON, letters of other languages."""


def refuse_other_ids(model: Path, gguf: Path) -> None:
    """Raise UserError if transformers and llama.cpp make other ids of a chat, or the template is another one.

    model: the folder that the file `gguf` was made from.
    """
    tokenizer = tokenizing.load(model)
    with _Vocabulary(gguf) as vocabulary:
        if vocabulary.template != tokenizer.chat_template:
            raise UserError(f"{model}: the GGUF file has another chat template than the tokenizer; make the base again")
        for chat in CHATS:
            text = tokenizer.apply_chat_template(chat, tokenize=False)
            trained, served = tokenizing.token_ids(tokenizer, chat), vocabulary.ids(text)
            if trained != served:
                at = next((n for n, (a, b) in enumerate(zip(trained, served, strict=False)) if a != b), len(trained))
                before = tokenizer.decode(trained[max(at - 5, 0) : at])
                raise UserError(
                    f"{model}: llama.cpp reads other tokens than the model was trained with, behind {before!r}:"
                    f" {served[at : at + 5]} for {trained[at : at + 5]}; no GGUF file is made of this tokenizer"
                )


class _Vocabulary:
    """The vocabulary of a GGUF file, without its weights."""

    def __init__(self, path: Path) -> None:
        settings = llama.llama_model_default_params()
        settings.vocab_only = True
        self._model: Any = llama.llama_model_load_from_file(os.fsencode(path), settings)
        if not self._model:
            raise UserError(f"{path}: llama.cpp cannot load the vocabulary; make the file again")
        self._vocab: Any = llama.llama_model_get_vocab(self._model)

    def __enter__(self) -> _Vocabulary:
        return self

    def __exit__(self, *_: object) -> None:
        llama.llama_model_free(self._model)

    @property
    def template(self) -> str | None:
        """The chat template in the file."""
        source = llama.llama_model_chat_template(self._model, None)
        return None if source is None else str(source.decode())

    def ids(self, text: str) -> list[int]:
        """Token ids of a rendered chat, read as the lamp reads it: the template has written all special tokens."""
        data = text.encode()
        ids: Any = (llama.llama_token * (len(data) + 2))()
        count = llama.llama_tokenize(self._vocab, data, len(data), ids, len(ids), False, True)
        return list(ids[:count])
