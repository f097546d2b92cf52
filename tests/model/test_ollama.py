"""Ollama's Modelfile: its template writes what the chat template writes. Ollama itself cannot be asked here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stages import model_gguf
from stages.errors import UserError
from stages.model import chat, gguf, ollama
from tests.model import families

Message = dict[str, str]

SAID = {
    "system": "You are a lamp.",
    "user": 'Light program for: "grün", {braces} & <angles>\nRunning: {"program":{}}',
    "assistant": '{"program":{"name":"n","steps":[]}}',
}
CHATS = [
    [{"role": role, "content": f"{SAID[role]} {number}"} for number, role in enumerate(roles)]
    for roles in (
        ("user",),
        ("system", "user"),
        ("user", "assistant", "user"),
        ("system", "user", "assistant", "user"),
        ("system", "user", "assistant", "user", "assistant", "user"),
    )
]
FAMILIES = {"nano": ("", chat.TEMPLATE)} | {
    name: ("<first>" if name in ("llama3", "gemma3") else "", chat.undated(template) if name == "llama3" else template)
    for name, template in chat.FAMILY_TEMPLATES.items()
}


class Writer:
    """A tokenizer that can do nothing but write chats, by a template as transformers renders it."""

    def __init__(self, template: str) -> None:
        self._template = template

    def apply_chat_template(self, messages: list[Message], tokenize: bool, add_generation_prompt: bool) -> str:
        from transformers.utils.chat_template_utils import render_jinja_template

        assert not tokenize
        texts, _ = render_jinja_template(
            [messages],
            chat_template=self._template,
            add_generation_prompt=add_generation_prompt,
            bos_token="<first>",
            eos_token="<end>",
        )
        return str(texts[0])


def given(tokenizer: Any, messages: list[Message]) -> str:
    return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


def rendered(template: str, messages: list[Message]) -> str:
    """A Go template as Ollama renders it, as far as ours go: if, else if, else, range, fields, eq of two strings."""
    system = "\n\n".join(turn["content"] for turn in messages if turn["role"] == "system")
    parts = iter(re.split(r"\{\{ (.*?) \}\}", template))
    block, last = parsed(parts)
    assert last == ""
    return executed(block, {".System": system, ".Messages": messages})


def parsed(parts: Iterator[str]) -> tuple[list[Any], str]:
    """Nodes up to the action that ends their block, and that action: text, (field,), [kind, condition, body, else]."""
    nodes: list[Any] = []
    for text in parts:
        nodes.append(text)
        action = next(parts, "")
        if action in ("", "end") or action.startswith("else"):
            return nodes, action
        if action.startswith("."):
            nodes.append((action,))
            continue
        nodes.append(branch(action, parts))
    raise AssertionError("no end")


def branch(action: str, parts: Iterator[str]) -> list[Any]:
    kind, condition = action.split(" ", 1)
    assert kind in ("if", "range")
    body, end = parsed(parts)
    other: list[Any] = []
    if end.startswith("else if "):
        return [kind, condition, body, [branch(end.removeprefix("else "), parts)]]
    if end == "else":
        other, end = parsed(parts)
    assert end == "end"
    return [kind, condition, body, other]


def executed(nodes: list[Any], dot: dict[str, Any]) -> str:
    return "".join(map(lambda node: one(node, dot), nodes))


def one(node: Any, dot: dict[str, Any]) -> str:
    if isinstance(node, str):
        return node
    if isinstance(node, tuple):
        return str(dot[node[0]])
    kind, condition, body, other = node
    if kind == "range":
        return "".join(
            executed(body, {f".{key.title()}": value for key, value in each.items()}) for each in dot[condition]
        )
    compared = re.fullmatch(r'eq (\.\w+) "(\w+)"', condition)
    true = dot[compared[1]] == compared[2] if compared else bool(dot[condition])
    return executed(body if true else other, dot)


@pytest.mark.parametrize("messages", CHATS, ids=lambda messages: "-".join(turn["role"] for turn in messages))
@pytest.mark.parametrize("family", FAMILIES)
def test_the_template_for_ollama_writes_what_the_chat_template_writes(family: str, messages: list[Message]) -> None:
    added, template = FAMILIES[family]
    writer: Any = Writer(template)
    wanted = given(writer, messages)
    written = ollama.turns(writer, added)
    assert added + rendered(written.go_template(), messages) == wanted
    assert added + written.text(messages) == wanted


def test_the_token_that_llama_cpp_puts_first_is_not_written_twice() -> None:
    written = ollama.turns(Writer(chat.FAMILY_TEMPLATES["gemma3"]), "<first>")  # type: ignore[arg-type]
    assert "<first>" not in written.go_template()
    kept = ollama.turns(Writer(chat.FAMILY_TEMPLATES["gemma3"]), "")  # type: ignore[arg-type]
    assert kept.go_template().count("<first>") == 2


def test_a_token_that_llama_cpp_would_add_to_a_template_without_it_is_refused() -> None:
    with pytest.raises(UserError, match="does not begin with '<first>', which"):
        ollama.turns(Writer(chat.TEMPLATE), "<first>")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}{{ loop.index }}{{ m['content'] }};{% endfor %}",
        "{{ messages[-1]['content'] }}",
        "{% for m in messages %}{{ m['content'] | upper }}{% endfor %}",
        "{% for m in messages %}{{ m['content'] }}{% endfor %}{{ messages | length }}",
    ],
)
def test_a_template_that_does_more_than_write_turns_is_refused(template: str) -> None:
    with pytest.raises(UserError, match="more than turn after turn; Ollama cannot be given the same"):
        ollama.turns(Writer(template), "")  # type: ignore[arg-type]


@pytest.mark.parametrize("literal", ["{{", '"""'])
def test_what_cannot_stand_in_a_modelfile_is_refused(literal: str) -> None:
    with pytest.raises(UserError, match="cannot stand in an Ollama Modelfile"):
        ollama.Turns(("", ""), "", f"a{literal}b", "").go_template()
    if literal == '"""':
        with pytest.raises(UserError, match="the system prompt has"):
            ollama.modelfile("a.gguf", ollama.Turns(("", ""), "", "", ""), literal, (), 10)


def commands(text: str) -> list[tuple[str, str]]:
    """A Modelfile's commands with their values, the quotes taken off."""
    found = re.findall(
        r'^(?!#)([A-Z]+(?: [a-z_]+(?= ))?) (?:"""(.*?)"""|"(.*?)"|(.*?))$', text, re.MULTILINE | re.DOTALL
    )
    return [(name, next((value for value in values if value), "")) for name, *values in found]


def test_the_modelfile_names_file_template_system_prompt_ends_and_context() -> None:
    written = ollama.turns(Writer(FAMILIES["gemma3"][1]), "<first>")  # type: ignore[arg-type]
    text = ollama.modelfile("lamp-Q4_K_M.gguf", written, "You are\na lamp.", ["<end_of_turn>", "<eos>"], 1024)
    assert commands(text) == [
        ("FROM", "./lamp-Q4_K_M.gguf"),
        ("TEMPLATE", written.go_template()),
        ("SYSTEM", "You are\na lamp."),
        ("PARAMETER stop", "<end_of_turn>"),
        ("PARAMETER stop", "<eos>"),
        ("PARAMETER temperature", "0"),
        ("PARAMETER num_ctx", "1024"),
    ]


def test_a_model_without_system_prompt_gets_no_line_for_it_and_a_long_context_is_cut() -> None:
    text = ollama.modelfile("a.gguf", ollama.Turns(("", ""), "", "", ""), "", [], 131072)
    assert "SYSTEM" not in [name for name, _ in commands(text)]
    assert "PARAMETER num_ctx 2048\n" in text


def test_llama_cpp_says_what_it_puts_before_every_prompt(plain_gguf: Path, tmp_path: Path) -> None:
    assert ollama.first_token(plain_gguf) == ""
    with pytest.raises(UserError, match="cannot be loaded"):
        ollama.first_token(tmp_path / "none.gguf")


@pytest.fixture(scope="module", params=families.BASES)
def miniature(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, trainset: Path) -> Path:
    """The untrained miniature of a family."""
    return families.make_base(request.param, trainset, tmp_path_factory.mktemp(request.param), epochs=0)


def test_what_ollama_gives_llama_cpp_is_what_the_model_was_trained_with(miniature: Path, tmp_path: Path) -> None:
    import llama_cpp

    from stages.model import tokenizer as tokenizing

    converted = model_gguf.convert(miniature, tmp_path / "miniature.gguf", "miniature", {})
    tokenizer, added = tokenizing.load(miniature), ollama.first_token(converted)
    template = ollama.turns(tokenizer, added).go_template()
    served = llama_cpp.Llama(str(converted), vocab_only=True, verbose=False)
    for messages in CHATS:
        ids = served.tokenize(rendered(template, messages).encode(), add_bos=True, special=True)
        assert ids == tokenizing.token_ids(tokenizer, messages, add_generation_prompt=True)
    served.close()


def test_a_file_whose_template_writes_no_first_token_asks_for_none(trainset: Path, tmp_path: Path) -> None:
    base = families.make_base("tinyllama", trainset, tmp_path, epochs=0)
    gguf.convert(base, tmp_path / "plain.gguf", "plain")
    assert ollama.first_token(tmp_path / "plain.gguf") == "<s>"  # which the model never saw in training
    assert ollama.first_token(model_gguf.convert(base, tmp_path / "full.gguf", "full", {})) == ""
