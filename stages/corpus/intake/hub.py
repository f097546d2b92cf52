"""The files of a source that is on the Hugging Face hub, at its pinned revision.

Which files make up a config and its split, and in which order, says the library `datasets`: the rows are those that
`load_dataset` gives. The files are fetched when they are asked for, into the hub's own cache (HF_HOME): a connection
that is cut goes on where it was, a file that is there is not fetched again. The token is that of HF_TOKEN or of
`hf auth login`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ...errors import UserError
from ..rows.source import Source
from . import pinning, reading
from .hub_calls import HubError, called, check_online
from .providers import UnavailableError


class Pinned(NamedTuple):
    """A data set on the hub at one commit."""

    key: str
    hub: str
    revision: str


def hub_files(key: str, source: Source, revisions: Path = pinning.FILE) -> Iterator[Path]:
    """The files of a source's config and split in the published order, each fetched when it is asked for.

    revisions: the file with the pinned revisions.
    Raises UnavailableError where the hub does not give the source: gated, no longer there, no such config or split, not
    reached. Raises UserError where nothing may be fetched (offline mode, no pinned revision, a path that leads out of
    the data set), and where the hub fails behind the first file, as a run that is repeated then goes on.
    """
    if source.hub is None:
        raise UnavailableError("it is not on the hub; its files are your own (corpus_sources.provider=local)")
    check_online()
    pinned = Pinned(key, source.hub, pinning.revision_of(key, revisions))
    try:
        _check(pinned)
        names = _names(pinned, source.config, source.split)
    except HubError as error:
        raise UnavailableError(str(error)) from None
    for number, name in enumerate(names):
        try:
            yield _fetched(pinned, name)
        except HubError as error:
            if number == 0:
                raise UnavailableError(str(error)) from None
            raise UserError(
                f"{key}: {error}, behind {number} of {len(names)} files; run the same command again, it goes on there"
            ) from None


def _fetched(pinned: Pinned, name: str) -> Path:
    from huggingface_hub import hf_hub_download

    fetch = partial(hf_hub_download, pinned.hub, name, repo_type="dataset", revision=pinned.revision)
    return Path(called(fetch, pinned.hub))


def _check(pinned: Pinned) -> None:
    """Raise HubError if this account may not read the data set, UserError for one that must not be read."""
    from huggingface_hub import HfApi

    api = HfApi()
    info = called(partial(api.dataset_info, pinned.hub, revision=pinned.revision), pinned.hub)
    if info.gated:
        # What is in a gated data set is public, unlike its files.
        called(partial(api.auth_check, pinned.hub, repo_type="dataset"), pinned.hub)
    names = [file.rfilename for file in info.siblings or ()]
    if pinning.script_of(pinned.hub) in names:
        raise UserError(
            f"{pinned.key}: revision {pinned.revision[:12]} of {pinned.hub} has a loading script, which is not run;"
            f" lampforge corpus pin {pinned.key} takes the hub's Parquet conversion"
        )
    for name in names:
        _check_inside(pinned, name)


def _check_inside(pinned: Pinned, name: str) -> None:
    if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/"):
        raise UserError(f"{pinned.key}: {pinned.hub} names a file {name!r}, which leads out of it; nothing is fetched")


def _names(pinned: Pinned, config: str | None, split: str) -> list[str]:
    """The paths within the data set of the files of a split, in the published order."""
    splits = _splits(pinned, config)
    if split not in splits:
        raise UnavailableError(f"{_named(pinned, config)} has no split {split!r}; it has {', '.join(splits)}")
    root = f"hf://datasets/{pinned.hub}@{pinned.revision}/"
    for file in splits[split]:
        if not file.startswith(root):
            # A data set's card may name anything, a file of this machine too.
            raise UserError(f"{pinned.key}: the card of {pinned.hub} takes {file!r} from elsewhere; nothing is fetched")
    names = [file.removeprefix(root) for file in splits[split]]
    for name in names:
        _check_inside(pinned, name)
        if not _is_read(name):
            raise UnavailableError(f"{name} of {pinned.hub} has a format that is not read ({_FORMATS})")
    return names


_FORMATS = ", ".join(reading.SUFFIXES)


def _is_read(name: str) -> bool:
    plain = name.lower()
    for packing in reading.PACKED:
        plain = plain.removesuffix(packing)
    return plain.endswith(reading.SUFFIXES)


def _splits(pinned: Pinned, config: str | None) -> Mapping[str, Sequence[str]]:
    """The addresses of the files of each split of a config; a config that the card does not name is a folder."""
    import yaml
    from datasets import load_dataset_builder

    reason = ""
    for place in [{"name": config}] + ([{"data_dir": config}] if config else []):
        # Not the user's cache: after any failure the library would take from there what it has of the data set.
        with tempfile.TemporaryDirectory() as cache:
            load = partial(load_dataset_builder, pinned.hub, revision=pinned.revision, cache_dir=cache, **place)
            try:
                files = called(load, pinned.hub).config.data_files
            except (ValueError, TypeError, LookupError, FileNotFoundError, yaml.YAMLError) as error:
                reason = reason or " ".join(str(error).split())
                continue
        return {str(split): list(found) for split, found in files.items()}
    what = f"no config or folder {config!r}" if config else "no files that can be told apart"
    raise UnavailableError(f"{pinned.hub} at {pinned.revision[:12]} has {what}: {reason}")


def _named(pinned: Pinned, config: str | None) -> str:
    return f"{pinned.hub} ({config})" if config else pinned.hub
