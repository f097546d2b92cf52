"""What is installed on a device: one turn after the other, and links that always lead to something whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stages.device.releases import installed, release, unpacking
from stages.errors import UserError
from tests.device.releases import making

ROOT = Path(__file__).parents[3]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return making.made_up(tmp_path / "old")


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return making.made_up(tmp_path / "new", "v1.1.0")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def put(home: Path, source: Path) -> installed.Installed:
    with installed.turn(home) as incoming:
        unpacking.unpack(unpacking.folder_members(source), incoming, str(source))
        return installed.put_to_use(home, incoming)


def test_nothing_is_in_use_where_nothing_was_fetched(home: Path) -> None:
    assert installed.current(home) is None
    assert installed.previous(home) is None
    assert installed.all_installed(home) == []


def test_the_release_in_use_says_where_its_files_are(home: Path, old: Path) -> None:
    put(home, old)
    now = installed.current(home)
    assert now is not None
    data = (now.folder / release.MANIFEST).read_bytes()
    assert now.folder == home / "versions" / f"lamp-nano-v1.0.0-{release.identity(data)[:12]}"
    assert now.gguf.read_bytes().startswith(b"GGUF")
    assert now.grammar.read_text().startswith("root ::=")
    assert now.follow_up is None
    assert now.safety is None
    assert installed.verified(now) is now


def test_a_release_in_use_can_have_small_classifiers(tmp_path: Path, home: Path) -> None:
    found = put(home, making.made_up(tmp_path / "x", classifiers=release.CLASSIFIERS))
    assert found.follow_up is not None
    assert found.follow_up.read_text() == "follow_up"
    assert found.safety is not None
    assert found.safety.read_text() == "safety"


@pytest.mark.parametrize("file", [release.GRAMMAR, release.CARD, release.TOKENIZER_CHECK, "lamp-nano-Q4_K_M.gguf"])
def test_a_flipped_bit_in_a_release_in_use_is_found(home: Path, old: Path, file: str) -> None:
    now = put(home, old)
    data = bytearray((now.folder / file).read_bytes())
    data[len(data) // 3] ^= 4
    (now.folder / file).write_bytes(data)
    with pytest.raises(UserError, match=f"{file} is damaged"):
        installed.verified(now)


def test_a_missing_or_an_additional_file_is_found(home: Path, old: Path) -> None:
    now = put(home, old)
    (now.folder / "more").touch()
    with pytest.raises(UserError, match="more is not listed"):
        installed.verified(now)
    (now.folder / "more").unlink()
    now.grammar.unlink()
    with pytest.raises(UserError, match=f"{release.GRAMMAR} is missing"):
        installed.verified(now)


def test_a_release_in_use_whose_folder_is_gone_is_an_error_and_not_none(home: Path, old: Path) -> None:
    now = put(home, old)
    now.folder.rename(home / "elsewhere")
    with pytest.raises(UserError, match="no release"):
        installed.current(home)


def test_the_store_can_be_moved(tmp_path: Path, old: Path) -> None:
    put(tmp_path / "here", old)
    (tmp_path / "here").rename(tmp_path / "there")
    assert making.identity(tmp_path / "there")


def test_a_turn_clears_what_a_killed_fetch_left(home: Path) -> None:
    (home / "incoming" / "release").mkdir(parents=True)
    (home / "incoming" / "release" / "half.gguf").write_text("GG")
    with installed.turn(home) as incoming:
        assert list(incoming.iterdir()) == []
    assert not (home / "incoming").exists()


def test_two_processes_take_turns(home: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from stages.device.releases import installed\n"
        "with installed.turn(Path(sys.argv[1]), lambda: print('waits', flush=True)): print('has it', flush=True)"
    )
    with installed.turn(home):
        other = subprocess.Popen([sys.executable, "-c", script, str(home)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert other.stdout is not None
        assert other.stdout.readline() == "waits\n"
        assert other.poll() is None
        assert (home / "incoming").exists()
    assert other.communicate()[0] == "has it\n"
    assert other.returncode == 0


def test_the_releases_in_use_survive_pruning_whatever_the_clock_said(
    tmp_path: Path, home: Path, old: Path, new: Path
) -> None:
    first, second, last = (put(home, source) for source in (old, new, making.made_up(tmp_path / "3", "v3.0.0")))
    os.utime(second.folder, (0, 0))
    os.utime(last.folder, (1, 1))
    with installed.turn(home):
        assert installed.prune(home, keep=1) == [first.folder.name]
    assert {folder.name for folder in installed.all_installed(home)} == {second.folder.name, last.folder.name}


def test_a_switch_that_was_killed_halfway_ends_well_when_it_is_done_again(
    home: Path, old: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = put(home, old)
    link = installed._link

    def killed(where: Path, name: str, folder: Path) -> None:
        if name == installed.CURRENT:
            raise KeyboardInterrupt
        link(where, name, folder)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(installed, "_link", killed)
        put(home, new)
    assert installed.linked_folder(home, installed.CURRENT) == before.folder
    now = put(home, new)
    assert installed.linked_folder(home, installed.CURRENT) == now.folder
    assert installed.linked_folder(home, installed.PREVIOUS) == before.folder
