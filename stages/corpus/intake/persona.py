"""Control and persona tokens in a row's text: what a chat template writes around turns, left behind by an export.

A model that learns to write them ends its turn early, or speaks for the user. A row that has one is removed. A row
*about* them is kept, as far as that can be told cheaply. A mention, which does not count, is whatever stands
* in a code block, in `code`, or as a whole between quotes ("<|endoftext|>");
* as <s> with its </s> behind it in one line: HTML for struck-through text;
* as [INST] or [/INST] without the other: the name of a thing;
* as "### Response:" elsewhere than alone on a line, or "### Human:" elsewhere than at the start of one.
[MASK], [CLS] and <|mask|> are no tokens here: who asks about BERT writes them, and no chat template does.
"""

from __future__ import annotations

import re
from collections import Counter

_TOKENS = re.compile(
    r"""
      <\|(?!mask\|)[a-z][a-z_]{1,24}\|>                   # ChatML, Llama 3, GPT, Phi, Zephyr, OpenAssistant
    | </?persona(?::[^<>\n]{0,80})?>
    | <(?:start|end)_of_turn>                             # Gemma
    | \[/?INST\] | <</?SYS>>                              # Llama 2
    | </?s>                                               # Llama 2, Mistral
    | ^(?:<human>|<bot>):                                 # OpenChatKit
    | ^\#\#\#[ ](?:Instruction|Input|Response):[ ]*$      # Alpaca
    | ^\#\#\#[ ](?:Human|Assistant|User|System):          # Vicuna
    """,
    re.VERBOSE | re.MULTILINE,
)
# Whatever the pattern finds has one of these; looking for them first costs a twentieth of the pattern.
_ANGLES = ("<|", "<persona", "</persona", "_of_turn>", "<s>", "</s>", "SYS>>", "<human>:", "<bot>:")
_HEADINGS = ("### Instruction", "### Input", "### Response", "### Human", "### Assistant", "### User", "### System")
_MENTIONS = (
    re.compile(r"^[ \t]*(```|~~~).*?(?:^[ \t]*\1|\Z)|`[^`\n]+`", re.DOTALL | re.MULTILINE),
    re.compile(r"""(["'])[<\[#][^"'\n]{1,60}\1|[\u201c\u2018][<\[#][^\u201d\u2019\n]{1,60}[\u201d\u2019]"""),
    re.compile(r"<s>[^<>\n]{1,400}</s>"),
)
_NAME = re.compile(r"<persona:.*>")  # whose persona it is would make a count per row
_PAIR = ("[INST]", "[/INST]")


def tokens(text: str) -> dict[str, int]:
    """The control and persona tokens in a text, and how often each stands there; mentions are not counted."""
    if not ("<" in text or "### " in text or "INST]" in text) or not _may_have(text):
        return {}
    if _TOKENS.search(text) is None:
        return {}
    for mention in _MENTIONS:
        text = mention.sub(" ", text)
    found = Counter(_NAME.sub("<persona>", match.group().rstrip()) for match in _TOKENS.finditer(text))
    if not all(token in found for token in _PAIR):
        for token in _PAIR:
            del found[token]
    return dict(found)


def _may_have(text: str) -> bool:
    return (
        ("<" in text and any(sign in text for sign in _ANGLES))
        or ("### " in text and any(sign in text for sign in _HEADINGS))
        or "INST]" in text
    )
