"""Atoms: the fragments of a compact program that carry one decision each.

A tokenizer that has them as single pieces lets a small model say "a rectangle at 3,4, 4 wide and 1 high" and
"#FFD700" in one token each, the same token wherever the same is meant. Atoms do not overlap in any text: one may
only be the beginning or the end of a longer one, which is then taken whole. So splitting leftmost-longest and
splitting the longest atoms first (as llama.cpp does) give the same pieces.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

_NUMBER = r"-?\d+(?:\.\d+)?"

_ATOM = re.compile(
    "|".join(
        (
            r'\{"program":\{"name":"',
            r'","steps":\[\{"id":"s1","command":\{"type":"',
            r',\{"id":"s\d+","command":\{"type":"',
            r'render","elements":\[\{"type":"fill","color":"',
            r'pattern","name":"rainbow","params":\{"speed":\d+',
            r'pattern","name":"\w+","params":\{"color":"',
            r"#[0-9A-F]{6}",
            r'"\},\{"type":"(?:rect|pixel)","x":\d+,"y":\d+(?:(?:,"w":\d+,"h":\d+)?,"color":")?',
            r'"\},\{"type":"line","x1":\d+,"y1":\d+',
            r'"\},\{"type":"text","content":"',
            r',"w":\d+,"h":\d+,"color":"',
            r',"x2":\d+,"y2":\d+,"color":"',
            r'","x":-?\d+,"y":-?\d+,"color":"',
            r'","(?:color2|bgColor)":"',
            rf'","speed":{_NUMBER}(?:,"density":{_NUMBER})?',
            r'"\}\]\}',
            r'"?\}\}',
            r',"duration":(?:\d+|null)\}',
            r'\],"loop":\{"count":\d+,"start_step":"s\d+","end_step":"s\d+"',
            r',"on_complete":\{"command":\{"type":"',
            r'\],"on_complete":\{"command":\{"type":"',
            r"\]\}\}",
        )
    )
)


# What a rectangle is said with that is too rare for a piece of its own: its place, then its size.
_RECT = re.compile(r'("\},\{"type":"rect","x":\d+,"y":\d+)(,"w":\d+,"h":\d+,"color":")')


def split(program: str) -> list[str]:
    """The atoms of a compact program, in order; what lies between them (names, text) is left out."""
    return _ATOM.findall(program)


def frequent(programs: Iterable[str], min_count: int) -> list[str]:
    """Atoms that occur at least `min_count` times, the most frequent first (ties in code point order).

    Rectangles that do not count as their place and their size, which may occur often enough.
    """
    counts = Counter(atom for program in programs for atom in split(program))
    for atom in [atom for atom, count in counts.items() if count < min_count]:
        if rect := _RECT.fullmatch(atom):
            for part in rect.groups():
                counts[part] += counts[atom]
    chosen = [(count, atom) for atom, count in counts.items() if count >= min_count]
    return [atom for count, atom in sorted(chosen, key=lambda pair: (-pair[0], pair[1]))]


def between(program: str) -> list[str]:
    """What of a compact program is no atom: names, texts, odd numbers."""
    return [rest for rest in _ATOM.split(program) if rest]
