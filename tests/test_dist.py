"""tools/dist.py on a made-up wheel and a stand-in for pip: no network, nothing compiled."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import platform
import sys
import zipfile
from pathlib import Path

import pytest

from tools import bootstrap, dist

ROOT = Path(__file__).parent.parent
INFO = f"llama_cpp_python-{bootstrap.LLAMA}.dist-info"
LOCK = f"click==8.5.1 \\\n    --hash=sha256:aa\nllama-cpp-python=={bootstrap.LLAMA} \\\n    --hash=sha256:"
LIBRARIES = ("libllama", "libggml", "libggml-base", "libggml-cpu")


@pytest.fixture
def fat(tmp_path: Path) -> Path:
    """A wheel as pip builds it: each library under three names, and all of them once more below lib/."""
    path = tmp_path / f"llama_cpp_python-{bootstrap.LLAMA}-py3-none-linux_{platform.machine()}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("llama_cpp/__init__.py", "")
        archive.writestr("include/llama.h", "")
        for folder in ("llama_cpp/lib", "lib"):
            for name in LIBRARIES:
                for version in ("", ".0", ".0.25.3"):
                    archive.writestr(f"{folder}/{name}.so{version}", name)
        archive.writestr(f"{INFO}/WHEEL", f"Wheel-Version: 1.0\nTag: py3-none-linux_{platform.machine()}\n\n")
        archive.writestr(f"{INFO}/RECORD", "")
    return path


def files(wheel: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_each_library_is_carried_once_by_the_name_it_is_asked_for(fat: Path) -> None:
    assert sorted(dist.carried(fat)) == [
        "libggml-base.so.0",
        "libggml-cpu.so.0",
        "libggml.so",
        "libggml.so.0",
        "libllama.so",
    ]


def test_the_wheel_has_the_python_files_these_libraries_and_their_sums(fat: Path) -> None:
    made = files(dist.assembled(fat, {"libllama.so": b"other"}, "aarch64"))
    assert sorted(made) == ["llama_cpp/__init__.py", "llama_cpp/lib/libllama.so", f"{INFO}/RECORD", f"{INFO}/WHEEL"]
    assert b"Tag: py3-none-linux_aarch64\n" in made[f"{INFO}/WHEEL"]
    record = {name: (digest, size) for name, digest, size in csv.reader(made[f"{INFO}/RECORD"].decode().splitlines())}
    assert record.pop(f"{INFO}/RECORD") == ("", "")
    assert set(record) == set(made) - {f"{INFO}/RECORD"}
    sum_ = base64.urlsafe_b64encode(hashlib.sha256(b"other").digest()).decode().rstrip("=")
    assert record["llama_cpp/lib/libllama.so"] == (f"sha256={sum_}", "5")


def test_the_same_files_give_the_same_wheel(fat: Path) -> None:
    first = dist.assembled(fat, dist.carried(fat), "x86_64")
    os.utime(fat, (0, 0))
    assert dist.assembled(fat, dict(sorted(dist.carried(fat).items(), reverse=True)), "x86_64") == first


def test_the_openmp_library_is_the_compilers_own(tmp_path: Path) -> None:
    (tmp_path / "libgomp.so.1").write_bytes(b"openmp")
    compiler = tmp_path / "cc"
    compiler.write_text(f"#!/bin/sh\n[ $1 = -print-file-name=libgomp.so.1 ] && echo {tmp_path}/libgomp.so.1\n")
    compiler.chmod(0o755)
    assert dist.openmp(str(compiler)) == {"libgomp.so.1": b"openmp"}
    compiler.write_text("#!/bin/sh\necho libgomp.so.1\n")  # what gcc says when it has none
    assert dist.openmp(str(compiler)) == {}


def test_requirements_pin_the_wheels_and_not_the_source(fat: Path, tmp_path: Path) -> None:
    own = tmp_path / "lampforge-0.1.0-py3-none-any.whl"
    own.write_bytes(b"wheel")
    text = dist.requirements(
        f"{LOCK}{bootstrap.LLAMA_SHA256}\nrich==15.0.0 \\\n    --hash=sha256:bb\n", own, [fat, own]
    )
    assert text.startswith("# pip install -r requirements.txt\n--find-links .\nclick==8.5.1")
    sums = f"    --hash=sha256:{bootstrap.sha256(fat)} \\\n    --hash=sha256:{bootstrap.sha256(own)}\nrich=="
    assert f"llama-cpp-python=={bootstrap.LLAMA} \\\n{sums}" in text
    assert bootstrap.LLAMA_SHA256 not in text
    assert text.endswith(f"lampforge[pi]==0.1.0 \\\n    --hash=sha256:{bootstrap.sha256(own)}\n")


def test_a_lock_of_another_llama_is_refused(fat: Path) -> None:
    with pytest.raises(bootstrap.SetupError, match="run `make lock`"):
        dist.requirements(f"{LOCK}{'0' * 64}\n", fat, [fat])


def test_without_the_compiler_for_a_pi_its_package_is_named(
    fat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(bootstrap.Setup, "built", lambda *arguments: fat)
    monkeypatch.setattr(dist, "own_wheel", lambda setup, folder: fat)
    monkeypatch.setattr(dist.signal, "signal", lambda number, handler: None)
    monkeypatch.setattr(dist.platform, "machine", lambda: "x86_64")
    assert dist.main(["--machine", "aarch64", "--dist", str(tmp_path / "dist")]) == 2
    assert "apt-get install g++-aarch64-linux-gnu" in capsys.readouterr().err


@pytest.mark.slow
def test_the_same_sources_give_the_same_wheel_with_all_that_the_lamp_reads(tmp_path: Path) -> None:
    setup = bootstrap.Setup(ROOT, os.environ)
    setup.bin, setup.python = Path(sys.executable).parent, sys.executable
    setup.log = tmp_path / "log" / "dist.log"
    made = []
    for name in ("first", "second"):
        setup.cache = tmp_path / name
        (setup.cache / "dist").mkdir(parents=True)
        made.append(dist.own_wheel(setup, setup.cache / "dist").read_bytes())
    assert made[0] == made[1]
    names = {name.removeprefix("lampforge/") for name in files(made[0])}
    assert {path.relative_to(ROOT / "stages").as_posix() for path in (ROOT / "stages").rglob("*.py")} <= names
    for folder in ("device", "lamp"):
        kept = (path for path in (ROOT / "stages" / folder).rglob("*") if path.is_file() and path.suffix != ".pyc")
        assert {path.relative_to(ROOT / "stages").as_posix() for path in kept} <= names
