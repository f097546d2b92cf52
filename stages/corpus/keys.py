"""When two rows are the same: the key that exact deduplication compares.

Computed here alone, on bytes, so that no engine's or version's idea of lower case or white space enters: capital
letters and white space of ASCII do not count, all else does. Fields are joined by separators that no text holds
after this, so what moves from one field to the next makes another key.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha1
from string import ascii_lowercase, ascii_uppercase

VERSION = 1
"""Raised whenever a row gets another key than before; stands in the manifest."""
BYTES = 20

# In one pass: capital letters of ASCII in lower case, its white space and the separators, which are controls that text
# has no use for, as spaces.
_AS_COMPARED = bytes.maketrans(ascii_uppercase.encode() + b"\t\n\v\f\r\x1e\x1f", ascii_lowercase.encode() + b"       ")
_FIELD, _TURN = b"\x1f", b"\x1e"


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
