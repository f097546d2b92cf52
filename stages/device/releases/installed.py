"""The models that are installed on this device, and which one is in use.

    HOME/current -> versions/NAME-VERSION-SHA      HOME/previous -> the one that was in use before
    HOME/versions/...   whole releases             HOME/incoming   what is being fetched; HOME/lock

HOME is ~/.local/share/lampforge/device, or $LAMPFORGE_HOME.
Always holds: `current` changes in one step, to a whole and verified release; a folder in `versions` is never written
to. So whoever reads needs no lock, and what is killed at any moment leaves the old model or the new one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ...errors import UserError
from . import release, verifying
from .release import Manifest
from .unpacking import sync_folder

HOME_VARIABLE = "LAMPFORGE_HOME"
CURRENT, PREVIOUS = "current", "previous"
_VERSIONS, _INCOMING, _LOCK = "versions", "incoming", "lock"
_RELEASE = "release"  # the folder in _INCOMING that a release is written to
_IDENTITY_LETTERS = 12


@dataclass(frozen=True)
class Installed:
    """A release on this device. follow_up, safety: files of the small classifiers, None where it has none.

    folder: under `versions`, so it stays the same release when another one comes into use.
    """

    folder: Path
    manifest: Manifest
    gguf: Path
    grammar: Path
    follow_up: Path | None
    safety: Path | None


def home_folder(home: Path | None = None) -> Path:
    """Where models are installed: `home`, else $LAMPFORGE_HOME, else the place of the user's data. Absolute."""
    named = home or os.environ.get(HOME_VARIABLE)
    return Path(named).absolute() if named else Path.home() / ".local" / "share" / "lampforge" / "device"


def current(home: Path | None = None) -> Installed | None:
    """The release in use, None where none was ever fetched. Its bytes are not read: see `verified`.

    Raises UserError when its folder is gone or its manifest damaged.
    """
    return _linked(home_folder(home), CURRENT)


def previous(home: Path | None = None) -> Installed | None:
    """The release that was in use before, None where there is none. Raises as `current` does."""
    return _linked(home_folder(home), PREVIOUS)


def verified(installed: Installed) -> Installed:
    """The same, with every byte read and found to be right. Raises UserError otherwise."""
    verifying.refuse_other_files(installed.folder)
    return installed


def all_installed(home: Path | None = None) -> list[Path]:
    """The folders of all releases, the one that was last put to use first."""
    folders = [path for path in (home_folder(home) / _VERSIONS).glob("*") if path.is_dir()]
    return sorted(folders, key=lambda folder: folder.stat().st_mtime, reverse=True)


def read(folder: Path) -> Installed:
    """The release in a folder. Raises UserError when its manifest is missing or damaged."""
    manifest = verifying.read_manifest(folder)
    found = {kind: folder / path for kind, path in manifest.classifiers.items()}
    return Installed(
        folder,
        manifest,
        gguf=folder / manifest.gguf,
        grammar=folder / release.GRAMMAR,
        follow_up=found.get("follow_up"),
        safety=found.get("safety"),
    )


def _linked(home: Path, name: str) -> Installed | None:
    folder = linked_folder(home, name)
    return None if folder is None else read(folder)


def linked_folder(home: Path, name: str) -> Path | None:
    """Where `current` or `previous` leads, None where there is no such link."""
    try:
        # Looked up once: the link may lead elsewhere a moment later.
        return home / (home / name).readlink()
    except FileNotFoundError:
        return None


@contextmanager
def turn(home: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[Path]:
    """Have the store for oneself. Yields an empty folder for what comes in; it is gone afterwards.

    on_wait: called when another process has the store now.
    """
    (home / _VERSIONS).mkdir(parents=True, exist_ok=True)
    with (home / _LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(lock, fcntl.LOCK_EX)
        incoming = home / _INCOMING
        shutil.rmtree(incoming, ignore_errors=True)  # of one that was killed
        try:
            (incoming / _RELEASE).mkdir(parents=True)
            yield incoming / _RELEASE
        finally:
            shutil.rmtree(incoming, ignore_errors=True)


def put_to_use(home: Path, incoming: Path) -> Installed:
    """Make the verified release in `incoming` the one in use. Only in one's turn, which gave `incoming`."""
    data = (incoming / release.MANIFEST).read_bytes()
    manifest = release.read_manifest(data, str(incoming))
    name = f"{manifest.name}-{manifest.version}-{release.identity(data)[:_IDENTITY_LETTERS]}"
    folder = home / _VERSIONS / name
    if folder.exists() and not _is_whole(folder):
        _discard(home, folder)
    if not folder.exists():
        incoming.rename(folder)
    os.utime(folder)
    sync_folder(folder.parent)
    before = linked_folder(home, CURRENT)
    if before is not None and before != folder:
        # This link first: killed in between, the same command again ends as it should.
        _link(home, PREVIOUS, before)
    _link(home, CURRENT, folder)
    return read(folder)


def go_back(home: Path) -> Installed:
    """Make the previous release the one in use, and the other way round. Only in one's turn, when it is verified."""
    now, before = linked_folder(home, CURRENT), linked_folder(home, PREVIOUS)
    if before is None or before == now:
        raise UserError(f"{home}: no release was in use before this one; fetch the one that you want")
    os.utime(before)
    _link(home, CURRENT, before)
    if now is not None:
        _link(home, PREVIOUS, now)
    return read(before)


def prune(home: Path, keep: int) -> list[str]:
    """Delete all but the `keep` releases last put to use, never current or previous. Returns the names of those.

    Only in one's turn.
    """
    needed = {linked_folder(home, CURRENT), linked_folder(home, PREVIOUS)}
    # Current and previous come first whatever the clock said: many devices have none when they start.
    folders = sorted(all_installed(home), key=lambda folder: folder not in needed)
    old = [folder for folder in folders[keep:] if folder not in needed]
    for folder in old:
        _discard(home, folder)
    return [folder.name for folder in old]


def _is_whole(folder: Path) -> bool:
    try:
        verifying.refuse_other_files(folder)
    except UserError:
        return False
    return True


def _discard(home: Path, folder: Path) -> None:
    """Out of `versions` in one step: deleting takes a while, and a half-deleted release must not stand there."""
    folder.rename(home / _INCOMING / folder.name)
    shutil.rmtree(home / _INCOMING / folder.name, ignore_errors=True)


def _link(home: Path, name: str, folder: Path) -> None:
    temporary = home / f".{name}.tmp"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(folder.relative_to(home))
    temporary.replace(home / name)
    sync_folder(home)
