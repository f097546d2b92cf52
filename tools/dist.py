"""What a device is set up from, without a compiler: `make dist`, or python -m tools.dist --machine aarch64.

Comes in: this checkout with its .venv, and requirements-pi.lock. Goes out, in dist/:

    lampforge-*.whl          the same sources give the same bytes
    llama_cpp_python-*.whl   compiled for this machine, or with --machine aarch64 for a Raspberry Pi 5
    requirements.txt         all that `lampforge[pi]` needs, with the sums of what is published and of these wheels

so that a device which has this folder is set up by two commands:

    python3 -m venv lamp
    lamp/bin/pip install -r dist/requirements.txt

Always holds: nothing is fetched, and each file is whole or not there. The wheel of llama-cpp-python has each library
once (pip's has up to six copies: 52 MB instead of 9), and with them GCC's libgomp, which a bare Debian lacks.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools import bootstrap
from tools.bootstrap import Setup, SetupError

LOCK = "requirements-pi.lock"
LIBS = "llama_cpp/lib/"
# What Python opens by name, and what those need by their sonames.
CARRIED = re.compile(r"lib(llama|ggml)\.so|libggml[\w-]*\.so\.\d+")

# A Pi 5 has a Cortex-A76. On a Pi 4, which has no dotprod, run tools/bootstrap.py and `make dist` instead.
ARM_COMPILERS = ("aarch64-linux-gnu-gcc", "aarch64-linux-gnu-g++")
ARM_FLAGS = [
    "-DCMAKE_SYSTEM_NAME=Linux",
    "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
    f"-DCMAKE_C_COMPILER={ARM_COMPILERS[0]}",
    f"-DCMAKE_CXX_COMPILER={ARM_COMPILERS[1]}",
    "-DGGML_NATIVE=OFF",
    "-DGGML_CPU_ARM_ARCH=armv8.2-a+dotprod+fp16",
]
# The libraries alone, found beside one another, without llama.cpp's tools and what only those need.
LIBRARY_FLAGS = ["-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=ON", "-DCMAKE_PLATFORM_NO_VERSIONED_SONAME=ON"]
LIBRARY_FLAGS += ["-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON", "-DCMAKE_INSTALL_RPATH=$ORIGIN", "-DLLAMA_OPENSSL=OFF"]
LIBRARY_FLAGS += [f"-DLLAMA_BUILD_{part}=OFF" for part in ("COMMON", "TESTS", "TOOLS", "EXAMPLES", "SERVER", "APP")]

_EPOCH = "315532800"  # 1980-01-01, the earliest time that a zip file knows


def build(setup: Setup, dist: Path, machine: str) -> list[Path]:
    """Fill `dist`; the files that were made."""
    dist.mkdir(parents=True, exist_ok=True)
    lampforge = own_wheel(setup, dist)
    fat = setup.built("wheel", bootstrap.cmake_flags(), setup.build_wheel)
    if machine == platform.machine():
        [compiler, _] = bootstrap.find_compilers(setup.environ)
        libraries = carried(fat) | openmp(compiler)
        llama = publish(dist / fat.name, assembled(fat, libraries, machine))
    else:
        llama = publish(dist / fat.name.replace(platform.machine(), machine), cross_compiled(setup, fat).read_bytes())
    bootstrap.discard(setup.unpacked)
    # One that was made before, for another machine, is offered too.
    wheels = sorted(dist.glob(f"llama_cpp_python-{bootstrap.LLAMA}-*.whl"))
    text = requirements(bootstrap.read_text(setup.root / LOCK), lampforge, wheels)
    return [lampforge, llama, publish(dist / "requirements.txt", text.encode())]


def own_wheel(setup: Setup, dist: Path) -> Path:
    """The wheel of this checkout, built from a copy: what former builds left lying about does not get into it."""
    source, out = setup.cache / "lampforge-source", setup.cache / "lampforge-wheel"
    for folder in (source, out):
        shutil.rmtree(folder, ignore_errors=True)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(setup.root / "stages", source / "stages", ignore=ignore, copy_function=shutil.copyfile)
    for name in ("pyproject.toml", "README.md"):
        shutil.copyfile(setup.root / name, source / name)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--no-cache-dir", "--wheel-dir", str(out)]
    setup.pip("wheel", *options, str(source), SOURCE_DATE_EPOCH=_EPOCH)
    [made] = out.glob("lampforge-*.whl")
    for old in dist.glob("lampforge-*.whl"):
        old.unlink()
    return publish(dist / made.name, made.read_bytes())


def carried(wheel: Path) -> dict[str, bytes]:
    """The libraries of a wheel of llama-cpp-python that pip built, each once: name to content."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name.removeprefix(LIBS) for name in archive.namelist() if name.startswith(LIBS)]
        return {name: archive.read(LIBS + name) for name in names if CARRIED.fullmatch(name)}


def openmp(compiler: str) -> dict[str, bytes]:
    """GCC's OpenMP library, from where the compiler has it; nothing for a compiler that uses another."""
    command = [compiler, "-print-file-name=libgomp.so.1"]
    found = Path(subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip())
    return {found.name: found.read_bytes()} if found.is_absolute() else {}


def cross_compiled(setup: Setup, fat: Path) -> Path:
    """The wheel for a Pi 5: the Python files are those of this machine's wheel, the libraries are not."""
    missing = [name for name in ARM_COMPILERS if shutil.which(name, path=setup.environ.get("PATH")) is None]
    if missing or platform.machine() == "aarch64":
        raise SetupError(f"There is no {' and no '.join(missing)}: run `apt-get install g++-aarch64-linux-gnu`.")

    def make() -> Path:
        folder = setup.cache / "arm-build"
        cmake, source = str(setup.bin / "cmake"), setup.source() / "vendor" / "llama.cpp"
        setup.call(cmake, "-S", str(source), "-B", str(folder), "-G", "Ninja", *ARM_FLAGS, *LIBRARY_FLAGS)
        setup.call(cmake, "--build", str(folder), "--target", "llama")
        libraries = {path.name: path.read_bytes() for path in (folder / "bin").glob("lib*.so")}
        out = setup.cache / fat.name.replace(platform.machine(), "aarch64")
        return publish(out, assembled(fat, libraries | openmp(ARM_COMPILERS[0]), "aarch64"))

    wheel = setup.built("slim wheel", [*ARM_FLAGS, *LIBRARY_FLAGS], make, ARM_COMPILERS)
    bootstrap.discard(setup.cache / "arm-build")
    return wheel


def assembled(wheel: Path, libraries: Mapping[str, bytes], machine: str) -> bytes:
    """A wheel with the Python files and the metadata of `wheel` and with these libraries; `machine` is in its tag."""
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if re.match(r"llama_cpp(/(?!lib/)|_)", name)}
    [record] = [name for name in files if name.endswith(".dist-info/RECORD")]
    tag = record.replace("RECORD", "WHEEL")
    files[tag] = re.sub(rb"(?m)^(Tag: .*linux_)\w+$", rb"\g<1>" + machine.encode(), files[tag])
    files |= {LIBS + name: content for name, content in libraries.items()}
    del files[record]
    files = dict(sorted(files.items()))
    lines = [f"{name},sha256={_digest(content)},{len(content)}" for name, content in files.items()]
    files[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)  # of 1980, so that the same files give the same bytes
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def requirements(lock: str, lampforge: Path, llama: Sequence[Path]) -> str:
    """The lock with lampforge, and with the sums of these wheels of llama-cpp-python in place of its source's.

    Beside them that sum would make pip take the source: it prefers what a list of published files has a sum for.
    """
    pinned = f"llama-cpp-python=={bootstrap.LLAMA} \\\n"
    source = f"{pinned}    --hash=sha256:{bootstrap.LLAMA_SHA256}\n"
    if source not in lock:
        raise SetupError(f"{LOCK} does not have llama-cpp-python {bootstrap.LLAMA}: run `make lock`.")
    sums = " \\\n".join(f"    --hash=sha256:{bootstrap.sha256(wheel)}" for wheel in llama)
    lock = lock.replace(source, f"{pinned}{sums}\n")
    version = lampforge.name.split("-")[1]
    own = f"lampforge[pi]=={version} \\\n    --hash=sha256:{bootstrap.sha256(lampforge)}\n"
    return f"# pip install -r requirements.txt\n--find-links .\n{lock}{own}"


def publish(path: Path, content: bytes) -> Path:
    """Write a file so that it is there whole or not at all."""
    bootstrap.publish(path, content)
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill dist/; 0 when it is complete, 2 when it cannot be."""
    parser = argparse.ArgumentParser(description="Build the wheels that a device is set up from.")
    parser.add_argument("--machine", choices=sorted({platform.machine(), "aarch64"}), default=platform.machine())
    parser.add_argument("--dist", type=Path, default=Path("dist"), help="where they go (dist)")
    options = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, bootstrap.stop)
    setup = Setup(Path(__file__).resolve().parent.parent, os.environ)
    setup.log = setup.venv / "log" / "dist.log"
    setup.log.unlink(missing_ok=True)
    try:
        if sys.platform != "linux":
            raise SetupError("`make dist` builds for Linux, on Linux.")
        with setup.turn():
            for path in build(setup, options.dist, options.machine):
                print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    except (SetupError, OSError) as error:
        print(f"\ndist: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
