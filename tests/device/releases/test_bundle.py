"""`lampforge bundle`: what is in a release, that its bytes are always the same, and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from importlib.metadata import version as package_version
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stages.device.releases import release, tokenizer_check, verifying
from stages.device.releases.bundle import bundle
from stages.lamp.grammar import lamp_grammar
from tests.device.releases import making

GGUF = "lamp-nano-Q4_K_M.gguf"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file and no tag of this repository has a part in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(bundle, [str(argument) for argument in arguments])


def refused(*arguments: str | Path) -> str:
    done = run(*arguments)
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    return line


@pytest.fixture
def models(lamp_folder: Path, tmp_path: Path) -> Path:
    """A model folder that a test may damage."""
    return Path(shutil.copytree(lamp_folder, tmp_path / "models" / "gguf"))


def test_a_release_holds_all_that_a_device_needs(models: Path, tmp_path: Path) -> None:
    done = run("--version", "v1.0.0", "--out", "folder")
    assert done.exit_code == 0, done.output
    folder = tmp_path / "folder"
    manifest = verifying.refuse_other_files(folder)
    assert (manifest.name, manifest.version, manifest.quant) == ("lamp-nano", "v1.0.0", "Q4_K_M")
    assert manifest.llama_cpp_python == package_version("llama-cpp-python")
    assert sorted(manifest.files) == ["README.md", "grammar.gbnf", GGUF, "lineage.json", "tokenizer_check.json"]
    assert (folder / GGUF).read_bytes() == (models / GGUF).read_bytes()
    assert not (folder / GGUF).is_symlink()
    assert (folder / "grammar.gbnf").read_text() == lamp_grammar()
    lineage = json.loads((models / "manifest.json").read_bytes())["lineage"]
    assert manifest.lineage == json.loads((folder / "lineage.json").read_bytes()) == lineage
    texts = [sample["text"] for sample in json.loads((folder / "tokenizer_check.json").read_bytes())["texts"]]
    assert texts[:-1] == list(tokenizer_check.TEXTS)
    assert f"Lamp program: {verifying.REQUEST}" in texts[-1]  # in the words of the chat template


def test_a_tar_is_named_after_the_release_and_its_sum_is_shown(models: Path, tmp_path: Path) -> None:
    done = run("--version", "v1.0.0")
    tar = tmp_path / "lamp-nano-v1.0.0-Q4_K_M.tar"
    assert done.stdout.splitlines()[-1] == f"sha256 {release.sha256(tar)}"


def test_a_tar_has_the_same_bytes_every_time_and_tells_nothing_of_its_maker(models: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        run("--version", "v1.0.0", "--out", f"{name}/x.tar")
        (models / GGUF).touch()
    assert (tmp_path / "one" / "x.tar").read_bytes() == (tmp_path / "two" / "x.tar").read_bytes()
    with tarfile.open(tmp_path / "one" / "x.tar") as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == [
        "manifest.json", "README.md", "grammar.gbnf", GGUF, "lineage.json", "tokenizer_check.json",
    ]  # fmt: skip
    assert {(member.mtime, member.uid, member.gid, member.uname, member.gname, member.mode) for member in members} == {
        (0, 0, 0, "", "", 0o644)
    }


def test_folder_and_tar_hold_the_same(models: Path, tmp_path: Path) -> None:
    run("--version", "v1.0.0", "--out", "x.tar")
    run("--version", "v1.0.0", "--out", "folder")
    other = making.unpacked(tmp_path / "x.tar", tmp_path / "unpacked")
    for path in (tmp_path / "folder").iterdir():
        assert path.read_bytes() == (other / path.name).read_bytes()


def test_small_classifiers_come_along_when_they_are_there(models: Path, tmp_path: Path) -> None:
    for kind in release.CLASSIFIERS:
        (tmp_path / "models" / kind).mkdir()
        (tmp_path / "models" / kind / f"{kind}.npz").write_text(kind)
        (tmp_path / "models" / kind / ".gitignore").touch()
    assert run("--version", "v1.0.0", "--out", "folder").exit_code == 0
    manifest = verifying.refuse_other_files(tmp_path / "folder")
    assert manifest.classifiers == {"follow_up": "follow_up/follow_up.npz", "safety": "safety/safety.npz"}


def test_a_classifier_of_two_files_is_refused(models: Path, tmp_path: Path) -> None:
    (tmp_path / "models" / "safety").mkdir()
    for name in ("a", "b"):
        (tmp_path / "models" / "safety" / name).touch()
    assert "a classifier is one file, and there is a, b" in refused("--version", "v1.0.0")


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(models: Path, tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "x")
    return tmp_path


def test_the_version_is_that_of_the_tag_of_this_commit(repository: Path) -> None:
    for tag in ("lamp-nano@v2.3.4", "lamp-nano#prod#1", "lamp-base@v9.9.9", "v7.7.7"):
        git(repository, "tag", tag)
    assert run().exit_code == 0
    assert (repository / "lamp-nano-v2.3.4-Q4_K_M.tar").is_file()


def test_a_tag_of_another_commit_does_not_count(repository: Path) -> None:
    git(repository, "tag", "lamp-nano@v2.3.4")
    git(repository, "commit", "-q", "--allow-empty", "-m", "y")
    assert "of tags lamp-nano@vX.Y.Z this commit has none; give --version v1.0.0" in refused()


def test_of_two_tags_none_is_guessed(repository: Path) -> None:
    git(repository, "tag", "lamp-nano@v2.3.4")
    git(repository, "tag", "lamp-nano@v2.3.5")
    assert "several (v2.3.4, v2.3.5)" in refused()


def test_without_git_the_version_must_be_given(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "give --version v1.0.0" in refused()


@pytest.mark.parametrize("version", ["1.0.0", "v1", "v1.0.0/x", "latest", "v1.0.0\n"])
def test_a_version_that_is_none_is_refused(models: Path, version: str) -> None:
    assert "no version; write it as v1.0.0" in refused("--version", version)


def test_a_quant_that_is_not_there_is_refused(models: Path) -> None:
    assert "no *-Q8_0.gguf (there is lamp-nano-Q4_K_M.gguf)" in refused("--version", "v1.0.0", "--quant", "Q8_0")


def test_what_is_there_is_replaced_only_when_that_is_wanted(models: Path, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_text("dear")
    assert "x.tar: is there already; take another --out, or --force" in refused("--version", "v1.0.0", "--out", "x.tar")
    assert (tmp_path / "x.tar").read_text() == "dear"
    assert run("--version", "v1.0.0", "--out", "x.tar", "--force").exit_code == 0
    assert (tmp_path / "x.tar").stat().st_size > 100_000
    for _ in range(2):
        assert run("--version", "v1.0.0", "--out", "folder", "--force").exit_code == 0


def test_a_folder_that_is_no_release_is_never_replaced(models: Path, tmp_path: Path) -> None:
    (tmp_path / "dear").mkdir()
    (tmp_path / "dear" / "diary").touch()
    assert "is not replaced" in refused("--version", "v1.0.0", "--out", "dear", "--force")
    assert (tmp_path / "dear" / "diary").exists()


@pytest.mark.parametrize("file", [GGUF, "README.md"])
def test_a_model_folder_with_a_flipped_bit_is_refused(models: Path, tmp_path: Path, file: str) -> None:
    data = bytearray((models / file).read_bytes())
    data[-1] ^= 1
    (models / file).write_bytes(data)
    line = refused("--version", "v1.0.0")
    assert f"{file}: not what models/gguf/manifest.json lists" in line
    assert not list(tmp_path.glob("*.tar"))


def test_a_model_folder_without_a_file_that_it_lists_is_refused(models: Path) -> None:
    (models / "README.md").unlink()
    assert "README.md: not what models/gguf/manifest.json lists" in refused("--version", "v1.0.0")


@pytest.mark.parametrize("text", ["{}", "[]", '{"lineage": {}, "files": {"a": 1}}'])
def test_a_model_folder_whose_manifest_is_none_is_refused(models: Path, text: str) -> None:
    (models / "manifest.json").write_text(text)
    assert "manifest.json: no manifest of models" in refused("--version", "v1.0.0")


def test_a_model_of_another_lineage_than_its_folder_says_is_not_sent(models: Path, tmp_path: Path) -> None:
    manifest = json.loads((models / "manifest.json").read_bytes())
    manifest["lineage"]["adapter"] = "other"
    (models / "manifest.json").write_text(json.dumps(manifest))
    assert "made of another adapter" in refused("--version", "v1.0.0")
    assert not list(tmp_path.glob("*.tar"))


def test_a_folder_without_models_costs_one_line(tmp_path: Path) -> None:
    assert "models/gguf: no *-Q4_K_M.gguf (there is no GGUF file)" in refused("--version", "v1.0.0")
