"""From a release in a folder or a tar to the same files in an empty folder, each checked while it is written.

Comes in: members one behind the other, the manifest first. Goes out: a folder whose files have the sizes and sums of
the manifest, nothing missing and nothing extra, on the disk (fsync).
Always holds: nothing is written outside the folder, no more than the manifest says, and nothing before it was read.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ...errors import DISK_FULL, UserError
from .release import MANIFEST, MANIFEST_LIMIT, Entry, Manifest, read_manifest

Read = Callable[[int], bytes]
"""Up to so many of the next bytes; b"" at the end."""

# Left free on the disk: a full one harms what else runs on the device.
RESERVE = 16 << 20
_TAR_BLOCK = tarfile.BLOCKSIZE
_BLOCK = 1 << 20
_AGAIN = "download or copy it again"


class Member(NamedTuple):
    """A file of a release. read: its bytes, to be read before the next member is asked for."""

    path: str
    size: int
    read: Read


def folder_members(folder: Path) -> Iterator[Member]:
    """The files in and below a folder. Raises UserError for links and whatever else is no file."""
    if not (folder / MANIFEST).is_file():
        raise UserError(f"{folder}: no release (it has no {MANIFEST}); give what `lampforge bundle` made")
    found = [path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir()]
    found.sort(key=lambda path: path != folder / MANIFEST)
    for path in found:
        if path.is_symlink() or not path.is_file():
            raise UserError(f"{path}: no plain file, and a release has no others; {_AGAIN}")
        with path.open("rb") as file:
            yield Member(path.relative_to(folder).as_posix(), path.stat().st_size, file.read)


def tar_members(read: Read, where: str) -> Iterator[Member]:
    """The files of a tar as it streams by. Raises UserError for a cut or damaged one.

    Not with tarfile's own reader: it takes a long name of any length into memory, and follows links.
    """
    while (header := _exactly(read, _TAR_BLOCK, where)) != bytes(_TAR_BLOCK):
        try:
            info = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
        except (tarfile.TarError, ValueError) as error:
            raise UserError(f"{where}: no tar of a release, or a damaged one ({error}); {_AGAIN}") from None
        if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or info.size < 0:
            raise UserError(f"{where}: {info.name!r} is no plain file, and a release has no others; {_AGAIN}")
        content = _Content(read, info.size)
        yield Member(info.name, info.size, content.read)
        _exactly(read, content.left + -info.size % _TAR_BLOCK, where)
    while block := read(_BLOCK):
        if block.strip(b"\0"):
            raise UserError(f"{where}: something follows behind the end of the tar; {_AGAIN}")


class _Content:
    """The next `size` bytes of a stream."""

    def __init__(self, read: Read, size: int) -> None:
        self._read, self.left = read, size

    def read(self, size: int) -> bytes:
        block = self._read(min(size, self.left)) if self.left else b""
        self.left -= len(block)
        return block


def _exactly(read: Read, size: int, where: str) -> bytes:
    blocks = []
    while size:
        block = read(size)
        if not block:
            raise UserError(f"{where}: cut off, the end of the tar is missing; {_AGAIN}")
        blocks.append(block)
        size -= len(block)
    return b"".join(blocks)


def unpack(members: Iterator[Member], out: Path, where: str) -> Manifest:
    """Write the members to `out`, an empty folder. where: the source, for messages.

    Raises UserError for whatever does not match the manifest, and for a disk with too little room.
    """
    manifest = _manifest(next(members, None), out, where)
    _refuse_full_disk(manifest, out)
    done = set()
    for member in members:
        entry = manifest.files.get(member.path)
        if entry is None or member.path in done:
            what = "is there twice" if entry else f"is not listed in its {MANIFEST}"
            raise UserError(f"{where}: {member.path!r} {what}; {_AGAIN}")
        _write(member, out / member.path, entry, where)
        done.add(member.path)
    if missing := [path for path in manifest.files if path not in done]:
        raise UserError(f"{where}: {', '.join(missing)} is missing; {_AGAIN}")
    for folder in (*{(out / path).parent for path in done} - {out}, out):
        sync_folder(folder)
    return manifest


def _manifest(member: Member | None, out: Path, where: str) -> Manifest:
    if member is None or member.path != MANIFEST or member.size > MANIFEST_LIMIT:
        raise UserError(f"{where}: no release (it does not begin with a {MANIFEST}); give what `lampforge bundle` made")
    data = _exactly(member.read, member.size, where)
    manifest = read_manifest(data, where)
    with (out / MANIFEST).open("xb") as file:
        file.write(data)
        _sync(file.fileno())
    return manifest


def _refuse_full_disk(manifest: Manifest, out: Path) -> None:
    needed, free = manifest.size + RESERVE, shutil.disk_usage(out).free
    if needed > free:
        raise UserError(f"{out}: {needed / 1e6:,.0f} MB are needed and {free / 1e6:,.0f} MB are free: {DISK_FULL}")


def _write(member: Member, out: Path, entry: Entry, where: str) -> None:
    if member.size != entry.bytes:
        raise UserError(
            f"{where}: {member.path} has {member.size:,} bytes and not the {entry.bytes:,} of its {MANIFEST}; {_AGAIN}"
        )
    out.parent.mkdir(exist_ok=True)
    digest, written = hashlib.sha256(), 0
    with out.open("xb") as file:
        while block := member.read(_BLOCK):
            written += len(block)
            if written > member.size:
                break
            file.write(block)
            digest.update(block)
        file.flush()
        _sync(file.fileno())
    if written != member.size:
        raise UserError(f"{where}: {member.path} is cut off; {_AGAIN}")
    if digest.hexdigest() != entry.sha256:
        raise UserError(f"{where}: {member.path} is damaged (its sha256 is not that of its {MANIFEST}); {_AGAIN}")


def _sync(descriptor: int) -> None:
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Bring a folder's list of names to the disk: a lamp is switched off by pulling the plug."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
