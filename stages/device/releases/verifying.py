"""Is this folder the release that its manifest says, and does it answer here?

Comes in: a folder with a release. Goes out: nothing, or a UserError that says what is wrong.
`refuse_other_files` reads every byte; `refuse_other_model` loads the model into llama.cpp, so do the first one first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ...errors import UserError
from . import release, tokenizer_check
from .release import Manifest

if TYPE_CHECKING:
    from ..generate import Generator

# A request like any other; what is asked for does not matter, only that a program comes.
REQUEST = "warm and cosy"
MOST_TOKENS = 900  # of an answer
_AGAIN = "fetch it again"


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a release in a folder. Raises UserError."""
    try:
        return release.read_manifest((folder / release.MANIFEST).read_bytes(), str(folder))
    except FileNotFoundError:
        raise UserError(f"{folder}: no release (it has no {release.MANIFEST}); {_AGAIN}") from None


def refuse_other_files(folder: Path) -> Manifest:
    """Raises UserError unless the files are those of the manifest, byte for byte, and no others. Returns it."""
    manifest = read_manifest(folder)
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    del there[release.MANIFEST]
    if strange := sorted(there.keys() ^ manifest.files.keys()):
        what = "is missing" if strange[0] in manifest.files else f"is not listed in its {release.MANIFEST}"
        raise UserError(f"{folder}: {strange[0]} {what}; {_AGAIN}")
    for path, entry in manifest.files.items():
        if there[path].stat().st_size != entry.bytes or release.sha256(there[path]) != entry.sha256:
            raise UserError(f"{folder}: {path} is damaged (not the bytes that its {release.MANIFEST} says); {_AGAIN}")
    return manifest


def refuse_other_model(folder: Path, manifest: Manifest) -> None:
    """Raises UserError unless the model is of the manifest's lineage, reads texts alike and answers with a program."""
    gguf = folder / manifest.gguf
    try:
        _try(folder, gguf, manifest)
    except UserError:
        raise
    except Exception as error:  # whatever libraries make of a strange chat template, grammar or vocabulary
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{gguf}: cannot be used here ({reason}); take another release") from error


def _try(folder: Path, gguf: Path, manifest: Manifest) -> None:
    from ..generate import Generator

    grammar = (folder / release.GRAMMAR).read_text(encoding="utf-8")
    with Generator(gguf, grammar=grammar) as generator:
        _refuse_other_lineage(generator.metadata, folder, manifest)
        tokenizer_check.refuse_other_tokens(generator, (folder / release.TOKENIZER_CHECK).read_bytes(), str(gguf))
        prompt = generator.tokens(first_prompt(generator))
        room = len(prompt) + MOST_TOKENS
        if room <= generator.n_ctx:
            _refuse_invalid_answer(generator, prompt, gguf)
            return
    # A long system prompt. The smaller context is given back first: a device has little memory.
    with Generator(gguf, grammar=grammar, n_ctx=room) as generator:
        _refuse_invalid_answer(generator, prompt, gguf)


def first_prompt(generator: Generator) -> str:
    """A request as the model wants to be asked."""
    from ...lamp.asking import RequestFormat

    asking = RequestFormat(
        **{field.name: generator.metadata(f"lampforge.{field.name}") for field in fields(RequestFormat)}
    )
    return generator.prompt(asking.messages(REQUEST))


def _refuse_other_lineage(metadata: Callable[[str], str], folder: Path, manifest: Manifest) -> None:
    for key, wanted in manifest.lineage.items():
        if (found := metadata(f"lampforge.{key}")) != wanted:
            raise UserError(
                f"{folder / manifest.gguf}: made of another {key} ({found[:40]!r}) than its {release.MANIFEST} says"
                f" ({wanted[:40]!r}); make the release again"
            )
    if msgspec.json.decode((folder / release.LINEAGE).read_bytes()) != manifest.lineage:
        raise UserError(f"{folder / release.LINEAGE}: another lineage than its {release.MANIFEST}; make it again")


def _refuse_invalid_answer(generator: Generator, prompt: list[int], gguf: Path) -> None:
    from ...lamp.validation import InvalidProgram, parse

    try:
        parse(generator.generate(prompt, max_tokens=MOST_TOKENS).text)
    except InvalidProgram as error:
        reason = error.defects[0]
        raise UserError(f"{gguf}: answers {REQUEST!r} with no valid program ({reason}); take another release") from None
