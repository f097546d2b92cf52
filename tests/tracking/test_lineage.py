"""Hashes: the same as the real DVC's, and independent of what does not matter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from stages.errors import UserError
from stages.tracking import lineage

DVC = str(Path(sys.prefix) / "bin" / "dvc")
FILES = {
    "file": b"lamp\n",
    "large": b"0123456789abcdef" * 100_000,  # larger than a block
    "empty": b"",
    "windows.txt": b"a\r\nb\r\n",
    "flat/b.txt": b"b",
    "flat/a.txt": b"a",
    "nested/a/b.txt": b"1",
    "nested/a.txt": b"2",
    "nested/a-b/c.txt": b"3",
    "nested/a/b/c.txt": b"4",
    "nested/.hidden": b"5",
    "nested/B.txt": b"6",
    "names/ü é.txt": b"7",
    "names/漢字.txt": b"8",
    "names/🦊.txt": b"9",
    'names/"quoted" back\\slash.txt': b"10",
}
TARGETS = ("file", "large", "empty", "windows.txt", "flat", "nested", "names")


@pytest.fixture(scope="module")
def by_dvc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the real DVC has hashed each of TARGETS into TARGET.dvc."""
    folder = tmp_path_factory.mktemp("dvc")
    for name, content in FILES.items():
        if name == "nested/a/b.txt":
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "nested" / "a" / "b.txt").write_bytes(FILES["nested/a/b.txt"])
    for arguments in (["init", "--no-scm", "--quiet"], ["add", "--quiet", *TARGETS]):
        subprocess.run([DVC, *arguments], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize("target", TARGETS)
def test_a_hash_is_the_one_that_dvc_computes(by_dvc: Path, target: str) -> None:
    (out,) = yaml.safe_load((by_dvc / f"{target}.dvc").read_text())["outs"]
    assert lineage.dvc_hash(by_dvc / target) == out["md5"]


def test_a_folders_hash_hangs_on_names_and_contents_only(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_text("a")
    (tmp_path / "two" / "empty").mkdir()  # DVC keeps files, not folders
    assert lineage.dvc_hash(tmp_path / "one") == lineage.dvc_hash(tmp_path / "two")
    (tmp_path / "two" / "a").rename(tmp_path / "two" / "b")
    assert lineage.dvc_hash(tmp_path / "one") != lineage.dvc_hash(tmp_path / "two")


def test_the_order_of_keys_does_not_change_a_params_hash() -> None:
    one = {"seed": 7, "quotas": {"pattern": 1, "render": 2}}
    other = {"quotas": {"render": 2, "pattern": 1}, "seed": 7}
    assert lineage.params_hash(one) == lineage.params_hash(other)
    assert len(lineage.params_hash(one)) == 64


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (({"seed": 7},), ({"seed": 8},)),
        (({"seed": 7},), ({"seed": "7"},)),
        (({"quants": ["F16", "Q8_0"]},), ({"quants": ["Q8_0", "F16"]},)),
        (({"a": 1}, {"b": 2}), ({"b": 2}, {"a": 1})),
        (({"a": 1}, {"b": 2}), ({"a": 1, "b": 2},)),
    ],
)
def test_other_params_have_another_hash(one: tuple[object, ...], other: tuple[object, ...]) -> None:
    assert lineage.params_hash(*one) != lineage.params_hash(*other)


def test_what_is_written_is_read_back_and_the_same_bytes_for_every_order(tmp_path: Path) -> None:
    for name, chain in (("one", {"b": "2", "a": "1"}), ("two", {"a": "1", "b": "2"})):
        (tmp_path / name).mkdir()
        lineage.write(tmp_path / name, chain)
        assert lineage.read(tmp_path / name) == chain
    assert (tmp_path / "one" / "lineage.json").read_bytes() == (tmp_path / "two" / "lineage.json").read_bytes()


def test_a_model_without_lineage_says_which_file_is_missing_and_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"lineage\.json: no such file; run the stage that makes it"):
        lineage.read(tmp_path)


def test_a_broken_lineage_is_named(tmp_path: Path) -> None:
    (tmp_path / "lineage.json").write_text("{")
    with pytest.raises(UserError, match=r"lineage\.json: not JSON"):
        lineage.read(tmp_path)
