"""From a release to a folder: what is whole arrives, what is not leaves a line that says why."""

from __future__ import annotations

import errno
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from stages.device.releases import release, unpacking
from stages.errors import UserError
from tests.device.releases import making

GGUF = "lamp-nano-Q4_K_M.gguf"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return making.made_up(tmp_path / "release")


@pytest.fixture
def tar(folder: Path, tmp_path: Path) -> Path:
    return making.packed(folder, tmp_path / "release.tar")


def unpack_tar(data: bytes, tmp_path: Path) -> Path:
    out = tmp_path / "out"
    out.mkdir()
    unpacking.unpack(unpacking.tar_members(io.BytesIO(data).read, "x.tar"), out, "x.tar")
    return out


def refused(data: bytes, tmp_path: Path) -> str:
    with pytest.raises(UserError) as caught:
        unpack_tar(data, tmp_path)
    return str(caught.value)


def tar_of(*members: tuple[str | tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for member, data in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a release, the manifest first."""
    paths = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda p: (p.name != "manifest.json", p))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_what_python_reads_from_the_tar_is_what_arrives(tar: Path, tmp_path: Path) -> None:
    out = unpack_tar(tar.read_bytes(), tmp_path)
    with tarfile.open(tar) as opened:
        wanted = {member.name: opened.extractfile(member).read() for member in opened}  # type: ignore[union-attr]
    assert contents(out) == wanted


def test_a_stream_may_give_one_byte_at_a_time(tar: Path, tmp_path: Path) -> None:
    data = tar.read_bytes()
    file = io.BytesIO(data)
    sizes = iter(range(10**9))
    out = tmp_path / "out"
    out.mkdir()
    members = unpacking.tar_members(lambda size: file.read(min(size, 1 + next(sizes) % 5000)), "x.tar")
    unpacking.unpack(members, out, "x.tar")
    assert contents(out)[GGUF] in data


@pytest.mark.parametrize("part", [0.0, 0.0001, 0.01, 0.5, 0.97])
def test_a_cut_tar_is_refused_wherever_it_is_cut(tar: Path, tmp_path: Path, part: float) -> None:
    data = tar.read_bytes()
    assert "cut off" in refused(data[: int(part * len(data))], tmp_path)


def test_a_flipped_bit_in_a_file_is_found(tar: Path, folder: Path, tmp_path: Path) -> None:
    data = bytearray(tar.read_bytes())
    data[data.index(b"root ::=") + 100] ^= 1
    assert f"{release.GRAMMAR} is damaged" in refused(bytes(data), tmp_path)


def test_a_flipped_bit_in_a_name_is_found(tar: Path, tmp_path: Path) -> None:
    data = bytearray(tar.read_bytes())
    data[data.index(b"grammar.gbnf\0")] ^= 1
    assert "damaged one (bad checksum)" in refused(bytes(data), tmp_path)


def test_something_behind_the_end_is_found(tar: Path, tmp_path: Path) -> None:
    assert "something follows" in refused(tar.read_bytes() + b"x", tmp_path)


def test_a_missing_file_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / release.CARD).unlink()
    assert "x.tar: README.md is missing" in refused(making.packed(folder, tmp_path / "t").read_bytes(), tmp_path)


def test_a_file_too_many_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / "more").touch()
    line = refused(making.packed(folder, tmp_path / "t").read_bytes(), tmp_path)
    assert "'more' is not listed in its manifest.json" in line


def test_a_file_that_is_there_twice_is_named(folder: Path, tmp_path: Path) -> None:
    members = [*contents(folder).items(), ("README.md", (folder / "README.md").read_bytes())]
    assert "'README.md' is there twice" in refused(tar_of(*members), tmp_path)


def test_a_second_manifest_is_refused(folder: Path, tmp_path: Path) -> None:
    members = list(contents(folder).items())
    assert "'manifest.json' is not listed" in refused(tar_of(*members, members[0]), tmp_path)


def test_a_tar_that_does_not_begin_with_its_manifest_is_refused(folder: Path, tmp_path: Path) -> None:
    first, *others = contents(folder).items()
    assert "it does not begin with a manifest.json" in refused(tar_of(*others, first), tmp_path)


def test_a_manifest_of_many_megabytes_is_not_read(tmp_path: Path) -> None:
    assert "no release" in refused(tar_of(("manifest.json", b" " * (release.MANIFEST_LIMIT + 1))), tmp_path)


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "safety/../../evil"])
def test_a_member_that_would_escape_is_not_written(folder: Path, tmp_path: Path, name: str) -> None:
    members = [*contents(folder).items(), (name, b"evil")]
    assert "is not listed" in refused(tar_of(*members), tmp_path)
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.GNUTYPE_SPARSE],
)
def test_links_folders_and_devices_are_refused(folder: Path, tmp_path: Path, kind: bytes) -> None:
    link = tarfile.TarInfo("README.md")
    link.type, link.linkname = kind, "/etc/passwd"
    first, *_ = contents(folder).items()
    assert "'README.md' is no plain file" in refused(tar_of(first, (link, b"")), tmp_path)


def test_a_long_name_of_gigabytes_takes_no_memory(folder: Path, tmp_path: Path) -> None:
    long = tarfile.TarInfo("././@LongLink")
    long.type, long.size = tarfile.GNUTYPE_LONGNAME, 1 << 40
    first, *_ = contents(folder).items()
    data = tar_of(first)[:-10240] + long.tobuf(tarfile.GNU_FORMAT)
    assert "is no plain file" in refused(data, tmp_path)


def test_a_release_folder_with_a_link_in_it_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to("/etc/passwd")
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match=r"README.md: no plain file"):
        unpacking.unpack(unpacking.folder_members(folder), tmp_path / "out", "x")


def test_a_file_that_shrinks_while_it_is_read_is_refused(folder: Path, tmp_path: Path) -> None:
    members = (
        member._replace(read=io.BytesIO(b"short").read) if member.path == GGUF else member
        for member in unpacking.folder_members(folder)
    )
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match=f"{GGUF} is cut off"):
        unpacking.unpack(members, tmp_path / "out", "x")


def test_a_release_that_does_not_fit_is_not_begun(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = sum(entry["bytes"] for entry in json.loads((folder / release.MANIFEST).read_bytes())["files"].values())
    free: dict[str, Any] = {"free": size + unpacking.RESERVE - 1}
    monkeypatch.setattr(unpacking.shutil, "disk_usage", lambda _: type("Usage", (), free))
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match="the disk is full"):
        unpacking.unpack(unpacking.folder_members(folder), tmp_path / "out", "x")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [release.MANIFEST]
    free["free"] += 1
    (tmp_path / "again").mkdir()
    unpacking.unpack(unpacking.folder_members(folder), tmp_path / "again", "x")


def test_every_file_is_brought_to_the_disk(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = set()
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        synced.add(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    out = tmp_path / "out"
    out.mkdir()
    unpacking.unpack(unpacking.folder_members(folder), out, "x")
    assert synced == {out, *out.rglob("*")}


def test_a_disk_that_is_full_while_writing_is_no_success(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    (tmp_path / "out").mkdir()
    with pytest.raises(OSError, match="No space left"):
        unpacking.unpack(unpacking.folder_members(folder), tmp_path / "out", "x")
