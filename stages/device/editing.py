"""Plain changes of a running program ("slower", "that but in blue") by rule: exactly what was asked, and at once.

Comes in: a request that changes the running program. Goes out: the changed program, or None where no rule is sure what
is meant; then the model is asked.
Always holds: what changes is what `lamp.teachers.changes` says of that change, and nothing else; of a request that
names two changes none is made here.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import yaml

from ..lamp.program import Program
from ..lamp.teachers.changes import changed

# A link to data/seed/colors.yaml; the installed package has the file itself.
COLORS = Path(__file__).with_name("colors.yaml")
# What is said at more length says more than one thing.
_MOST_WORDS = 14

_THAT = r"(?: (?:it|that|this|things|the (?:whole )?(?:\w+ )?(?:thing|colours?|light|lamp|movement)))*"
# What is too much of something asks for less of it, so these are looked for first.
_JUDGED = {
    "slower": r"(?:too|so|not so) (?:fast|quick|hectic|hurried)|racing",
    "faster": r"(?:too|so|not so) slow|crawling",
    "dimmer": r"(?:too|so|not so|a bit too) bright|less (?:light|bright)|blinding",
    "brighter": r"(?:too|so|not so) (?:dark|dim|faint)|not bright enough|more light",
    "cooler": r"(?:too|so|not so) (?:warm|hot|yellow|orange|cosy|cozy)|less orange|more blue",
    "warmer": r"(?:too|so|not so) (?:cold|cool|chilly|blue)|less blue|more orange",
    "livelier": r"(?:too|so|not so) (?:boring|sleepy|calm|tame)",
    "calmer": r"too much going on|(?:too|so|not so) (?:wild|intense|busy|nervous)|less intense",
}
_SAID = {
    "slower": rf"slow(?:er|ly)|slow{_THAT} down|half (?:the|that|its) speed|less speed",
    "faster": rf"faster|quicker|speed{_THAT} up|(?:double|twice) the speed|twice as fast|more speed|hurry{_THAT} up",
    "brighter": rf"brighter|brighten|(?:turn|crank|pump){_THAT} up(?: the (?:light|brightness))?",
    "dimmer": rf"dimmer|darker|dim{_THAT}|turn{_THAT} down",
    "warmer": rf"warmer|cosier|cozier|warm{_THAT} up|more (?:warmth|of that warm feeling)|some warmth",
    "cooler": rf"cooler|colder|icier|fresher|cool{_THAT} down",
    "add_sparkle": r"sparkl\w*|twinkl\w*|glitter\w*",
    "breathe": r"breath\w*|(?:fade|fading|fades) in and out|come and go|swell and fade",
    "still": r"(?:hold|stay|stand|keep|be) (?:it )?still|stop (?:moving|wobbling)|freeze|static|steady|"
    r"no (?:more )?(?:flicker\w*|movement|motion)|(?:without|lose) the (?:movement|motion)|hold that colour",
    "calmer": rf"calmer|calm{_THAT} down|tone{_THAT} down|gentler|mellow\w*|quieter|more (?:relaxed|peaceful|gentle)",
    "livelier": rf"livelier|wilder|liven\w*{_THAT}|(?:spice|punch){_THAT} up|more (?:energy|intense|life|drama|oomph)",
}
_OF_COLORS = r"in|but|instead|make|change|now|same|rather|colou?r|swap|not|turn|switch|with|and|keep"
_BRITISH = {"color": "colour", "colors": "colours"}


def edited(request: str, running: Program) -> Program | None:
    """`running` with the one change that `request` plainly asks for; None where that is not plain."""
    found = meant(request)
    return None if found is None else changed(running, *found)


def meant(request: str) -> tuple[str, str | None] | None:
    """The change, as `changes.changed` names it, and its colour for `recolor`; None where it is not plain."""
    words = [_BRITISH.get(word, word) for word in re.findall(r"[a-z']+", request.lower())]
    if len(words) > _MOST_WORDS or re.search(r"\d", request):
        return None
    text = " ".join(words)
    judged, rest = _matches(_JUDGED, text)
    said, rest = _matches(_SAID, rest)
    named = _named_colors().findall(rest)
    if len(named) == 1 and not (judged or said):
        return ("recolor", _colors()[named[0]]) if re.search(rf"\b(?:{_OF_COLORS})\b", rest) else None
    changes = judged | said
    return (changes.pop(), None) if len(changes) == 1 and not named else None


def _matches(patterns: dict[str, str], text: str) -> tuple[set[str], str]:
    """The changes whose words stand in a text, and the text without them."""
    found = set()
    for change, pattern in patterns.items():
        without = re.sub(rf"\b(?:{pattern})\b", " ", text)
        if without != text:
            found.add(change)
            text = without
    return found, text


@lru_cache(maxsize=1)
def _colors() -> dict[str, str]:
    """The colour words and the colour of each."""
    return dict(yaml.safe_load(COLORS.read_text(encoding="utf-8")))


@lru_cache(maxsize=1)
def _named_colors() -> re.Pattern[str]:
    """Finds colour words, the longest first: "sky blue" is no "blue"."""
    names = sorted(map(re.escape, _colors()), key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(names)})\b")
