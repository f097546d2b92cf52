"""`lampforge fetch`: what becomes the model in use, and what does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stages.device.releases import installed, release, verifying
from stages.device.releases.fetch import fetch
from tests.device.releases import making


def run(home: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(fetch, [*map(str, arguments), "--home", str(home)])


def refused(home: Path, *arguments: str | Path) -> str:
    """The one line that a fetch ends in."""
    done = run(home, *arguments)
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    return line


@pytest.fixture
def home(tmp_path: Path, old_tar: Path) -> Path:
    """A device where v1.0.0 is in use."""
    folder = tmp_path / "home"
    assert run(folder, old_tar).exit_code == 0
    return folder


def version(home: Path, which: str = installed.CURRENT) -> str | None:
    folder = installed.linked_folder(home, which)
    return folder and installed.verified(installed.read(folder)).manifest.version


def test_the_first_release_is_put_to_use(tmp_path: Path, old_tar: Path) -> None:
    done = run(tmp_path / "home", old_tar)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("lamp-nano v1.0.0 (Q4_K_M) is in use: ")
    assert version(tmp_path / "home") == "v1.0.0"
    assert version(tmp_path / "home", installed.PREVIOUS) is None


def test_a_newer_release_is_put_to_use_and_the_one_before_is_kept(home: Path, new_tar: Path) -> None:
    assert run(home, new_tar).exit_code == 0
    assert version(home) == "v1.1.0"
    assert version(home, installed.PREVIOUS) == "v1.0.0"
    assert not (home / "incoming").exists()


def test_a_release_may_also_come_as_a_folder(home: Path, new_tar: Path, tmp_path: Path) -> None:
    folder = making.unpacked(new_tar, tmp_path / "new")
    assert run(home, folder).exit_code == 0
    by_folder = installed.linked_folder(home, installed.CURRENT)
    assert run(home, new_tar).exit_code == 0
    assert installed.linked_folder(home, installed.CURRENT) == by_folder  # the same release, the same place
    assert version(home, installed.PREVIOUS) == "v1.0.0"


def test_a_release_is_fetched_over_http_though_the_connection_breaks(home: Path, new_tar: Path, patient: None) -> None:
    data = new_tar.read_bytes()
    with making.shop(data, making.cut(100_000), making.cut(50_000), making.whole) as shop:
        done = run(home, shop.url, "--sha256", making.sha256(data))
    assert done.exit_code == 0, done.output
    assert shop.ranges == [None, "bytes=100000-", "bytes=150000-"]
    assert version(home) == "v1.1.0"


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """New tries come at once."""
    monkeypatch.setattr("stages.device.releases.download.WAITS", (0.0,) * 3)


def test_a_server_that_goes_away_leaves_the_old_model_in_use(home: Path, new_tar: Path, patient: None) -> None:
    with making.shop(new_tar.read_bytes(), making.cut(1000), making.says(500)) as shop:
        line = refused(home, shop.url)
    assert "500" in line
    assert line.endswith("(lamp-nano v1.0.0 (Q4_K_M) stays in use)")
    assert version(home) == "v1.0.0"


def test_a_cut_tar_leaves_the_old_model_in_use(home: Path, new_tar: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.tar"
    cut.write_bytes(new_tar.read_bytes()[:200_000])
    line = refused(home, cut)
    assert f"{cut}: " in line
    assert "cut off" in line
    assert "stays in use" in line
    assert version(home) == "v1.0.0"
    assert not (home / "incoming").exists()


def test_a_tar_with_another_sum_than_asked_for_is_not_used(home: Path, new_tar: Path) -> None:
    line = refused(home, new_tar, "--sha256", "0" * 64)
    assert f"the sha256 is {release.sha256(new_tar)} and not {'0' * 64}" in line
    assert version(home) == "v1.0.0"
    assert run(home, new_tar, "--sha256", release.sha256(new_tar).upper()).exit_code == 0
    assert version(home) == "v1.1.0"


def test_a_model_of_another_lineage_is_not_used(home: Path, new_tar: Path, tmp_path: Path) -> None:
    folder = making.unpacked(new_tar, tmp_path / "new")
    lineage = json.loads((folder / release.LINEAGE).read_bytes()) | {"base": "other"}
    (folder / release.LINEAGE).write_text(json.dumps(lineage))
    making.sign_again(folder, lineage=lineage)
    assert "made of another base" in refused(home, folder)
    assert version(home) == "v1.0.0"


def test_going_back_puts_the_one_before_to_use_and_forth_again(home: Path, new_tar: Path) -> None:
    run(home, new_tar)
    done = run(home, "--back")
    assert done.exit_code == 0
    assert "v1.0.0" in done.stdout
    assert (version(home), version(home, installed.PREVIOUS)) == ("v1.0.0", "v1.1.0")
    run(home, "--back")
    assert (version(home), version(home, installed.PREVIOUS)) == ("v1.1.0", "v1.0.0")


def test_there_is_no_going_back_from_the_first_one(home: Path) -> None:
    assert "no release was in use before" in refused(home, "--back")
    assert version(home) == "v1.0.0"


def test_there_is_no_going_back_to_a_damaged_one(home: Path, new_tar: Path) -> None:
    old = installed.current(home)
    assert old is not None
    run(home, new_tar)
    damaged = bytearray(old.gguf.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    old.gguf.write_bytes(damaged)
    assert "lamp-nano-Q4_K_M.gguf is damaged" in refused(home, "--back")
    assert version(home) == "v1.1.0"


def test_fetching_mends_a_damaged_release(home: Path, old_tar: Path) -> None:
    now = installed.current(home)
    assert now is not None
    now.grammar.write_text("root ::= [a-z]")
    assert run(home, old_tar).exit_code == 0
    assert version(home) == "v1.0.0"
    assert [folder.name for folder in installed.all_installed(home)] == [now.folder.name]


def test_the_list_shows_what_is_installed_and_what_is_in_use(
    home: Path, new_tar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    run(home, new_tar)
    lines = run(home, "--list").stdout.splitlines()
    (new,) = [line for line in lines if "v1.1.0" in line]
    (old,) = [line for line in lines if "v1.0.0" in line]
    assert "Q4_K_M" in new
    assert "current" in new
    assert "previous" in old


def test_the_list_of_nothing_says_so(tmp_path: Path) -> None:
    assert "nothing is installed" in run(tmp_path / "home", "--list").stdout


def test_a_release_that_does_not_fit_on_the_disk_is_not_begun(
    home: Path, new_tar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr("stages.device.releases.unpacking.shutil.disk_usage", lambda _: free)
    line = refused(home, new_tar)
    assert "17 MB are needed and 1 MB are free" in line
    assert "free some space" in line
    assert version(home) == "v1.0.0"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "give either SOURCE, --back or --list"),
        (["x.tar", "--back"], "give either SOURCE, --back or --list"),
        (["nothing.tar"], "nothing.tar: no such file"),
        (["ftp://example.org/x.tar"], "no such file; SOURCE is a folder, a .tar, or an http(s) address"),
        (["x.tar", "--sha256", "abc"], "64 hexadecimal digits"),
        ([".", "--sha256", "0" * 64], "leave it out or give the .tar"),
        ([str(Path(__file__).parent)], "no release (it has no manifest.json)"),
        ([__file__], "no tar of a release"),
    ],
)
def test_a_mistake_costs_one_line(tmp_path: Path, arguments: list[str], line: str) -> None:
    assert line in refused(tmp_path / "home", *arguments)
    assert installed.current(tmp_path / "home") is None


def test_old_releases_are_deleted_and_the_last_three_stay(
    home: Path, new_tar: Path, lamp_folder: Path, tmp_path: Path
) -> None:
    run(home, new_tar)
    for number in (2, 3):
        tar = making.bundled(lamp_folder, tmp_path / f"{number}.tar", f"v1.{number}.0")
        assert run(home, tar).exit_code == 0
    names = [installed.read(folder).manifest.version for folder in installed.all_installed(home)]
    assert names == ["v1.3.0", "v1.2.0", "v1.1.0"]


def test_the_place_can_be_named_in_the_environment(
    tmp_path: Path, old_tar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(installed.HOME_VARIABLE, str(tmp_path / "there"))
    assert CliRunner().invoke(fetch, [str(old_tar)]).exit_code == 0
    assert installed.current() is not None
    assert (tmp_path / "there" / "current").is_symlink()


def test_nothing_is_loaded_before_every_sum_is_right(
    home: Path, new_tar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # llama.cpp may end the process on a damaged file.
    monkeypatch.setattr(verifying, "refuse_other_model", lambda *_: pytest.fail("the model was loaded"))
    folder = making.unpacked(new_tar, tmp_path / "new")
    with (folder / "lamp-nano-Q4_K_M.gguf").open("r+b") as file:
        file.seek(5000)
        file.write(b"\xff\x00\xff")
    assert "lamp-nano-Q4_K_M.gguf is damaged" in refused(home, folder)
