"""The tokenizer: one piece per atom, and the same ids in sentencepiece, transformers and llama.cpp."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sentencepiece

from stages.device.generate import Generator
from stages.errors import UserError
from stages.lamp import atoms
from stages.model import chat
from stages.model import tokenizer as tokenizing

Row = dict[str, Any]
STRANGE = (
    "",
    " ",
    "  two  blanks  ",
    "é, ü, 漢字 and 🦊",
    "a\nline\tand a tab",
    "#12ABCD #FFFFFF #ffffff",
    '{"program":{"name":"<|end|>"',
    "<|assistant|><|end|><|user|> <|system|>",
    "<unk><pad><0x41>",
    "\x00\x01\x7f",
    "▁ is sentencepiece's own blank"[1:],
    "12345678901234567890 -0.5 1e9",
)


@pytest.fixture(scope="module")
def pieces(tokenizer_folder: Path) -> sentencepiece.SentencePieceProcessor:
    return sentencepiece.SentencePieceProcessor(model_file=str(tokenizer_folder / tokenizing.MODEL_FILE))


@pytest.fixture(scope="module")
def llama(plain_gguf: Path) -> Iterator[Generator]:
    with Generator(plain_gguf, n_ctx=512, n_threads=1) as generator:
        yield generator


@pytest.fixture(scope="module")
def texts(chat_rows: list[Row], tokenizer: Any) -> list[str]:
    """Whole chats with their markers, and prompts up to where the lamp answers."""
    chats = [row["messages"] for row in chat_rows]
    whole = [tokenizer.apply_chat_template(messages, tokenize=False) for messages in chats]
    prompts = [
        tokenizer.apply_chat_template(messages[:-1], tokenize=False, add_generation_prompt=True) for messages in chats
    ]
    return whole + prompts


def ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def test_transformers_gives_the_ids_of_sentencepiece(
    texts: list[str], tokenizer: Any, pieces: sentencepiece.SentencePieceProcessor
) -> None:
    differing = [text for text in texts if ids(tokenizer, text) != pieces.encode(text)]
    assert not differing


def test_llama_cpp_gives_the_ids_of_sentencepiece(
    texts: list[str], llama: Generator, pieces: sentencepiece.SentencePieceProcessor
) -> None:
    differing = [text for text in texts if llama.tokens(text) != pieces.encode(text)]
    assert not differing


def test_no_piece_of_a_row_is_unknown(texts: list[str], tokenizer: Any) -> None:
    assert all(tokenizer.unk_token_id not in ids(tokenizer, text) for text in texts)


def test_decoding_gives_back_the_text(texts: list[str], tokenizer: Any) -> None:
    differing = [text for text in texts if tokenizer.decode(ids(tokenizer, text)) != text]
    assert not differing


@pytest.mark.parametrize("text", STRANGE)
def test_decoding_gives_back_strange_text(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(ids(tokenizer, text)) == text


@pytest.mark.parametrize("text", STRANGE)
def test_llama_cpp_and_transformers_agree_about_strange_text(tokenizer: Any, llama: Generator, text: str) -> None:
    assert llama.tokens(text) == ids(tokenizer, text)


def test_each_frequent_atom_is_one_token_wherever_it_stands(
    chat_rows: list[Row], tokenizer: Any, llama: Generator
) -> None:
    programs = [row["messages"][2]["content"] for row in chat_rows]
    frequent = atoms.frequent(programs, 3)
    assert len(frequent) > 50
    number = {}
    for atom in frequent:
        (number[atom],) = ids(tokenizer, atom)
        assert llama.tokens(atom) == [number[atom]]
    # A rare atom may begin with a frequent one, hence leftmost-longest and not atoms.split.
    longest_first = re.compile("|".join(map(re.escape, sorted(number, key=len, reverse=True))))
    for program in programs:
        found = [token for token in ids(tokenizer, program) if token in number.values()]
        assert found == [number[atom] for atom in longest_first.findall(program)]


def test_every_marker_is_one_token_and_the_end_token_ends(tokenizer: Any, llama: Generator) -> None:
    for marker in chat.MARKERS:
        assert len(ids(tokenizer, marker)) == 1
        assert llama.tokens(marker) == ids(tokenizer, marker)
    assert ids(tokenizer, chat.END) == [tokenizer.eos_token_id]
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    assert tokenizer.bos_token is None
    assert llama._end == {tokenizer.eos_token_id}


def test_markers_and_atoms_are_listed_for_the_converter(tokenizer_folder: Path, chat_rows: list[Row]) -> None:
    config = json.loads((tokenizer_folder / "tokenizer_config.json").read_text())
    listed = config["added_tokens_decoder"]
    frequent = atoms.frequent([row["messages"][2]["content"] for row in chat_rows], 3)
    assert {entry["content"] for entry in listed.values()} == {*chat.MARKERS, *frequent}
    special = {entry["content"] for entry in listed.values() if entry["special"]}
    assert special == set(chat.MARKERS)
    assert list(map(int, listed)) == list(range(2, 2 + len(listed)))


def test_the_template_and_the_context_come_with_the_tokenizer(tokenizer: Any) -> None:
    assert tokenizer.chat_template == chat.TEMPLATE
    assert tokenizer.model_max_length == 1024
    assert llama_markers(tokenizer) == [chat.END, chat.UNKNOWN, chat.PAD]


def llama_markers(tokenizer: Any) -> list[str]:
    return [tokenizer.eos_token, tokenizer.unk_token, tokenizer.pad_token]


def test_training_twice_gives_the_same_bytes_wherever_it_is(chat_rows: list[Row], tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        tokenizing.train([row["messages"] for row in chat_rows], 1024, 3, 1024, tmp_path / name)
        made.append(contents(tmp_path / name))
    assert made[0] == made[1]
    assert made[0].keys() == {"tokenizer.model", "tokenizer_config.json"}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_vocabulary_that_is_too_small_says_how_large_it_must_be(chat_rows: list[Row], tmp_path: Path) -> None:
    messages = [row["messages"] for row in chat_rows]
    with pytest.raises(
        UserError, match=r"model_base\.vocabulary: 300 is too small for \d+ atoms .* at least \d+"
    ) as no:
        tokenizing.train(messages, 300, 3, 1024, tmp_path)
    smallest = int(str(no.value).split("at least ")[1].split(",")[0])
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError):
        tokenizing.train(messages, smallest - 1, 3, 1024, tmp_path)
    tokenizing.train(messages, smallest, 3, 1024, tmp_path)
    assert len(tokenizing.load(tmp_path)) == smallest


def test_rare_atoms_are_no_tokens(chat_rows: list[Row], tmp_path: Path) -> None:
    programs = [row["messages"][2]["content"] for row in chat_rows]
    tokenizing.train([row["messages"] for row in chat_rows], 1024, 10, 1024, tmp_path)
    rare = set(atoms.frequent(programs, 3)) - set(atoms.frequent(programs, 10))
    assert rare
    listed = json.loads((tmp_path / "tokenizer_config.json").read_text())["added_tokens_decoder"]
    assert not rare & {entry["content"] for entry in listed.values()}


def test_the_files_of_a_tokenizer_are_copied_as_they_are_and_no_others(tmp_path: Path) -> None:
    for name in ("source", "target"):
        (tmp_path / name).mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "model.safetensors", "config.json"):
        (tmp_path / "source" / name).write_text(name)
    tokenizing.copy_tokenizer(tmp_path / "source", tmp_path / "target")
    copied = {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja"}
    assert contents(tmp_path / "target") == {name: name.encode() for name in copied}
