"""The Modelfile for Ollama: which file, how turns are written, where an answer ends.

Ollama renders chats by a template in Go's language and not by the chat template in the GGUF file. Ours is read off from
that one, by rendering marked chats, and then held against it; so there is one definition. Ollama itself merges turns of
the same speaker, puts the token for the beginning of a text (if the vocabulary has it so) before what the template
gives, and knows neither our grammar nor `trim`: requests must come without blanks around them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llama_cpp.llama_cpp as llama

from ..errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CONTEXT = 2048
"""Tokens that prompt and answer get at most: the longest program has 900. More would cost memory for nothing."""
FILE = "Modelfile"
_ROLES = ("system", "user", "assistant", "user")
_MARKS = ("[[system]]", "[[asked]]", "[[answered]]", "[[following]]")

Message = dict[str, str]


@dataclass(frozen=True)
class Turns:
    """How a chat is written: the text before, between and behind what is said.

    with_system: (before the system prompt, between it and the first request). without_system: before the first
    request where there is no system prompt. answer: between a request and its answer, which is also where the
    model begins. following: between an answer and the next request.
    """

    with_system: tuple[str, str]
    without_system: str
    answer: str
    following: str

    def text(self, messages: Sequence[Message]) -> str:
        """A chat of an optional system prompt and then requests and answers by turns, up to the next answer."""
        system = messages[0]["content"] if messages[0]["role"] == "system" else ""
        said = [self.with_system[0] + system + self.with_system[1] if system else self.without_system]
        after = {"system": "", "user": self.answer, "assistant": self.following}
        said += [turn["content"] + after[turn["role"]] for turn in messages if turn["role"] != "system"]
        return "".join(said)

    def go_template(self) -> str:
        """The same in Go's template language, with Ollama's names. Raises UserError where that cannot be."""
        for literal in (*self.with_system, self.without_system, self.answer, self.following):
            if "{{" in literal or '"""' in literal:
                raise UserError(f"the chat template writes {literal!r}, which cannot stand in an Ollama Modelfile")
        before, between = self.with_system
        return (
            f"{{{{ if .System }}}}{before}{{{{ .System }}}}{between}{{{{ else }}}}{self.without_system}{{{{ end }}}}"
            "{{ range .Messages }}"
            f'{{{{ if eq .Role "user" }}}}{{{{ .Content }}}}{self.answer}'
            f'{{{{ else if eq .Role "assistant" }}}}{{{{ .Content }}}}{self.following}{{{{ end }}}}'
            "{{ end }}"
        )


def turns(tokenizer: PreTrainedTokenizerBase, added: str) -> Turns:
    """How the chat template of a tokenizer writes turns, less what llama.cpp adds before every prompt (`first_token`).

    Raises UserError for a template that writes turns in another way than one after the other, or does not begin with
    what is added.
    """
    system, asked, answered, following = (
        {"role": role, "content": mark} for role, mark in zip(_ROLES, _MARKS, strict=True)
    )
    chats = ([asked], [system, asked], [asked, answered, following], [system, asked, answered, following])
    texts = [str(tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)) for chat in chats]
    if not all(text.startswith(added) for text in texts):
        raise UserError(f"the chat template of this base does not begin with {added!r}, which llama.cpp puts there")
    texts = [text.removeprefix(added) for text in texts]
    alone, whole = texts[0].split(_MARKS[1]), re.split("|".join(map(re.escape, _MARKS)), texts[-1])
    if len(whole) == 5 and len(alone) == 2:
        found = Turns((whole[0], whole[1]), alone[0], whole[2], whole[3])
        if [found.text(chat) for chat in chats] == texts:
            return found
    raise UserError("the chat template of this base writes more than turn after turn; Ollama cannot be given the same")


def first_token(converted: Path) -> str:
    """The text of the token that llama.cpp puts before every prompt, empty where it puts none.

    converted: a GGUF file with the vocabulary.
    """
    settings = llama.llama_model_default_params()
    settings.vocab_only = True
    model: Any = llama.llama_model_load_from_file(os.fsencode(converted), settings)
    if not model:
        raise UserError(f"{converted}: cannot be loaded; make it again with `dvc repro model_gguf`")
    try:
        vocabulary: Any = llama.llama_model_get_vocab(model)
        if not llama.llama_vocab_get_add_bos(vocabulary):
            return ""
        return str(llama.llama_vocab_get_text(vocabulary, llama.llama_vocab_bos(vocabulary)).decode())
    finally:
        llama.llama_model_free(model)


def begins_with(tokenizer: PreTrainedTokenizerBase, token: str) -> bool:
    """Whether the chat template begins every chat with a token's text. The empty one is always there."""
    asked = [{"role": "user", "content": _MARKS[1]}]
    return str(tokenizer.apply_chat_template(asked, tokenize=False)).startswith(token)


def modelfile(file: str, written: Turns, system_prompt: str, stops: Sequence[str], context: int) -> str:
    """The text of a Modelfile beside the GGUF file `file`. stops: texts that end an answer. context: in tokens."""
    if '"""' in system_prompt:
        raise UserError('the system prompt has """, which cannot stand in an Ollama Modelfile; take another quote')
    lines = [
        "# Made by the stage model_gguf. In this folder: ollama create lamp -f Modelfile && ollama run lamp",
        "# How requests are put, README.md says.",
        f"FROM ./{file}",
        f'TEMPLATE """{written.go_template()}"""',
        *([f'SYSTEM """{system_prompt}"""'] if system_prompt else []),
        *(f'PARAMETER stop "{stop}"' for stop in stops),
        "PARAMETER temperature 0",
        f"PARAMETER num_ctx {min(context, CONTEXT)}",
    ]
    return "\n".join(lines) + "\n"
