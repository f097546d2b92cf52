"""How text is split before pieces are looked for: recognised where it is exactly that of a published tokenizer."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from tokenizers import Tokenizer, models

from stages.model import pre_tokenizers
from stages.model.pre_tokenizers import GPT_4O, KNOWN, LLAMA3, PreTokenizer, recognised

Json = dict[str, Any]

# As they stand in the files on the hub.
LLAMA3_REGEX = (
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
    "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
)
GPT_4O_REGEX = (
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
)


def tokenizer(kind: PreTokenizer) -> Json:
    made = Tokenizer(models.BPE(ignore_merges=kind.ignore_merges))
    made.pre_tokenizer = kind.build()
    found: Json = json.loads(made.to_str())
    return found


def pieces(kind: PreTokenizer, text: str) -> list[str]:
    return [text[start:end] for _, (start, end) in kind.build().pre_tokenize_str(text)]


def test_the_patterns_are_the_published_ones() -> None:
    assert (LLAMA3.pattern, GPT_4O.pattern) == (LLAMA3_REGEX, GPT_4O_REGEX)


def test_they_split_as_they_are_meant_to() -> None:
    assert pieces(LLAMA3, "It's 12345\n\n{'x': HTTPServer}") == [
        "It", "'s", " ", "123", "45", "\n\n", "{'", "x", "':", " HTTPServer", "}",
    ]  # fmt: skip
    assert pieces(GPT_4O, "It's HTTPServer a/\n") == ["It's", " HTTPServer", " a", "/\n"]
    assert pieces(GPT_4O, "fooBar") == ["foo", "Bar"]
    assert pieces(LLAMA3, "fooBar") == ["fooBar"]


@pytest.mark.parametrize("kind", KNOWN, ids=lambda kind: kind.name)
def test_what_splits_as_a_published_one_is_recognised(kind: PreTokenizer) -> None:
    assert recognised(tokenizer(kind)) == kind.name


@pytest.mark.parametrize("kind", KNOWN, ids=lambda kind: kind.name)
def test_to_keep_what_matches_is_to_split_at_it(kind: PreTokenizer) -> None:
    other = tokenizer(kind)
    other["pre_tokenizer"]["pretokenizers"][0].update(behavior="Removed", invert=True)
    assert recognised(other) == kind.name
    text = "It's 12345\n\n  {'x': HTTPServer} \u706f\U0001f98a"
    split = Tokenizer.from_str(json.dumps(other)).pre_tokenizer.pre_tokenize_str(text)
    assert split == kind.build().pre_tokenize_str(text)


def split(found: Json) -> Json:
    step: Json = found["pre_tokenizer"]["pretokenizers"][0]
    return step


CHANGES: dict[str, Callable[[Json], Any]] = {
    "one character of the pattern": lambda found: split(found)["pattern"].update(Regex=LLAMA3_REGEX + "?"),
    "a plain text as pattern": lambda found: split(found).update(pattern={"String": LLAMA3_REGEX}),
    "what matches goes to the piece before": lambda found: split(found).update(behavior="MergedWithPrevious"),
    "what matches is lost": lambda found: split(found).update(behavior="Removed"),
    "merges instead of whole pieces": lambda found: found["model"].update(ignore_merges=False),
    "bytes as pieces": lambda found: found["model"].update(byte_fallback=True),
    "another model": lambda found: found["model"].update(type="WordPiece"),
    "a normalizer": lambda found: found.update(normalizer={"type": "NFC"}),
    "a blank in front": lambda found: found["pre_tokenizer"]["pretokenizers"][1].update(add_prefix_space=True),
    "a second split": lambda found: found["pre_tokenizer"]["pretokenizers"][1].update(use_regex=True),
    "a third step": lambda found: found["pre_tokenizer"]["pretokenizers"].append({"type": "Digits"}),
    "no split": lambda found: found.update(pre_tokenizer={"type": "ByteLevel"}),
    "nothing at all": lambda found: found.update(pre_tokenizer=None),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_differs_in_anything_is_not_recognised(change: str) -> None:
    found = tokenizer(LLAMA3)
    CHANGES[change](found)
    assert recognised(copy.deepcopy(found)) is None


def test_no_two_have_one_name() -> None:
    assert len({kind.name for kind in pre_tokenizers.KNOWN}) == len(pre_tokenizers.KNOWN)
