"""The evaluated beginning of all prompts, kept on disk: a long system prompt is read once, not at every start.

Comes in: a loaded model and the tokens that every prompt begins with. Goes out: the model, with them in its memory.
Always holds: what is read back is what was written for this very file, llama.cpp, and number of threads, or it is not
used; where nothing can be written, the tokens are evaluated again and nobody notices but for the time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path

from .. import files
from .generate import BLOCK, Generator

# Files of models that are gone, or that have changed: so many of the latest stay.
_KEPT_FILES = 4
_DIGEST_BYTES = 32


def warm(generator: Generator, prefix: Sequence[int], folder: Path | None) -> bool:
    """Bring the whole blocks of `prefix` into the model's memory. Returns whether they came from disk.

    folder: where they are kept; None: nowhere.
    """
    tokens = list(prefix[: len(prefix) - len(prefix) % BLOCK])
    if not tokens:
        return False
    if folder is None:
        generator.keep(tokens)
        return False
    path = folder / f"{_key(generator, tokens)}.state"
    if (state := _read(path)) is not None and generator.restore(tokens, state):
        return True
    generator.keep(tokens)
    # A full disk or a folder of somebody else's costs time, no answer.
    with contextlib.suppress(OSError):
        _write(path, generator.state())
    return False


def common_beginning(first: Sequence[int], second: Sequence[int]) -> list[int]:
    """The tokens that two prompts both begin with."""
    return [one for one, _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False))]


def _key(generator: Generator, tokens: list[int]) -> str:
    """Names one state: the file by its path, size and time (hashing gigabytes takes longer than the prompt)."""
    file = generator.path.resolve()
    about = file.stat()
    parts = [str(file), about.st_size, about.st_mtime_ns, version("llama-cpp-python"), generator.n_threads, tokens]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _read(path: Path) -> bytes | None:
    """The state in a file, or None where there is none that is whole."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    state = content[_DIGEST_BYTES:]
    return state if hashlib.sha256(state).digest() == content[:_DIGEST_BYTES] else None


def _write(path: Path, state: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.published_file(path) as temporary:
        temporary.write_bytes(hashlib.sha256(state).digest() + state)
    latest_first = sorted(path.parent.glob("*.state"), key=lambda file: -file.stat().st_mtime_ns)
    for old in latest_first[_KEPT_FILES:]:
        old.unlink(missing_ok=True)
