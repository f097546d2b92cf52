"""The benchmark's requests, which are never trained on in any wording that means just the same.

Two requests are the same when their content words agree after lower-casing and dropping politeness,
articles, prepositions, fillers and display verbs; number words count as digits and plurals as singulars.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from .request import Meaning

# Politeness, articles, prepositions, fillers and display verbs, in the singular. "right" and "up" are only
# fillers where they give no direction ("right now", "put up").
_DROPPED = frozenset(
    """
    please pls plz thanks thank you hey hi hello yo lamp could can would will may i like want need see have get
    got let us me my mine for give i'd i'm im it its it's let's if tonight again
    a an the some this that these those of on in at by over with and or as into to from one
    um uh hmm so ok okay alright just maybe kind sort actually now then well really simply simple nice pretty how
    about
    show showing draw drawing paint make making create simulate simulating be being display displaying render do
    put play set start look looking pixel art picture image icon emoji screen what's what second o'clock oclock
    """.split()  # noqa: SIM905 - sixty words as a list literal would be sixty lines
)
_NUMBERS = {"fifteen": "15", "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60"} | {
    word: str(number)
    for number, word in enumerate(
        ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"), start=2
    )
}
_JOINED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\bcount(?:ing)?[ -]?down\b"), "countdown"),
    (re.compile(r"\b(\d+):00\b"), r"\1"),
    (re.compile(r"\bhalf an hour\b"), "30 minutes"),
    (re.compile(r"\banalogue\b"), "analog"),
    # What people begin and end with, where it begins and ends the request.
    (
        re.compile(
            r"^\W*(?:oh|right|listen|quick one|you know what|if it's not too much trouble|when you get a second"
            r"|so i was thinking)\b"
        ),
        " ",
    ),
    (
        re.compile(
            r"\b(?:or something|for a bit|for a while|cheers|ta|if that's possible|you know what i mean"
            r"|when you're ready|that'd be great)\W*$"
        ),
        " ",
    ),
    (re.compile(r"\bright now\b|\bput up\b|\bup there\b|\bfor (?:me|us|him|her|my daughter|the kids)\b"), " "),
)
_WORD = re.compile(r"[^\W_]+(?:'[a-z]+)?")


@dataclass(frozen=True)
class BenchmarkPrompt:
    """One of the 21 requests. also: further wordings that are held out with it."""

    prompt: str
    category: str
    meaning: Meaning
    also: tuple[str, ...]


@functools.cache
def benchmark(path: Path) -> tuple[BenchmarkPrompt, ...]:
    """The benchmark's requests, in their fixed order."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    return tuple(
        BenchmarkPrompt(entry["prompt"], entry["category"], entry["meaning"], tuple(entry.get("also", ())))
        for entry in entries
    )


@functools.lru_cache(maxsize=65536)
def content_words(prompt: str) -> frozenset[str]:
    """What is left of a request when only the words that carry its meaning are kept."""
    text = prompt.lower().replace("\u2019", "'")
    for expression, replacement in _JOINED:
        text = expression.sub(replacement, text)
    words = (_NUMBERS.get(word, word) for word in _WORD.findall(text) if word not in _DROPPED)
    return frozenset(_singular(word) for word in words if _singular(word) not in _DROPPED)


def _singular(word: str) -> str:
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


@functools.cache
def held_out_words(path: Path) -> dict[frozenset[str], str]:
    """Content words of every held-out wording, with the benchmark request that they belong to."""
    return {
        content_words(wording): entry.prompt for entry in benchmark(path) for wording in (entry.prompt, *entry.also)
    }


def benchmark_twin(prompt: str, path: Path) -> str | None:
    """The benchmark request that `prompt` means the same as, or None."""
    return held_out_words(path).get(content_words(prompt))
