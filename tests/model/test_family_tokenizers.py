"""Tokenizers of the families' kinds: where their markers are, what no piece goes across, the same bytes each time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sentencepiece

from stages.model import chat, family_tokenizers
from stages.model import tokenizer as tokenizing
from tests.model.families import BASES

Row = dict[str, Any]
BYTE_LEVEL = ("llama3", "phi4")


@pytest.fixture(scope="module", params=BASES)
def family(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def folder(family: str, tmp_path_factory: pytest.TempPathFactory, chat_rows: list[Row]) -> Path:
    made = tmp_path_factory.mktemp(family)
    family_tokenizers.train(family, [row["messages"] for row in chat_rows], 800, 1024, made)
    return made


def test_training_twice_gives_the_same_bytes(family: str, folder: Path, chat_rows: list[Row], tmp_path: Path) -> None:
    family_tokenizers.train(family, [row["messages"] for row in chat_rows], 800, 1024, tmp_path)
    assert contents(tmp_path) == contents(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_files_are_those_that_the_converter_wants(family: str, folder: Path) -> None:
    wanted = {"config.json", "tokenizer_config.json"}
    wanted |= {"tokenizer.json"} if family != "tinyllama" else set()
    wanted |= {"tokenizer.model"} if family not in BYTE_LEVEL else set()
    assert contents(folder).keys() == wanted


def test_the_markers_are_behind_all_pieces_of_bytes_and_in_front_of_those_of_sentencepiece(
    family: str, folder: Path
) -> None:
    tokenizer = tokenizing.load(folder)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    ids = sorted(map(int, config["added_tokens_decoder"]))
    first = len(tokenizer) - len(ids) if family in BYTE_LEVEL else 0
    assert ids == list(range(first, first + len(ids)))
    assert tokenizer.chat_template == chat.FAMILY_TEMPLATES[family]
    assert tokenizer.model_max_length == 1024


def test_every_marker_is_one_token(family: str, folder: Path) -> None:
    tokenizer = tokenizing.load(folder)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    for number, token in config["added_tokens_decoder"].items():
        assert tokenizer.convert_tokens_to_ids(token["content"]) == int(number)
        assert tokenizer(f"a{token['content']}b", add_special_tokens=False)["input_ids"].count(int(number)) == 1


def test_no_piece_of_sentencepiece_goes_across_the_end_of_a_line(folder: Path, family: str) -> None:
    if family in BYTE_LEVEL:
        return
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    across = [piece for piece in map(pieces.id_to_piece, range(len(pieces))) if "\n" in piece and piece.strip("\n")]
    assert not across


def test_any_text_comes_back_from_its_tokens(family: str, folder: Path) -> None:
    tokenizer = tokenizing.load(folder)
    # Not with a blank in front: Llama 2's puts one there, and takes one away.
    for text in ("red", "two  blanks  ", "\u706f and \U0001f98a", 'line\n{"a":[1,2]}', "\x00\x7f"):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(ids) == text
