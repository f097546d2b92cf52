"""Tokenizers of the families' kinds for their miniatures, trained on the training text.

Byte-level BPE for Llama 3 and Phi-4, which split text by a published expression, with the markers behind all pieces;
sentencepiece for Gemma 3 and TinyLlama, with the markers in front. The same bytes for the same text.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import sentencepiece

from ..errors import UserError
from . import chat, pre_tokenizers
from .tokenizer import MODEL_FILE


@dataclass(frozen=True)
class _Markers:
    """first: begins a chat where the template says so. end: the tokenizer's end token, not always that of an answer.

    others: further tokens that are no text.
    """

    first: str
    end: str
    pad: str
    others: tuple[str, ...] = ()


_LLAMA3 = _Markers(
    first="<|begin_of_text|>",
    end="<|eot_id|>",
    pad="<|finetune_right_pad_id|>",
    others=("<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>"),
)
_PHI4 = _Markers(
    first="<|endoftext|>",
    end="<|endoftext|>",
    pad="<|endoftext|>",
    others=("<|assistant|>", "<|end|>", "<|user|>", "<|system|>"),
)
_GEMMA3 = _Markers(first="<bos>", end="<eos>", pad="<pad>", others=("<mask>", "<start_of_turn>", "<end_of_turn>"))
_TINYLLAMA = _Markers(first="<s>", end="</s>", pad=chat.UNKNOWN)
_MARKERS = {"llama3": _LLAMA3, "phi4": _PHI4, "gemma3": _GEMMA3, "tinyllama": _TINYLLAMA}
_MODEL_TYPES = {"llama3": "llama", "phi4": "phi3", "gemma3": "gemma3_text", "tinyllama": "llama"}


def train(family: str, messages: Sequence[list[dict[str, str]]], vocabulary: int, context: int, out: Path) -> None:
    """Train the tokenizer of a family's miniature on chat rows and write its files into the folder `out`.

    There is a config.json among them that names the kind of model, by which transformers chooses how to read them.
    vocabulary: pieces that text is split into, less where the text does not give as many.
    Raises UserError where that is too few for the bytes.
    """
    texts = list(_texts(family, messages))
    if family == "llama3":
        _byte_level(texts, vocabulary, pre_tokenizers.LLAMA3, _LLAMA3, out)
        _write_config(out, family, "PreTrainedTokenizerFast", _LLAMA3, context)
    elif family == "phi4":
        _byte_level(texts, vocabulary, pre_tokenizers.GPT_4O, _PHI4, out)
        # What the hub says, though transformers knows better: the converter goes by it.
        _write_config(out, family, "GPT2Tokenizer", _PHI4, context, unk_token=_PHI4.end)
    elif family == "gemma3":
        _gemma3(texts, vocabulary, context, out)
    else:
        _tinyllama(texts, vocabulary, context, out)
    (out / "config.json").write_text(json.dumps({"model_type": _MODEL_TYPES[family]}), encoding="utf-8")


def _texts(family: str, messages: Iterable[list[dict[str, str]]]) -> Iterator[str]:
    """What lies between the markers of each chat, words of the template included."""
    markers = _MARKERS[family]
    between = re.compile("|".join(map(re.escape, (markers.first, markers.end, *markers.others))))
    template = jinja2.Environment(autoescape=False).from_string(chat.undated(chat.FAMILY_TEMPLATES[family]))
    for row in messages:
        chat_text = template.render(messages=row, bos_token=markers.first, eos_token=markers.end)
        yield from filter(None, between.split(chat_text))


def _byte_level(
    texts: list[str], vocabulary: int, kind: pre_tokenizers.PreTokenizer, markers: _Markers, out: Path
) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, trainers
    from tokenizers import pre_tokenizers as splitting

    tokenizer = Tokenizer(models.BPE(ignore_merges=kind.ignore_merges))
    tokenizer.pre_tokenizer = kind.build()
    tokenizer.decoder = decoders.ByteLevel()
    _refuse_few(vocabulary)
    alphabet = splitting.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    # In this order, each once: Phi-4's first, end and pad are one.
    tokens = dict.fromkeys((markers.first, *markers.others, markers.end, markers.pad))
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in tokens])
    if markers is _LLAMA3:
        tokenizer.post_processor = _begins_with(tokenizer, markers.first)
    tokenizer.save(str(out / "tokenizer.json"))


def _begins_with(tokenizer: Any, token: str) -> Any:
    from tokenizers.processors import TemplateProcessing

    number = tokenizer.token_to_id(token)
    return TemplateProcessing(single=f"{token} $A", pair=f"{token} $A {token}:1 $B:1", special_tokens=[(token, number)])


def _gemma3(texts: list[str], vocabulary: int, context: int, out: Path) -> None:
    # Lines end in pieces of their own there, up to 31 of them in a row.
    own = (*_GEMMA3.others, "\n", "\n\n", "\n\n\n")
    ids = {"pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3}
    pieces = {"pad_piece": "<pad>", "eos_piece": "<eos>", "bos_piece": "<bos>", "unk_piece": chat.UNKNOWN}
    _sentencepiece(texts, vocabulary, out, user_defined_symbols=list(own), add_dummy_prefix=False, **ids, **pieces)
    _write_config(out, "gemma3", "GemmaTokenizer", _GEMMA3, context, unk_token=chat.UNKNOWN, add_bos_token=True)
    _write_tokenizer_json(out)


def _tinyllama(texts: list[str], vocabulary: int, context: int, out: Path) -> None:
    _sentencepiece(texts, vocabulary, out, add_dummy_prefix=True, unk_id=0, bos_id=1, eos_id=2, pad_id=-1)
    own = {"unk_token": chat.UNKNOWN, "add_bos_token": True, "add_eos_token": False, "legacy": False}
    _write_config(out, "tinyllama", "LlamaTokenizer", _TINYLLAMA, context, **own)


def _sentencepiece(texts: list[str], vocabulary: int, out: Path, **settings: Any) -> None:
    model = io.BytesIO()  # a path would be stored in the file
    _refuse_few(vocabulary)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_lines(texts)),
        model_writer=model,
        model_type="bpe",
        vocab_size=vocabulary,
        hard_vocab_limit=False,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        split_digits=True,
        character_coverage=1.0,
        num_threads=1,  # the merges must not hang on timing
        input_sentence_size=0,
        shuffle_input_sentence=False,
        max_sentence_length=65536,
        minloglevel=2,
        **settings,
    )
    (out / MODEL_FILE).write_bytes(model.getvalue())


def _lines(texts: Iterable[str]) -> list[str]:
    """No piece goes over the end of a line: the first token of an answer must not hang on the marker before it."""
    return [line for text in texts for line in text.split("\n") if line]


def _refuse_few(vocabulary: int) -> None:
    if vocabulary < 512:
        raise UserError(
            f"params.yaml, model_base.vocabulary: {vocabulary} is too small for 256 bytes; take 512 or more"
        )


def _write_config(out: Path, family: str, tokenizer_class: str, markers: _Markers, context: int, **own: Any) -> None:
    config = {
        "tokenizer_class": tokenizer_class,
        "bos_token": markers.first,
        "eos_token": markers.end,
        "pad_token": markers.pad,
        "clean_up_tokenization_spaces": False,
        "model_max_length": context,
        "chat_template": chat.FAMILY_TEMPLATES[family],
        "added_tokens_decoder": _added_tokens(out),
        **own,
    }
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _added_tokens(folder: Path) -> dict[str, dict[str, Any]]:
    """What is no ordinary piece, by id. transformers splits text at these first, and so does llama.cpp."""
    plain = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    model = folder / MODEL_FILE
    if not model.exists():
        listed = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
        return {str(token["id"]): {"content": token["content"], "special": True, **plain} for token in listed}
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(model))
    contents = [pieces.id_to_piece(number) for number in range(pieces.piece_to_id("<0x00>"))]
    return {
        str(number): {"content": content, "special": bool(content.strip()), **plain}
        for number, content in enumerate(contents)
    }


def _write_tokenizer_json(folder: Path) -> None:
    """tokenizer.json as the hub has it beside tokenizer.model: transformers reads nothing else for Gemma."""
    from tokenizers import AddedToken
    from transformers import GemmaTokenizer
    from transformers.convert_slow_tokenizer import SentencePieceExtractor

    found = SentencePieceExtractor(str(folder / MODEL_FILE)).extract(GemmaTokenizer.model)
    made = GemmaTokenizer(vocab=found["vocab"], merges=found["merges"])
    for token in _added_tokens(folder).values():
        made.backend_tokenizer.add_tokens([AddedToken(**token)])
    made.backend_tokenizer.save(str(folder / "tokenizer.json"))
