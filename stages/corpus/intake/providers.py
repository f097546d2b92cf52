"""Where a source's files come from: the bundled samples, the user's own files, or the hub.

A provider gives the files one after the other, in the published order, so that no more is fetched than the cap
asks for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from ...errors import UserError
from ..rows.source import Source
from . import reading
from .entry import ENTRY

Provider = Literal["bundled", "local", "hub"]

_KEY = re.compile(r"[a-z0-9_]+")


class UnavailableError(Exception):
    """A source that cannot be had now, with the reason: gated, no longer there, not reached."""


def files_of(provider: Provider, entry: Path, raw: Path, source: Source) -> Iterator[Path]:
    """The files of a source, fetched as they are asked for.

    entry: the folder with its source.yaml; its name is the source's key.
    raw: the folder with its files, for provider local.
    Raises UserError for a key or a file that is not where it should be, UnavailableError where the source has
    nothing to give.
    """
    if not _KEY.fullmatch(entry.name):
        raise UserError(f"{entry}: {entry.name!r} is no key of a source; use lower-case letters, digits and _")
    if provider == "hub":
        from .hub import hub_files
        from .pinning import beside

        yield from hub_files(entry.name, source, beside(entry.parent))
    elif provider == "local":
        yield from _local(raw, entry.name)
    else:
        sample = entry / source.sample
        _check_inside(sample, entry)
        if not sample.exists():
            raise UserError(f"{sample}: no such file, though {entry / ENTRY} names it as the sample; add it")
        yield sample


def _local(folder: Path, key: str) -> Iterator[Path]:
    if not folder.is_dir():
        raise UnavailableError(f"no folder {folder}; put the files of {key} there as they are published")
    read = sorted(
        path for path in folder.rglob("*") if path.is_file() and _is_read(path) and not _is_hidden(path, folder)
    )
    if not read:
        raise UnavailableError(f"{folder} has no file of a format that is read ({', '.join(reading.SUFFIXES)})")
    for path in read:
        _check_inside(path, folder)
        yield path


def _is_read(path: Path) -> bool:
    kind = path.with_suffix("") if path.suffix.lower() in reading.PACKED else path
    return kind.suffix.lower() in reading.SUFFIXES


def _is_hidden(path: Path, folder: Path) -> bool:
    """Such as what `hf download` and notebooks keep for themselves."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _check_inside(path: Path, folder: Path) -> None:
    """Links may lead anywhere within the folder, not out of it."""
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{path}: leads out of {folder} (to {path.resolve()}); copy the file in")
