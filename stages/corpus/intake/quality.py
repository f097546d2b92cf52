"""Which rows teach nothing, or something wrong: one verdict per row, each counted in the reports.

Code is judged as code: rows of the category, and what stands in fenced blocks, may repeat lines, consist of signs and
hold tags. The figures beside the limits were measured on 17,000 published rows of 14 sets, among them GSM8K,
AQuA-RAT, OASST1, hh-rlhf, APIBench, HumanEval's solutions and NQ.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from ..rows.row import Row
from ..rows.source import Category


class Quality(StrEnum):
    """Why a row is left out."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    BROKEN_TEXT = "broken_text"
    """Control characters, U+FFFD, or UTF-8 that was read as Latin-1."""
    NOT_TEXT = "not_text"
    """Mostly signs, or without spaces."""
    REPEATS = "repeats"
    """Lines or words over and over again."""
    ECHO = "echo"
    """The output is the instruction."""
    TRUNCATED = "truncated"
    """The output ends in a code block or in the middle of a sentence."""
    REFUSAL = "refusal"
    """The output declines in the boilerplate of a chat model; rows that teach safety may."""
    MARKUP = "markup"
    """Mostly HTML tags."""


@dataclass(frozen=True)
class Limits:
    """What a row's size may be, in characters."""

    min_asked: int
    """Of system, instruction and input together with the turns before."""
    min_output: int
    max_chars: int
    """Of all text of the row."""


SAFETY = frozenset((Category.RED_TEAM, Category.ADVERSARIAL_MORAL))
"""The categories in which an answer may decline."""

# The lowest real shares of letters and digits are 0.31 (a table drawn with dashes) and, for code, 0.58.
_LEAST_LETTERS, _SHORTEST_JUDGED = 0.25, 50
# Real outputs have at most 17 characters per space; base64 and the like have none.
_MOST_CHARS_PER_SPACE, _SHORTEST_UNSPACED = 50, 500
# Distinct words: at least 0.24 of all in real outputs, at 1,203 words. Below 0.3 a closer look is taken, at every eight
# words in a row: half of them said before is a loop. MassiveText's limits (table A1 of arXiv:2112.11446: 0.12 for
# eight) are meant for web pages and would remove worked solutions, which repeat their terms.
_FEW_DISTINCT, _LEAST_WORDS, _RUN, _MOST_REPEATED = 0.3, 60, 8, 0.5
# Words are only split where one of 8 pieces of 24 characters comes again: of an output that is half repetition each
# does with even odds, so 1 in 256 is missed, and the rule costs a fifth.
_PROBES, _PROBE = 8, 24
# A loop at the end: the last 32 characters came before, and the stretch from there fills this many at least 5 times.
_TAIL, _LOOP_CHARS, _LOOP_ROUNDS = 32, 200, 5
# MassiveText has 0.3 of all lines. Songs repeat a chorus, hence half; lines under 20 characters do not count.
_LEAST_LINES, _LONG_LINE, _MOST_REPEATED_LINES = 6, 20, 0.5
_LEAST_TAGS, _MOST_IN_TAGS = 5, 0.5
_ECHO_CHARS = 16  # "Good morning!" is a good answer to itself
_CUT_WORDS = 30  # of 17,000 outputs of so many words 11 end like this, and all 11 are cut off
_OPENING = 300

_WHITE = b" \t\r\n"
_LETTERS_DIGITS_WHITE = bytes(b for b in range(256) if b >= 0x80 or chr(b).isalnum()) + _WHITE
_CONTROL = bytes(b for b in (*range(32), 127) if b not in b"\t\n\r\x0c")
# "\frac" and "\beta" whose backslash was taken for an escape; a form feed alone parts pages.
_LOST_BACKSLASH = re.compile("\x0c[a-z]")
# C1 controls less U+0085, a line end; and what no decoder could read.
_BROKEN = re.compile("[\x80-\x84\x86-\x9f\ufffd]")
# UTF-8 read as Latin-1 or Windows-1252: an accented letter, and what typographic quotes and dashes begin with.
_MOJIBAKE = re.compile("\u00c3[\u00a1-\u00bf]|\u00e2\u20ac[\u2122\u0153\u201c\u201d\u00a6\u02dc]")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,300}>")
# A line of code may stand between two fences: ```a = 1```. That one is closed.
_FENCE = re.compile(r"^[ \t>]*(`{3,})(?=[^`\n]*$)", re.MULTILINE)
_CUT = re.compile(r"(?:,|\b(?:the|and|of|a|an|to|with|or|in|for|that))\Z")
_REFUSAL = re.compile(
    r"\bas an? (?:ai|artificial intelligence|large language|language)\b[^.!?\n]{0,60}?,? ?(?:i|it)\b"
    r"(?: am|'m| do| would| is|'s)?(?: not|n't| unable|cannot| cannot| can't| can not| don't| never| have no| lack)"
    r"|\bi(?:'m| am) (?:just |only )?an? (?:ai|large language|language) (?:language )?(?:model|assistant)[^.!?\n]{0,40}"
    r"(?:cannot|can't|can not|don't|do not|unable|not able)"
    r"|\A(?:i(?:'m| am) (?:very |really |so )?sorry|sorry|i apologi[sz]e|unfortunately)[^.!?\n]{0,30}?"
    r",? (?:i|we) (?:cannot|can't|can not|am unable to|am not able to|'m unable to|'m not able to)"
    r" (?:assist|help|fulfil|provide|comply|engage|create|generate|do that|answer|continue|discuss)"
)


def verdict(row: Row, category: Category, limits: Limits) -> Quality | None:
    """Why the row is left out, or None."""
    return (
        _size(row, limits)
        or _broken(row)
        or _shape(row.output, category)
        or _echo(row)
        or _truncated(row.output, category)
        or (None if category in SAFETY or row.safety_label else _refusal(row.output))
    )


def _size(row: Row, limits: Limits) -> Quality | None:
    before = sum(len(user) + len(assistant) for user, assistant in row.history)
    asked = len(row.instruction) + len(row.input) + len(row.system) + before
    if asked < limits.min_asked or len(row.output) < limits.min_output:
        return Quality.TOO_SHORT
    return Quality.TOO_LONG if asked + len(row.output) > limits.max_chars else None


def _broken(row: Row) -> Quality | None:
    text = "\n".join(
        (row.instruction, row.input, row.system, row.output, *(part for turn in row.history for part in turn))
    )
    data = text.encode(errors="replace")
    if len(data.translate(None, _CONTROL)) < len(data) or ("\x0c" in text and _LOST_BACKSLASH.search(text)):
        return Quality.BROKEN_TEXT
    if text.isascii():
        return None
    return Quality.BROKEN_TEXT if _BROKEN.search(text) or len(_MOJIBAKE.findall(text)) > 1 else None


def _shape(output: str, category: Category) -> Quality | None:
    if len(output) < _SHORTEST_JUDGED:
        return None
    data = output.encode(errors="replace")
    solid = len(data.translate(None, _WHITE))
    if solid - len(data.translate(None, _LETTERS_DIGITS_WHITE)) < _LEAST_LETTERS * solid:
        return Quality.NOT_TEXT
    spaces = len(data) - solid
    if len(data) > max(_SHORTEST_UNSPACED, _MOST_CHARS_PER_SPACE * spaces) and output.isascii():
        return Quality.NOT_TEXT
    if category is Category.CODE:
        return Quality.REPEATS if _loops(output) else None
    if "```" in output:
        return None
    if _loops(output) or _repeats_words(output) or _repeats_lines(output):
        return Quality.REPEATS
    return Quality.MARKUP if _is_markup(output) else None


def _loops(output: str) -> bool:
    """Whether an output ends in a short stretch over and over again, as a model does that finds no end."""
    if len(output) < _LOOP_CHARS:
        return False
    again = output.rfind(output[-_TAIL:], 0, -1)
    period = len(output) - _TAIL - again
    looped = max(_LOOP_CHARS, _LOOP_ROUNDS * period) - period
    if again < 0 or looped + period > len(output):
        return False
    # A rule of dashes is drawn, not said.
    return output[-looped:] == output[-looped - period : -period] and output[-_TAIL:].strip("-=_*.# |+\n") != ""


def _repeats_words(output: str) -> bool:
    step = len(output) // _PROBES
    if not any(output.count(output[at : at + _PROBE]) > 1 for at in range(0, step * _PROBES, max(step, 1))):
        return False
    words = output.split()
    if len(words) < _LEAST_WORDS or len(set(words)) >= _FEW_DISTINCT * len(words):
        return False
    runs = [" ".join(words[first : first + _RUN]) for first in range(len(words) - _RUN + 1)]
    return len(set(runs)) < (1 - _MOST_REPEATED) * len(runs)


def _repeats_lines(output: str) -> bool:
    if output.count("\n") < _LEAST_LINES:
        return False
    lines = [line for line in map(str.strip, output.split("\n")) if len(line) >= _LONG_LINE]
    return len(lines) >= _LEAST_LINES and len(set(lines)) < (1 - _MOST_REPEATED_LINES) * len(lines)


def _is_markup(output: str) -> bool:
    if output.count("<") < _LEAST_TAGS:
        return False
    tags = _TAG.findall(output)
    return len(tags) >= _LEAST_TAGS and sum(map(len, tags)) > _MOST_IN_TAGS * len(output)


def _echo(row: Row) -> Quality | None:
    same = len(row.output) == len(row.instruction) >= _ECHO_CHARS and row.output.lower() == row.instruction.lower()
    return Quality.ECHO if same else None


def _truncated(output: str, category: Category) -> Quality | None:
    if "```" in output:
        # Some close a block behind its last line of code: then the number of fences is even.
        return Quality.TRUNCATED if output.count("```") % 2 and _ends_in_fence(output) else None
    if category is Category.CODE or not _CUT.search(output, max(len(output) - 8, 0)):
        return None
    return Quality.TRUNCATED if len(output.split()) >= _CUT_WORDS else None


def _ends_in_fence(output: str) -> bool:
    """Whether the last fenced block has no end: a fence closes with the sign it was opened by, at least as long."""
    opened = ""
    for match in _FENCE.finditer(output):
        fence = match[1]
        if not opened:
            opened = fence
        elif fence.startswith(opened):
            opened = ""
    return opened != ""


def _refusal(output: str) -> Quality | None:
    opening = output[:_OPENING].lower().replace("\u2019", "'")
    if "language model" in opening or " ai" in opening or "sorry" in opening or opening.startswith(("i ap", "unf")):
        return Quality.REFUSAL if _REFUSAL.search(opening) else None
    return None
