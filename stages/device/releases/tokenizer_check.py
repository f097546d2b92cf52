"""Does this llama.cpp make the same tokens of a text as the one that the release was made with?

Comes in: a loaded model. Goes out: texts with their token ids, or the first text of which other tokens are made.
The texts are what breaks tokenizers: many scripts, emoji, digits, spaces, control characters, chat markers, JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ...errors import UserError

if TYPE_CHECKING:
    from ..generate import Generator

TEXTS = (
    "", " ", "a", "warm and cosy", "A teal butterfly on navy", "sleep timer that dims over 30 minutes",
    "  two spaces before, two behind  ", "line\nbreak", "tab\there", "CRLF\r\n", "\n\n\n", "\u00a0no-break\u2009thin",
    "0123456789", "1,000.50 at 23:59 on 2026-02-28", "#FF7A00 #00ff88 rgb(1, 2, 3)", "don't; \"quoted\" \\ /path",
    "!?.,:;()[]{}<>|~^`@#$%&*_-+=", "UPPER lower MiXeD", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "Gemütlich bei Kerzenschein, größer!", "façade naïve œuvre à Noël", "¿Dónde está la niña?", "Zażółć gęślą jaźń",
    "Příliš žluťoučký kůň", "Đường phố Hà Nội", "Тёплый свет", "Ζεστό φως", "ضوء دافئ", "אור חם", "गर्म रोशनी", "แสงอุ่น",
    "温暖的灯光", "暖かい光", "따뜻한 빛", "თბილი სინათლე", "ሙቅ ብርሃን", "e\u0301 and é", "ﬁ ½ ² Ⅷ ™",
    "🦋", "👩\u200d🚀 🏳️\u200d🌈 👍🏽", "🔥🔥🔥", "\u202eright to left\u202c", "\ufeffmark", "\x01\x1f\x7f",
    "\U0010ffff",
    "<|user|>", "<|end|> <s> </s> <unk> <|im_start|>system", "[INST] [/INST] <start_of_turn>model",
    '{"program":{"name":"warm","steps":[{"id":"s1","command":{"type":"pattern","name":"solid","params":'
    '{"color":"#FFB347"}},"duration":null}]}}',
    '{"program": {"name": "x", "steps": []}}', "[[1, 2], [3.5, -4e10]]",
)  # fmt: skip


class Sample(msgspec.Struct, frozen=True):
    """A text and the token ids that llama.cpp made of it."""

    text: str
    tokens: tuple[int, ...]


class _Check(msgspec.Struct):
    texts: tuple[Sample, ...]


def make(generator: Generator, prompts: tuple[str, ...]) -> bytes:
    """The check as JSON: of `TEXTS`, and of `prompts` as the chat template renders them."""
    samples = tuple(Sample(text, tuple(generator.tokens(text))) for text in (*TEXTS, *prompts))
    return msgspec.json.format(msgspec.json.encode(_Check(samples)), indent=-1) + b"\n"


def refuse_other_tokens(generator: Generator, check: bytes, where: str) -> None:
    """Raises UserError, which begins with `where`, for the first text of `check` that has other tokens here."""
    try:
        samples = msgspec.json.decode(check, type=_Check).texts
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{where}: no tokenizer check ({error}); make the release again") from None
    if not samples:
        raise UserError(f"{where}: the tokenizer check is empty; make the release again")
    for sample in samples:
        here = tuple(generator.tokens(sample.text))
        if here != sample.tokens:
            raise UserError(
                f"{where}: llama.cpp makes {len(here)} other tokens of {sample.text[:40]!r} here than where the release"
                " was made; install the llama-cpp-python that its manifest names"
            )
