"""How byte-level BPE tokenizers split text before they look for pieces, and what llama.cpp calls it.

llama.cpp has these splits written out, by name. The name of a published tokenizer is found by the converter itself, by
the ids of a test text. One that was trained here gives other ids, but may split in exactly the same way: then the name
follows from its tokenizer.json, and from nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PreTokenizer:
    """name: llama.cpp's. pattern: what a split is; the rest of a text is split off, too (`Isolated`), or there is none.

    ignore_merges: a whole split that is a piece is taken as such, without a look at the merges.
    """

    name: str
    pattern: str
    ignore_merges: bool

    def build(self) -> Any:
        """For the library `tokenizers`."""
        from tokenizers import Regex, pre_tokenizers

        return pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(self.pattern), behavior="isolated", invert=False),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )


_ENDINGS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"

# As in the tokenizer.json of Llama 3.
LLAMA3 = PreTokenizer(
    "llama-bpe",
    rf"{_ENDINGS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_REST}",
    ignore_merges=True,
)
# As in that of Phi-4 Mini, which splits as GPT-4o does.
GPT_4O = PreTokenizer(
    "gpt-4o",
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_ENDINGS}?|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_ENDINGS}?"
    rf"|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_REST}",
    ignore_merges=False,
)
KNOWN = (LLAMA3, GPT_4O)


def recognised(tokenizer: dict[str, Any]) -> str | None:
    """llama.cpp's name of what a tokenizer.json does before it looks for pieces; None unless it is one of KNOWN.

    Equal is: no normalizer, a split by that very pattern that loses nothing, bytes, and merges used alike.
    """
    model, steps = tokenizer["model"], (tokenizer["pre_tokenizer"] or {}).get("pretokenizers", ())
    if tokenizer["normalizer"] is not None or model["type"] != "BPE" or model.get("byte_fallback"):
        return None
    if [step["type"] for step in steps] != ["Split", "ByteLevel"]:
        return None
    split, bytes_ = steps
    # The pattern matches every character, so to keep what matches and to split at it are the same.
    if (split["behavior"], split["invert"]) not in (("Isolated", False), ("Removed", True)):
        return None
    if bytes_["add_prefix_space"] or bytes_["use_regex"]:
        return None
    found = (split["pattern"].get("Regex"), bool(model.get("ignore_merges")))
    return next((known.name for known in KNOWN if (known.pattern, known.ignore_merges) == found), None)
