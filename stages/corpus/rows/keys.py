"""When two rows are the same: the key that exact deduplication compares.

Computed here alone, on bytes, so that no engine's or version's idea of lower case or white space enters: capital
letters and white space of ASCII do not count, all else does. Fields are joined by separators that no text holds
after this, so what moves from one field to the next makes another key.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha1
from string import ascii_lowercase, ascii_uppercase

import numpy as np

VERSION = 1
"""Raised whenever a row gets another key than before; stands in the manifest."""
BYTES = 20

# In one pass: capital letters of ASCII in lower case, its white space and the separators, which are controls that text
# has no use for, as spaces.
_AS_COMPARED = bytes.maketrans(ascii_uppercase.encode() + b"\t\n\v\f\r\x1e\x1f", ascii_lowercase.encode() + b"       ")
_FIELD, _TURN = b"\x1f", b"\x1e"
# The separators before that translation, and behind each row: bytes that no UTF-8 has.
_RAW_FIELD, _RAW_TURN, _RAW_ROW = b"\xff", b"\xfe", b"\xfd"
_ALL_AS_COMPARED = _AS_COMPARED[:0xFD] + b"\x1d" + _TURN + _FIELD
_AT_A_TIME = 512  # rows whose bytes stay in the processor's cache

Fields = tuple[bytes, bytes, bytes, Sequence[bytes], bytes]
"""Of a row, in UTF-8: instruction, input, output, the turns before (user, assistant, user ...) and system."""


def normalised(text: bytes) -> bytes:
    """Text as it is compared: ASCII letters in lower case, runs of white space as one space, none around it."""
    if not text:
        return text
    text = text.translate(_AS_COMPARED)
    # The test is three times cheaper than splitting, and most texts pass it.
    return b" ".join(text.split()) if b"  " in text else text.strip(b" ")


def key(instruction: bytes, input: bytes, output: bytes, turns: Sequence[bytes], system: bytes) -> bytes:
    """SHA-1 over the normalised fields. turns: before the row's own, user, assistant, user, assistant ..."""
    history = b"".join([normalised(turn) + _TURN for turn in turns])
    parts = (normalised(instruction), normalised(input), normalised(output), history, normalised(system))
    return sha1(_FIELD.join(parts), usedforsecurity=False).digest()


def keys(rows: Sequence[Fields]) -> list[bytes]:
    """What `key` gives for each of the rows, in half the time: all are translated at once, and few need more than that.

    Nine tenths of a key by itself go into finding out that a text has no white space to collapse.
    """
    return [key for start in range(0, len(rows), _AT_A_TIME) for key in _keys(rows[start : start + _AT_A_TIME])]


def _keys(rows: Sequence[Fields]) -> list[bytes]:
    joined = [
        _RAW_FIELD.join((instruction, input, output, b"".join([turn + _RAW_TURN for turn in turns]), system))
        for instruction, input, output, turns, system in rows
    ]
    # A row's separator before the first one, too: a space behind any separator is white space at an end.
    whole = b"".join((_RAW_ROW, _RAW_ROW.join(joined), _RAW_ROW))
    ends = np.cumsum([len(row) + 1 for row in joined])
    codes = np.frombuffer(whole, np.uint8)
    translated = whole.translate(_ALL_AS_COMPARED)
    space, separator = np.frombuffer(translated, np.uint8) == ord(" "), codes >= _RAW_ROW[0]
    edge = space | separator
    spaced = (space[1:] & edge[:-1]) | (separator[1:] & space[:-1])
    others = set(np.searchsorted(ends, np.flatnonzero(spaced), side="right").tolist())
    view, starts = memoryview(translated), (ends - [len(row) for row in joined]).tolist()
    return [
        key(*rows[place]) if place in others else sha1(view[start:end], usedforsecurity=False).digest()
        for place, (start, end) in enumerate(zip(starts, ends.tolist(), strict=True))
    ]
