"""Text of data sets on a terminal: whatever it holds, it moves no cursor and colours nothing."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_WIDE = 160


def console() -> Console:
    """A console as wide as the terminal, and wide enough for a table where the output goes to a file or a pipe."""
    from rich.console import Console

    seen = Console(highlight=False)
    return seen if seen.is_terminal else Console(highlight=False, width=_WIDE)


def plain(text: str) -> str:
    """Text on one line in which what is not printed is shown as Python escapes it: `\\x1b`."""
    if text.isprintable():
        return text
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    # Format characters reverse the order of what follows; surrogates cannot be printed at all.
    if char.isprintable() and unicodedata.category(char) != "Cf":
        return char
    return " " if char == "\u3000" else char.encode("unicode_escape").decode()
