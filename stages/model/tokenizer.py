"""The nano model's tokenizer: sentencepiece BPE whose JSON fragments are pieces of their own.

A real sentencepiece model, so that the official GGUF converter takes it as it is and llama.cpp gives the
same ids. Words are split at white space; programs are split into atoms (see lamp/atoms.py).
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sentencepiece
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from ..errors import UserError
from ..lamp import atoms
from . import chat
from .bases import Entry

MODEL_FILE = "tokenizer.model"
FILES = (
    MODEL_FILE,
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
)
"""What belongs to a tokenizer in a model folder. None has all; each one that there is decides something."""
_FIRST_ATOM = 2 + len(chat.MARKERS)  # behind <unk>, <pad> and the markers


def train(
    messages: Sequence[list[dict[str, str]]], vocabulary: int, atom_min_count: int, context: int, out: Path
) -> None:
    """Train on chat rows and write the tokenizer's files into the folder `out`.

    Raises UserError when the vocabulary is too small for the atoms and bytes, or larger than the text gives.
    """
    programs = [turn["content"] for row in messages for turn in row if turn["role"] == "assistant"]
    pieces = atoms.frequent(programs, atom_min_count)
    # The words are learnt from what is no atom: requests, and names and texts in the programs.
    sentences = [f" {turn['content']}" for row in messages for turn in row if turn["role"] != "assistant"]
    sentences += [rest for program in programs for rest in atoms.between(program)]
    fixed = len(pieces) + len(chat.MARKERS) + 256 + 2
    if vocabulary < fixed + 128:
        raise UserError(
            f"params.yaml, model_base.vocabulary: {vocabulary} is too small for {len(pieces)} atoms and 256 bytes;"
            f" take at least {fixed + 128}, or raise atom_min_count"
        )
    _train_sentencepiece(sentences, pieces, vocabulary, out)
    _write_config(out, context)


def _train_sentencepiece(sentences: list[str], pieces: list[str], vocabulary: int, out: Path) -> None:
    model = io.BytesIO()  # a path would be stored in the file
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=model,
            model_type="bpe",
            vocab_size=vocabulary,
            hard_vocab_limit=False,
            user_defined_symbols=[*chat.MARKERS, *pieces],
            byte_fallback=True,
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            split_digits=True,
            character_coverage=1.0,
            unk_id=0,
            pad_id=1,
            bos_id=-1,
            eos_id=-1,
            unk_piece=chat.UNKNOWN,
            pad_piece=chat.PAD,
            num_threads=1,  # the merges must not hang on timing
            input_sentence_size=0,
            shuffle_input_sentence=False,
            max_sentence_length=65536,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise UserError(f"the tokenizer cannot be trained: {error}; try a smaller model_base.vocabulary") from None
    (out / MODEL_FILE).write_bytes(model.getvalue())


def _write_config(out: Path, context: int) -> None:
    config = {
        "tokenizer_class": "LlamaTokenizer",
        "add_bos_token": False,
        "add_eos_token": False,
        "add_prefix_space": False,
        "legacy": False,
        "clean_up_tokenization_spaces": False,
        "bos_token": None,
        "eos_token": chat.END,
        "unk_token": chat.UNKNOWN,
        "pad_token": chat.PAD,
        "model_max_length": context,
        "chat_template": chat.TEMPLATE,
        "added_tokens_decoder": _added_tokens(out),
    }
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _added_tokens(folder: Path) -> dict[str, dict[str, Any]]:
    """Markers and atoms by id. The GGUF converter takes for user-defined only what is listed here."""
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / MODEL_FILE))
    plain = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    # sentencepiece puts user-defined pieces behind <unk> and <pad> and before the bytes.
    return {
        str(number): {"content": pieces.id_to_piece(number), "special": number < _FIRST_ATOM, **plain}
        for number in range(2, pieces.piece_to_id("<0x00>"))
    }


def load(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder."""
    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def settle(folder: Path, entry: Entry) -> None:
    """Make what a base's tokenizer leaves open, or does by the day, the same in training and on the lamp.

    All of it then stands in tokenizer_config.json: the chat template (see chat.undated) and the token for padding.
    Raises UserError where the tokenizer lacks the base's stop or padding token, or has no chat template.
    """
    tokenizer = load(folder)
    known = tokenizer.get_vocab()
    for key, token in (("stop", entry.stop), ("pad", entry.pad)):
        if token not in known:
            raise UserError(f"params.yaml, model_base.bases, {key}: the tokenizer of this base has no {token!r}")
    template = tokenizer.chat_template
    if not isinstance(template, str):
        raise UserError(f"the tokenizer of {entry.hub} has no chat template; take an instruction-tuned model as base")
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["pad_token"] = entry.pad
    config["chat_template"] = chat.undated(template) if entry.dated else template
    if entry.family == "tinyllama":
        # A blank before the text behind every marker, as llama.cpp and this model's tokenizer.json have it.
        # transformers 5 goes by this key alone, and by false puts one at the very beginning only.
        config["legacy"] = True
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for name in ("chat_template.jinja", "chat_template.json"):
        (folder / name).unlink(missing_ok=True)


def copy_tokenizer(source: Path, target: Path) -> None:
    """Copy what there is of a tokenizer from one model folder to another, as it is.

    Saving a loaded tokenizer would leave tokenizer.model out, which the GGUF converter needs.
    """
    for name in FILES:
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)


def token_ids(tokenizer: PreTrainedTokenizerBase, messages: list[dict[str, str]], **options: Any) -> list[int]:
    """The ids of a chat, rendered by the tokenizer's own template."""
    text = tokenizer.apply_chat_template(messages, tokenize=False, **options)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
