#!/usr/bin/env python3
"""Build .venv, the environment everything else runs in: `python3 tools/bootstrap.py`.

Comes in: pyproject.toml, requirements.lock and the pins below. Goes out: .venv with torch, the locked
packages, llama-cpp-python compiled from its source, the GGUF converter of that same source in
.venv/llama.cpp, and this checkout as the package `lampforge`. `--llama-bench` adds .venv/bin/llama-bench,
`--lock` writes requirements.lock and requirements-pi.lock anew.

Always holds: a step whose inputs have not changed is not run again, a killed run goes on at the step it was
in, two runs at once take turns, and whatever stops the set-up is said in one sentence with exit status 2.
Standard library only, and readable by Python 3.8, so that an old Python gets that sentence too.

LAMPFORGE_TORCH_INDEX       package index to take torch from (a CPU-only one saves gigabytes on Linux)
LAMPFORGE_NO_WHEEL_CACHE=1  compile here; neither use nor fill the per-user folder of compiled wheels
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.util
import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

TORCH = "2.13.0"
UV = "0.13.8"
LLAMA = "0.3.36"
LLAMA_SDIST = f"llama_cpp_python-{LLAMA}.tar.gz"
LLAMA_SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"

MIN_PYTHON = (3, 11)
MIN_FREE_GB = 6  # 2 GB with a CPU build of torch; the rest is for downloads and what the compiler leaves

# Not -march=native on x86: a native build on a CPU with AMX dies on the first quantised decode inside a
# virtual machine, and a wheel built on one machine would not run on another.
X86_FEATURES = ("AVX", "AVX2", "FMA", "F16C", "BMI2")
# llama-bench alone, with no library of llama.cpp beside it.
BENCH_FLAGS = ["-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=OFF", "-DLLAMA_BUILD_TOOLS=ON"]
BENCH_FLAGS += [f"-DLLAMA_BUILD_{part}=OFF" for part in ("TESTS", "EXAMPLES", "SERVER", "APP")]

# In the resolution, but not in the lock: torch decides which of the CUDA packages it needs (none, for a CPU
# build), and llama-cpp-python must be compiled with the flags above.
NOT_LOCKED = re.compile(r"(torch|llama-cpp-python|triton|nvidia-[\w-]+|cuda-[\w-]+)(?=[=\[ ])")
# Settings of the user's shell that would end up in binaries whose recipe does not mention them.
SHELL_FLAGS = ("CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "CMAKE_ARGS", "SKBUILD_CMAKE_ARGS", "PYTHONPATH")
LOCK_HEADER = """\
# Every package of LampForge but two, pinned. Made by `make lock` (tools/bootstrap.py --lock), which is
#   uv pip compile pyproject.toml --all-extras --universal --fork-strategy fewest
# less torch, llama-cpp-python (each has its own step in tools/bootstrap.py) and torch's CUDA packages.
# Versions stay as they are where pyproject.toml allows it; delete this file first to take the newest.
"""
PI_LOCK_HEADER = """\
# What `lampforge[pi]` needs on a device, pinned to the versions of requirements.lock, with the sums of all published
# files. Made by `make lock` (tools/bootstrap.py --lock). llama-cpp-python is published as source alone; `make dist`
# writes dist/requirements.txt, which is this list with a compiled one and with lampforge itself.
"""


class SetupError(Exception):
    """What stops the set-up, in one sentence for the user."""


class Step(NamedTuple):
    """One thing to install; `inputs` are all that its result depends on."""

    name: str
    what: str
    inputs: Sequence[str]
    run: Callable[[bool], None]  # called with True when a former run was killed inside this step
    large: bool = False
    compiles: bool = False

    def key(self) -> str:
        """Fingerprint that the stamp of a finished step carries."""
        return hashlib.sha256(json.dumps(self.inputs).encode()).hexdigest()


class Setup:
    """The environment of one checkout."""

    def __init__(self, root: Path, environ: Mapping[str, str]) -> None:
        self.root = root
        self.environ = environ
        self.venv = root / ".venv"
        self.bin = self.venv / "bin"
        self.python = str(self.bin / "python")
        self.stamps = self.venv / "stamps"
        self.cache = self.venv / "cache"
        self.sdist = self.cache / LLAMA_SDIST
        self.unpacked = self.cache / f"llama_cpp_python-{LLAMA}"
        self.log = self.venv / "log" / "resolve.log"
        self.lock_held: tuple[int, ...] = ()

    # The steps, in the order they run ----------------------------------------------------------------------

    def steps(self, llama_bench: bool = False) -> list[Step]:
        """All steps, in order."""
        lock = read_text(self.root / "requirements.lock")
        project = read_text(self.root / "pyproject.toml")
        python = python_minor()
        recipe = [LLAMA_SHA256, *cmake_flags(), python, platform.machine()]
        steps = [
            # The folder is an input: scripts in .venv/bin carry its absolute path, so a moved one is useless.
            Step("venv", f"environment for Python {python}", [str(self.venv), python], self.create_venv),
            Step("torch", f"torch {TORCH}", [TORCH], self.install_torch, large=True),
            Step("uv", f"uv {UV}", [UV], self.install_uv),
            # torch is installed with its own dependencies, in whatever versions: the lock has the last word.
            Step("lock", "locked packages", [lock, TORCH], self.install_lock, large=True),
            Step("sdist", f"source of llama-cpp-python {LLAMA}", [LLAMA_SHA256], self.fetch_sdist),
            Step("llama", "llama-cpp-python", recipe, self.install_llama, large=True, compiles=True),
            Step("converter", "GGUF converter", [LLAMA_SHA256], self.unpack_converter),
            Step("lampforge", "lampforge itself", [project], self.install_lampforge),
        ]
        if llama_bench:
            steps.append(Step("llama-bench", "llama-bench", recipe, self.install_llama_bench, compiles=True))
        return steps

    def create_venv(self, interrupted: bool) -> None:
        """Create .venv; everything that was in it goes, stamps included."""
        if self.venv.exists():
            shutil.rmtree(self.venv)
        self.log.parent.mkdir(parents=True)
        # The interpreter behind an activated .venv, not the link inside the folder just removed.
        self.call(getattr(sys, "_base_executable", sys.executable), "-m", "venv", str(self.venv))

    def install_torch(self, interrupted: bool) -> None:
        """Install torch by pip, which prefers a CPU build where an index offers one; uv does not."""
        if not interrupted and self.torch_works():
            return
        index = self.environ.get("LAMPFORGE_TORCH_INDEX")
        self.pip("install", *anew(interrupted), f"torch=={TORCH}", *(["--index-url", index] if index else []))

    def torch_works(self) -> bool:
        """Whether .venv has an importable torch of the wanted version, of whatever build."""
        probe = f"import torch; raise SystemExit(torch.__version__.split('+')[0] != '{TORCH}')"
        return subprocess.run([self.python, "-c", probe], capture_output=True, check=False).returncode == 0

    def install_uv(self, interrupted: bool) -> None:
        """Install uv, which installs the lock in seconds where pip takes minutes."""
        self.pip("install", *anew(interrupted), f"uv=={UV}")

    def install_lock(self, interrupted: bool) -> None:
        """Install the locked packages, without looking at what they ask for: the lock is complete."""
        command = ["pip", "install", "--python", self.python, "--no-deps", "-r", "requirements.lock"]
        # A package without a wheel is built by the locked setuptools.
        command += ["--build-constraints", "requirements.lock"]
        # Once here, and not in each of the many short processes where Python is told to write no bytecode, as in most
        # containers: there the imports of a stage take half as long again.
        command += ["--compile-bytecode"]
        self.call(str(self.bin / "uv"), *command, *(["--reinstall"] if interrupted else []))

    def fetch_sdist(self, interrupted: bool) -> None:
        """Put the source of llama-cpp-python into .venv/cache and check that it is the pinned one."""
        if self.sdist.exists() and sha256(self.sdist) == LLAMA_SHA256:
            return
        arriving = self.cache / "arriving"
        shutil.rmtree(arriving, ignore_errors=True)
        # pip asks the build backend for metadata after the download: without isolation, the locked one.
        options = ["--no-deps", "--no-build-isolation", "--no-binary", "llama-cpp-python"]
        self.pip("download", *options, "--dest", str(arriving), f"llama-cpp-python=={LLAMA}")
        found = sha256(arriving / LLAMA_SDIST)
        if found != LLAMA_SHA256:
            raise SetupError(f"{LLAMA_SDIST} has sha256 {found}, but {LLAMA_SHA256} was expected: not used.")
        (arriving / LLAMA_SDIST).replace(self.sdist)
        shutil.rmtree(arriving)

    def install_llama(self, interrupted: bool) -> None:
        """Compile and install llama-cpp-python, or install the wheel this recipe compiled before."""
        wheel = self.built("wheel", cmake_flags(), self.build_wheel)
        self.pip("install", "--no-deps", "--force-reinstall", *anew(interrupted), str(wheel))
        self.call(self.python, "-c", "import llama_cpp; llama_cpp.llama_backend_init()")
        for name in ("llama-build", "wheels"):
            discard(self.cache / name)

    def build_wheel(self) -> Path:
        """Compile; the build folder outlives a killed run, so that the next one continues."""
        wheels = self.cache / "wheels"
        shutil.rmtree(wheels, ignore_errors=True)
        # --no-cache-dir: a wheel that pip remembers may have been compiled natively.
        options = ["--no-deps", "--no-build-isolation", "--no-cache-dir", "--wheel-dir", str(wheels)]
        build_dir = f"--config-settings=build-dir={self.cache / 'llama-build'}"
        self.pip("wheel", *options, build_dir, str(self.source()), CMAKE_ARGS=" ".join(cmake_flags()))
        return next(wheels.glob("llama_cpp_python-*.whl"))

    def unpack_converter(self, interrupted: bool) -> None:
        """Lay the converter out as in the llama.cpp repository: it imports its neighbours by their place."""
        arriving, place = self.cache / "converter", self.venv / "llama.cpp"
        shutil.rmtree(arriving, ignore_errors=True)
        arriving.mkdir(parents=True)
        vendor = self.source() / "vendor" / "llama.cpp"
        for name in ("convert_hf_to_gguf.py", "convert_lora_to_gguf.py", "LICENSE"):
            shutil.copy2(vendor / name, arriving / name)
        for name in ("conversion", "gguf-py"):
            shutil.copytree(vendor / name, arriving / name)
        shutil.rmtree(place, ignore_errors=True)
        arriving.rename(place)

    def install_lampforge(self, interrupted: bool) -> None:
        """Install this checkout as an editable package."""
        options = ["--no-deps", "--no-build-isolation", *anew(interrupted)]
        self.pip("install", *options, "--editable", str(self.root))

    def install_llama_bench(self, interrupted: bool) -> None:
        """Put llama-bench, compiled as llama-cpp-python is, into .venv/bin."""
        arriving = self.bin / "llama-bench.arriving"
        flags = [*cmake_flags(), *BENCH_FLAGS]
        shutil.copy2(self.built("llama-bench", flags, self.build_llama_bench), arriving)
        arriving.replace(self.bin / "llama-bench")
        discard(self.cache / "bench-build")

    def build_llama_bench(self) -> Path:
        """Compile; the build folder outlives a killed run here too."""
        source, build = self.source() / "vendor" / "llama.cpp", self.cache / "bench-build"
        flags = [*cmake_flags(), *BENCH_FLAGS]
        cmake = str(self.bin / "cmake")
        self.call(cmake, "-S", str(source), "-B", str(build), "-G", "Ninja", *flags)
        self.call(cmake, "--build", str(build), "--target", "llama-bench")
        return build / "bin" / "llama-bench"

    # What the steps share ----------------------------------------------------------------------------------

    def source(self) -> Path:
        """The unpacked source of llama-cpp-python."""
        arriving = self.cache / "unpacking"
        if not self.unpacked.exists():
            self.fetch_sdist(interrupted=False)  # .venv/cache may have been emptied
            shutil.rmtree(arriving, ignore_errors=True)
            with tarfile.open(self.sdist) as archive:
                archive.extractall(arriving)
            (arriving / self.unpacked.name).rename(self.unpacked)
            shutil.rmtree(arriving)
        return self.unpacked

    def built(
        self, what: str, flags: Sequence[str], build: Callable[[], Path], compilers: Sequence[str] | None = None
    ) -> Path:
        """The file that `build` makes, from the per-user folder where this same recipe has left it before.

        The folder's name is the sha256 of all that decides the outcome, and a file is only taken when it is
        byte for byte what was put there. compilers: those for another machine, which the flags then name.
        """
        if self.environ.get("LAMPFORGE_NO_WHEEL_CACHE") == "1":
            return build()
        recipe = {
            "what": what,
            "sdist": LLAMA_SHA256,
            "flags": flags,
            "python": python_minor(),
            "machine": platform.machine(),
            "cpu": "" if platform.machine() == "x86_64" else cpu_features(),  # compiled for this CPU only
            "compilers": [version_line(compiler) for compiler in compilers or find_compilers(self.environ)],
        }
        text = json.dumps(recipe, indent=1, sort_keys=True)
        base = Path(self.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        place = base / "lampforge" / "wheels" / hashlib.sha256(text.encode()).hexdigest()
        with contextlib.suppress(OSError, ValueError, KeyError):
            kept = json.loads(read_text(place / "recipe.json"))
            if sha256(place / kept["file"]) == kept["sha256"]:
                return place / str(kept["file"])
        file = build()
        with contextlib.suppress(OSError):  # a read-only home costs the next clone a compilation, no more
            place.mkdir(parents=True, exist_ok=True)
            publish(place / file.name, file.read_bytes())
            (place / file.name).chmod(0o755)
            entry = {**recipe, "file": file.name, "sha256": sha256(file)}
            publish(place / "recipe.json", (json.dumps(entry, indent=1) + "\n").encode())
        return file

    def pip(self, *arguments: str, **environ: str) -> None:
        """Run pip of .venv."""
        options = ["--disable-pip-version-check", "--no-input"]
        self.call(self.python, "-m", "pip", *options, *arguments, **environ)

    def call(self, *command: str, **extra: str) -> None:
        """Run a child with its output in the log; none of it survives when this process is stopped."""
        environ = {name: value for name, value in self.environ.items() if name not in SHELL_FLAGS}
        environ["PATH"] = f"{self.bin}{os.pathsep}{environ.get('PATH', os.defpath)}"
        environ.update(extra)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                command,
                cwd=self.root,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=self.lock_held,  # a child that outlives a kill -9 keeps the next run waiting
            )
            try:
                status = child.wait()
            except BaseException:
                os.killpg(child.pid, signal.SIGTERM)  # not SIGKILL: ninja has compilers of its own to stop
                child.wait()
                raise
        if status != 0:
            end = self.log.read_text(errors="replace").splitlines()[-15:]
            print("", *end, sep="\n    ", file=sys.stderr)
            raise SetupError(f"this step failed; the lines above are the end of {self.log}.")

    # Stamps ------------------------------------------------------------------------------------------------

    def done(self, step: Step) -> bool:
        """Whether the step's stamp stands for its present inputs."""
        try:
            stamp = (self.stamps / step.name).read_text()
        except OSError:
            return False
        # Python may have been removed from below .venv.
        return stamp == step.key() and (step.name != "venv" or Path(self.python).exists())

    def pending(self, steps: Sequence[Step]) -> list[Step]:
        """The steps to run; a new .venv has none of the old stamps."""
        if not self.done(steps[0]):
            return list(steps)
        return [step for step in steps if not self.done(step)]

    def perform(self, steps: Sequence[Step]) -> None:
        """Run the pending steps, each stamped when it is complete."""
        pending = self.pending(steps)
        if any(step.large for step in pending):
            check_disk(shutil.disk_usage(self.root).free, self.root)
        if any(step.compiles for step in pending):
            find_compilers(self.environ)
            if platform.machine() == "x86_64" and not has_x86_features():
                print("This CPU has no AVX2: llama.cpp is compiled without it and is several times slower.")
        for number, step in enumerate(pending, 1):
            print(f"[{number}/{len(pending)}] {step.what} ...", end=" ", flush=True)
            began = time.monotonic()
            started = self.stamps / f"{step.name}.started"
            interrupted = started.exists()
            self.log = self.venv / "log" / f"{step.name}.log"
            if step.name != "venv":
                (self.stamps / step.name).unlink(missing_ok=True)
                started.touch()
                self.log.unlink(missing_ok=True)
            step.run(interrupted)
            self.stamps.mkdir(exist_ok=True)
            self.cache.mkdir(exist_ok=True)
            publish(self.stamps / step.name, step.key().encode())
            started.unlink(missing_ok=True)
            print(f"{time.monotonic() - began:.0f} s", flush=True)
        discard(self.unpacked)  # 200 MB; who needs the source again unpacks it again

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until no other set-up works in this checkout."""
        import fcntl  # not on Windows, which check_python has turned away

        folder = os.open(self.root, os.O_RDONLY)
        try:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("Another set-up is at work in this folder; waiting for it.", flush=True)
                fcntl.flock(folder, fcntl.LOCK_EX)
            self.lock_held = (folder,)
            yield
        finally:
            os.close(folder)

    # The lock ----------------------------------------------------------------------------------------------

    def write_lock(self) -> None:
        """Resolve pyproject.toml into requirements.lock, and its part for devices into requirements-pi.lock."""
        self.perform([step for step in self.steps() if step.name in ("venv", "uv")])
        lock, pi_lock = self.root / "requirements.lock", self.root / "requirements-pi.lock"
        publish(lock, locked(self.resolved(read_text(lock), "--all-extras")).encode())
        pins = self.resolved("", "--extra", "pi", "--generate-hashes", "--constraint", str(lock))
        publish(pi_lock, (PI_LOCK_HEADER + pins).encode())
        print(f"{lock.name} and {pi_lock.name} are written.")

    def resolved(self, known: str, *options: str) -> str:
        """What uv makes of pyproject.toml, for every platform; it keeps the versions that it finds in `known`."""
        out = self.cache / "resolved.txt"
        out.write_text(known)
        common = ["--universal", "--fork-strategy", "fewest", "--no-annotate", "--no-header"]
        common += ["--python-version", ".".join(map(str, MIN_PYTHON)), "--output-file", str(out)]
        self.call(str(self.bin / "uv"), "pip", "compile", "pyproject.toml", *options, *common)
        return read_text(out)


def anew(interrupted: bool) -> list[str]:
    """Options that make pip write over a package that a killed run may have left half-written."""
    return ["--ignore-installed"] if interrupted else []


def locked(resolved: str) -> str:
    """The text of requirements.lock for a resolution."""
    lines = [line for line in resolved.splitlines() if not NOT_LOCKED.match(line)]
    return LOCK_HEADER + "".join(f"{line}\n" for line in lines)


def check_python(version: tuple[int, ...]) -> None:
    """Refuse a system or a Python that cannot run LampForge."""
    if os.name != "posix":
        raise SetupError("LampForge is set up on Linux or macOS; on Windows, use WSL.")
    if version < MIN_PYTHON:
        raise SetupError(
            "LampForge needs Python {}.{} or newer, and this is Python {}.{}: "
            "run `make PYTHON=python3.11 setup` with a newer one.".format(*MIN_PYTHON, *version)
        )
    if importlib.util.find_spec("ensurepip") is None:
        raise SetupError("This Python cannot create environments: run `apt-get install python3-venv`.")


def check_disk(free: int, folder: Path) -> None:
    """Refuse to begin what would fill the disk; `free` in bytes."""
    if free < MIN_FREE_GB * 10**9:
        raise SetupError(f"The set-up needs {MIN_FREE_GB} GB of free disk space and {folder} has {free / 1e9:.1f} GB.")


def find_compilers(environ: Mapping[str, str]) -> list[str]:
    """Paths of the C and the C++ compiler that CMake will take."""
    found = []
    for language, variable, names in (("C", "CC", "cc gcc clang"), ("C++", "CXX", "c++ g++ clang++")):
        candidates = shlex.split(environ.get(variable, ""))[:1] or names.split()
        paths = [shutil.which(name, path=environ.get("PATH")) for name in candidates]
        path = next(filter(None, paths), None)
        if path is None:
            raise SetupError(
                f"llama-cpp-python must be compiled and there is no {language} compiler "
                f"({', '.join(candidates)}): run `apt-get install build-essential`."
            )
        found.append(path)
    return found


def cpu_features() -> str:
    """What /proc/cpuinfo says this CPU can do; empty where there is no such file."""
    with contextlib.suppress(OSError):
        line = re.search(r"^(?:flags|Features)\s*:(.*)$", read_text(Path("/proc/cpuinfo")), re.MULTILINE)
        return line[1].strip() if line else ""
    return ""


def has_x86_features() -> bool:
    """Whether this x86 CPU has all of X86_FEATURES; taken for granted where it cannot be known."""
    features = cpu_features().split()
    return not features or {feature.lower() for feature in X86_FEATURES} <= set(features)


def cmake_flags() -> list[str]:
    """How llama.cpp is compiled here: portable on x86, for this very CPU elsewhere."""
    if platform.machine() != "x86_64":
        # The published arm64 wheels lack dotprod, which a Pi 5 has.
        return ["-DGGML_NATIVE=ON", "-DLLAVA_BUILD=OFF", "-DLLAMA_OPENSSL=OFF"]
    switch = "ON" if has_x86_features() else "OFF"
    features = [f"-DGGML_{feature}={switch}" for feature in X86_FEATURES]
    return ["-DGGML_NATIVE=OFF", *features, "-DLLAVA_BUILD=OFF", "-DLLAMA_OPENSSL=OFF"]


def python_minor() -> str:
    """The version of the running Python as far as installed packages depend on it."""
    return ".".join(map(str, sys.version_info[:2]))


def version_line(program: str) -> str:
    """First line of what a program says about its version."""
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return shown.partition("\n")[0]


def read_text(path: Path) -> str:
    """The text of a file."""
    return path.read_text(encoding="utf-8")


def sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def discard(folder: Path) -> None:
    """Remove a folder; when that is cut short, no half of it is left under its name."""
    doomed = folder.with_name("doomed")
    shutil.rmtree(doomed, ignore_errors=True)
    if folder.exists():
        folder.rename(doomed)
        shutil.rmtree(doomed)


def publish(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    arriving = path.with_name(path.name + ".arriving")
    with arriving.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    arriving.replace(path)


def stop(signum: int, frame: object) -> NoReturn:
    """Turn a signal into an exception, so that the child is stopped too."""
    sys.exit(128 + signum)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing; 0 when the environment is complete, 2 when it cannot be."""
    parser = argparse.ArgumentParser(description="Build .venv; what is there already is not built again.")
    parser.add_argument("--llama-bench", action="store_true", help="also compile .venv/bin/llama-bench")
    parser.add_argument("--lock", action="store_true", help="only write the two locks anew")
    options = parser.parse_args(arguments)
    try:
        check_python(sys.version_info[:2])
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, stop)
        setup = Setup(Path(__file__).resolve().parent.parent, os.environ)
        if options.lock:
            with setup.turn():
                setup.write_lock()
            return 0
        steps = setup.steps(options.llama_bench)
        if setup.pending(steps):
            with setup.turn():
                setup.perform(steps)
    except (SetupError, OSError) as error:
        print(f"\nset-up: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
