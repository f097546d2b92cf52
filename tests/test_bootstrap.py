"""tools/bootstrap.py with a pip that only writes down what it is asked for: no network, nothing compiled."""

from __future__ import annotations

import ast
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import bootstrap

ROOT = Path(__file__).parent.parent
PLENTY = SimpleNamespace(free=100 * 10**9)


class Checkout:
    """A clone in a temporary folder; `commands` is what its set-up would have run."""

    def __init__(self, root: Path, sdist: Path) -> None:
        self.root = root
        self.sdist = sdist
        self.commands: list[str] = []
        self.fails_at = ""
        root.mkdir()
        (root / "requirements.lock").write_text("click==8.5.1\n")
        (root / "pyproject.toml").write_text("[project]\n")

    def call(self, setup: bootstrap.Setup, *command: str, **environ: str) -> None:
        """Stand in for Setup.call: leave the files that the real child would leave."""
        line = " ".join([Path(command[0]).name, *command[1:], *environ.values()])
        self.commands.append(line)
        if self.fails_at and self.fails_at in line:
            raise bootstrap.SetupError("it failed.")
        if "venv" in command:
            executable(setup.bin / "python", "exit 1")
        elif "download" in command:
            arriving = Path(command[command.index("--dest") + 1])
            arriving.mkdir(parents=True)
            (arriving / bootstrap.LLAMA_SDIST).write_bytes(self.sdist.read_bytes())
        elif "wheel" in command:
            wheels = Path(command[command.index("--wheel-dir") + 1])
            wheels.mkdir(parents=True)
            (wheels / "llama_cpp_python-0-py3-none-any.whl").write_bytes(b"compiled")
        elif "--build" in command:
            folder = Path(command[command.index("--build") + 1]) / "bin"
            folder.mkdir(parents=True)
            (folder / "llama-bench").write_bytes(b"bench")
        elif "compile" in command:
            Path(command[command.index("--output-file") + 1]).write_text("click==8.5.1\ntorch==2\n")

    def run(self, *arguments: str) -> int:
        """One run of the command in this clone; `commands` afterwards are those of this run."""
        self.commands.clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bootstrap, "__file__", str(self.root / "tools" / "bootstrap.py"))
            patch.setattr(bootstrap.Setup, "call", lambda setup, *c, **env: self.call(setup, *c, **env))
            return bootstrap.main(arguments)

    def ran(self, part: str) -> bool:
        return any(part in command for command in self.commands)


def executable(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def sdist(tmp_path: Path) -> Path:
    path = tmp_path / "sdist.tar.gz"
    vendor = f"llama_cpp_python-{bootstrap.LLAMA}/vendor/llama.cpp"
    with tarfile.open(path, "w:gz") as archive:
        for name in (
            "convert_hf_to_gguf.py",
            "convert_lora_to_gguf.py",
            "LICENSE",
            "gguf-py/a",
            "conversion/b",
        ):
            archive.addfile(tarfile.TarInfo(f"{vendor}/{name}"), io.BytesIO())
    return path


@pytest.fixture
def checkout(tmp_path: Path, sdist: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    for compiler in ("cc", "c++"):
        executable(tmp_path / "bin" / compiler, "echo compiler 1.0")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for variable in ("CC", "CXX", "LAMPFORGE_NO_WHEEL_CACHE", "LAMPFORGE_TORCH_INDEX"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(bootstrap, "LLAMA_SHA256", hashlib.sha256(sdist.read_bytes()).hexdigest())
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda folder: PLENTY)
    monkeypatch.setattr(bootstrap.signal, "signal", lambda number, handler: None)
    return Checkout(tmp_path / "clone", sdist)


def only_sentence(capsys: pytest.CaptureFixture[str]) -> str:
    errors = capsys.readouterr().err.strip().splitlines()
    assert len(errors) == 1, errors
    return errors[0]


# What stops it -------------------------------------------------------------------------------------------


def test_an_old_python_is_refused_in_one_sentence(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "sys", SimpleNamespace(version_info=(3, 8, 18), stderr=sys.stderr))
    assert checkout.run() == 2
    assert "needs Python 3.11 or newer, and this is Python 3.8" in only_sentence(capsys)


def test_the_file_is_readable_by_python_3_8() -> None:
    ast.parse((ROOT / "tools" / "bootstrap.py").read_text(), feature_version=(3, 8))


@pytest.mark.parametrize(("missing", "language"), [("cc", "C compiler"), ("c++", "C++ compiler")])
def test_a_missing_compiler_is_named_with_the_package_to_install(
    checkout: Checkout, missing: str, language: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bin" / missing).unlink()
    assert checkout.run() == 2
    sentence = only_sentence(capsys)
    assert language in sentence and "apt-get install build-essential" in sentence
    assert checkout.commands == []


def test_too_little_disk_space_is_said_before_anything_is_downloaded(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda folder: SimpleNamespace(free=5_900_000_000))
    assert checkout.run() == 2
    sentence = only_sentence(capsys)
    assert "needs 6 GB" in sentence and "has 5.9 GB" in sentence
    assert checkout.commands == []


def test_a_finished_environment_needs_neither_space_nor_compiler(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert checkout.run() == 0
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda folder: SimpleNamespace(free=0))
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert checkout.run() == 0


def test_a_small_step_is_not_refused_for_space(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout.run()
    (checkout.root / "pyproject.toml").write_text("[project] # changed\n")
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda folder: SimpleNamespace(free=0))
    assert checkout.run() == 0


def test_a_source_with_another_hash_is_not_used(
    checkout: Checkout, sdist: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sdist.write_bytes(b"something else")
    assert checkout.run() == 2
    assert "was expected: not used" in only_sentence(capsys)
    assert not checkout.ran("wheel")


def test_a_failing_child_shows_the_end_of_its_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setup = bootstrap.Setup(tmp_path, os.environ)
    with pytest.raises(bootstrap.SetupError, match=r"resolve\.log"):
        setup.call(sys.executable, "-c", "print('disk on fire'); raise SystemExit(3)")
    assert "disk on fire" in capsys.readouterr().err


# What is skipped and what is run again -------------------------------------------------------------------


def test_the_second_run_runs_nothing(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    assert checkout.run() == 0
    assert checkout.ran("venv") and checkout.ran("torch==") and checkout.ran("--editable")
    assert (checkout.root / ".venv" / "llama.cpp" / "convert_hf_to_gguf.py").exists()
    capsys.readouterr()
    assert checkout.run() == 0
    assert checkout.commands == []
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("file", "expected"), [("requirements.lock", "-r requirements.lock"), ("pyproject.toml", "--editable")]
)
def test_a_changed_input_runs_its_own_step_again_and_no_other(checkout: Checkout, file: str, expected: str) -> None:
    checkout.run()
    with (checkout.root / file).open("a") as text:
        text.write("# changed\n")
    assert checkout.run() == 0
    assert len(checkout.commands) == 1 and expected in checkout.commands[0]


def test_a_failed_step_is_tried_again_and_finished_ones_are_not(checkout: Checkout) -> None:
    checkout.fails_at = "-r requirements.lock"
    assert checkout.run() == 2
    checkout.fails_at = ""
    assert checkout.run() == 0
    assert not checkout.ran("torch==") and checkout.ran("-r requirements.lock")


@pytest.mark.parametrize(
    ("step", "option"), [("torch==", "--ignore-installed"), ("-r requirements.lock", "--reinstall")]
)
def test_packages_that_a_killed_run_left_half_written_are_written_anew(
    checkout: Checkout, step: str, option: str
) -> None:
    checkout.fails_at = step
    checkout.run()
    assert not checkout.ran(option)
    checkout.fails_at = ""
    checkout.run()
    assert [option in command for command in checkout.commands if step in command] == [True]


def test_a_moved_clone_builds_its_environment_anew(checkout: Checkout, tmp_path: Path) -> None:
    checkout.run()
    checkout.root = checkout.root.rename(tmp_path / "moved")
    checkout.run()
    assert checkout.ran("-m venv") and checkout.ran("torch==")


def test_an_environment_whose_python_is_gone_is_built_anew(checkout: Checkout) -> None:
    checkout.run()
    (checkout.root / ".venv" / "bin" / "python").unlink()
    checkout.run()
    assert checkout.ran("-m venv") and checkout.ran("--editable")


# How llama.cpp is compiled -------------------------------------------------------------------------------


def test_a_second_clone_takes_the_wheel_that_the_first_compiled(
    checkout: Checkout, tmp_path: Path, sdist: Path
) -> None:
    checkout.run()
    assert checkout.ran("pip --disable-pip-version-check --no-input wheel")
    second = Checkout(tmp_path / "second", sdist)
    assert second.run() == 0
    assert not second.ran("input wheel") and second.ran("lampforge/wheels/")


def test_a_kept_wheel_that_has_changed_is_compiled_anew(checkout: Checkout, tmp_path: Path, sdist: Path) -> None:
    checkout.run()
    [wheel] = (tmp_path / "cache").rglob("*.whl")
    wheel.write_bytes(b"another")
    second = Checkout(tmp_path / "second", sdist)
    second.run()
    assert second.ran("input wheel")
    assert wheel.read_bytes() == b"compiled"


def test_another_compiler_compiles_for_itself(checkout: Checkout, tmp_path: Path, sdist: Path) -> None:
    checkout.run()
    executable(tmp_path / "bin" / "c++", "echo compiler 2.0")
    second = Checkout(tmp_path / "second", sdist)
    second.run()
    assert second.ran("input wheel")


def test_the_folder_of_wheels_can_be_turned_off(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMPFORGE_NO_WHEEL_CACHE", "1")
    assert checkout.run() == 0
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("machine", "features", "flags"),
    [
        ("x86_64", "avx avx2 fma f16c bmi2 amx_int8", {"-DGGML_NATIVE=OFF", "-DGGML_AVX2=ON"}),
        ("x86_64", "avx sse4_2", {"-DGGML_NATIVE=OFF", "-DGGML_AVX2=OFF", "-DGGML_AVX=OFF"}),
        ("aarch64", "asimd asimddp", {"-DGGML_NATIVE=ON"}),
    ],
)
def test_the_build_is_portable_on_x86_and_native_on_a_pi(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, machine: str, features: str, flags: set[str]
) -> None:
    monkeypatch.setattr(bootstrap.platform, "machine", lambda: machine)
    monkeypatch.setattr(bootstrap, "cpu_features", lambda: features)
    assert checkout.run() == 0
    [build] = [command for command in checkout.commands if "input wheel" in command]
    assert flags <= set(build.split())
    assert "--no-cache-dir" in build


def test_llama_bench_is_compiled_only_when_asked_for(checkout: Checkout) -> None:
    assert checkout.run() == 0
    assert not checkout.ran("cmake")
    assert checkout.run("--llama-bench") == 0
    assert (checkout.root / ".venv" / "bin" / "llama-bench").read_bytes() == b"bench"
    assert checkout.run("--llama-bench") == 0 and checkout.commands == []


def test_an_emptied_cache_folder_is_filled_again(checkout: Checkout) -> None:
    checkout.run()
    (checkout.root / ".venv" / "cache" / bootstrap.LLAMA_SDIST).unlink()
    assert checkout.run("--llama-bench") == 0
    assert checkout.ran("download")


def test_torch_comes_from_the_index_the_user_names(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMPFORGE_TORCH_INDEX", "file:///an/index")
    checkout.run()
    assert checkout.ran(f"torch=={bootstrap.TORCH} --index-url file:///an/index")


# The lock and the package list ---------------------------------------------------------------------------


def pins() -> dict[str, str]:
    """Name to version, from the lines of requirements.lock."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pairs = [line.partition(";")[0].strip().split("==") for line in lines if not line.startswith("#")]
    assert all(len(pair) == 2 for pair in pairs), "a line of requirements.lock is no `name==version`"
    return {canonicalize_name(name): version for name, version in pairs}


def test_the_lock_meets_every_requirement_of_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    for extra in project["project"]["optional-dependencies"].values():
        asked += extra
    own_step = {"torch": bootstrap.TORCH, "llama-cpp-python": bootstrap.LLAMA}
    locked = pins() | own_step
    for requirement in map(Requirement, asked):
        version = locked.get(canonicalize_name(requirement.name), "nothing")
        assert version in requirement.specifier, f"{requirement} but {version} is locked: run `make lock`"


def test_the_lock_leaves_torch_its_cuda_packages_and_llama_to_their_own_steps() -> None:
    unwanted = ("torch", "triton", "nvidia", "cuda", "llama")
    assert [name for name in pins() if name.startswith(unwanted)] == []


def test_the_lock_for_devices_is_a_part_of_the_lock_for_hosts(checkout: Checkout) -> None:
    assert checkout.run("--lock") == 0
    host, device = (command for command in checkout.commands if "pip compile" in command)
    assert "--all-extras" in host and "--generate-hashes" not in host
    assert f"--extra pi --generate-hashes --constraint {checkout.root / 'requirements.lock'}" in device
    assert (checkout.root / "requirements.lock").read_text() == bootstrap.LOCK_HEADER + "click==8.5.1\n"
    assert (checkout.root / "requirements-pi.lock").read_text().startswith(bootstrap.PI_LOCK_HEADER + "click==8.5.1")


def pi_pins() -> dict[str, tuple[str, set[str]]]:
    """Name to version and sums, from requirements-pi.lock."""
    text = (ROOT / "requirements-pi.lock").read_text().replace("\\\n", "")
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    named = [(*words[0].split("=="), {word for word in words if word.startswith("--hash=")}) for words in lines]
    return {canonicalize_name(name): (version, sums) for name, version, sums in named}


def test_a_device_gets_the_versions_of_the_host_and_checks_the_sum_of_each() -> None:
    host = pins() | {"llama-cpp-python": bootstrap.LLAMA}
    for name, (version, sums) in pi_pins().items():
        assert version == host.get(name), f"{name} is {version} for devices: run `make lock`"
        assert sums, f"{name} has no sum: run `make lock`"
    assert pi_pins()["llama-cpp-python"][1] == {f"--hash=sha256:{bootstrap.LLAMA_SHA256}"}


def test_a_device_gets_all_it_needs_and_nothing_heavy() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {canonicalize_name(Requirement(text).name) for text in project["dependencies"]}
    asked |= {canonicalize_name(Requirement(text).name) for text in project["optional-dependencies"]["pi"]}
    assert asked <= set(pi_pins())
    heavy = {"torch", "transformers", "mlflow", "dvc", "pandas", "pyarrow", "scikit-learn", "pillow", "setuptools"}
    assert not heavy & set(pi_pins())


@pytest.mark.slow
@pytest.mark.parametrize("python", ["3.11", "3.13"])
@pytest.mark.parametrize("machine", ["aarch64", "x86_64"])
def test_devices_need_published_wheels_and_the_one_source(python: str, machine: str, tmp_path: Path) -> None:
    source = ["--only-binary", ":all:", "--no-binary", "llama-cpp-python"]
    platform = ["--python-platform", f"{machine}-manylinux_2_36", "--python-version", python]
    lock = ["--require-hashes", "--requirement", str(ROOT / "requirements-pi.lock"), "--target", str(tmp_path)]
    uv = str(Path(sys.executable).with_name("uv"))
    command = [uv, "pip", "install", "--dry-run", *source, *platform, *lock]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "error sending request" in done.stderr:
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    assert f"Would install {len(pi_pins())} packages" in done.stderr


def test_a_resolution_becomes_a_lock_without_them() -> None:
    resolved = "cuda-toolkit==13.0 ; sys_platform == 'linux'\nnvidia-nccl-cu13==2\ntorch==2.13.0\ntorchdata==1\n"
    assert bootstrap.locked(resolved) == bootstrap.LOCK_HEADER + "torchdata==1\n"


def test_every_package_below_stages_is_in_the_wheel() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = [path.parent.relative_to(ROOT / "stages") for path in (ROOT / "stages").rglob("__init__.py")]
    assert sorted(listed) == sorted(".".join(["lampforge", *folder.parts]) for folder in folders)
