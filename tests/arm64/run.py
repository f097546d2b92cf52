"""The device code on an emulated ARM64 Debian writes the same tokens as here.

On Debian for amd64, from the root of the checkout, after `make setup`:

    apt-get install qemu-user-static g++-aarch64-linux-gnu
    .venv/bin/python -m tests.arm64.run [--model MODEL.gguf] [--release bookworm|trixie] [REQUEST ...]

Debian's own Python for arm64 is laid out in a folder (no root, no binfmt_misc) and started under qemu as on the
Cortex-A76 of a Raspberry Pi 5. With it goes what `make dist ARGS="--machine aarch64"` makes for a Pi, installed from
its requirements.txt: published aarch64 wheels, and llama-cpp-python cross-compiled from its one source. answer.py
then answers the same requests there and here. What takes long is kept in ~/.cache/lampforge.

Exit status 0: the same tokens; 1: not, and where they part; 2: it could not be tried, and why.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools import dist

ROOT = Path(__file__).parents[2]
QEMU = "qemu-aarch64-static"
TOOLS = {
    QEMU: "qemu-user-static",
    "aarch64-linux-gnu-g++": "g++-aarch64-linux-gnu",
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
}
MIRROR = "http://deb.debian.org/debian"
PACKAGES = ("python3", "libstdc++6")
MODEL = ROOT / "models" / "gguf" / "lamp-nano-Q4_K_M.gguf"
REQUESTS = ("show a star", "sleep timer that dims over 30 minutes", "a teal butterfly on navy")


def missing() -> str | None:
    """What to install first, in one sentence; None when all is there."""
    packages = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    return f"this needs `apt-get install {' '.join(packages)}`" if packages else None


def cache() -> Path:
    """Where that is kept which takes long to make."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lampforge" / "arm64"


def debian(folder: Path, release: str) -> Path:
    """Debian's Python for arm64 and what it needs, unpacked in `folder`; its interpreter."""
    root, work = folder / "root", folder / "apt"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        (work / "lists" / "partial").mkdir(parents=True)
        (work / "cache" / "archives" / "partial").mkdir(parents=True)
        (work / "sources.list").write_text(f"deb {MIRROR} {release} main\n")
        (work / "status").touch()
        for command in (["update"], ["install", "--yes", "--download-only", "--no-install-recommends", *PACKAGES]):
            subprocess.run(["apt-get", "--quiet", *_apt_options(work), *command], check=True)
        for package in sorted((work / "cache" / "archives").glob("*.deb")):
            subprocess.run(["dpkg-deb", "--extract", package, root], check=True)
        if not (root / "lib").exists():  # in bookworm a package owns it, in trixie the installer makes it
            (root / "lib").symlink_to("usr/lib")
        (folder / "complete").touch()
    return (root / "usr" / "bin" / "python3").resolve()


def _apt_options(work: Path) -> list[str]:
    """apt's state in `work` alone: nothing of this system is read but its keys, nothing is changed."""
    chosen = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "1",
        "Dir::Cache": f"{work}/cache",
        "Dir::Etc::SourceList": f"{work}/sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State": f"{work}",
        "Dir::State::Lists": f"{work}/lists",
        "Dir::State::Status": f"{work}/status",
    }
    return [part for key, value in chosen.items() for part in ("--option", f"{key}={value}")]


def installed(site: Path, made: Path, version: str) -> None:
    """What a Pi installs, for Python `version`, in `site`. Without a compiler: all of it must be wheels."""
    shutil.rmtree(site, ignore_errors=True)
    uv = Path(sys.executable).parent / "uv"
    options = ["--python-platform", "aarch64-manylinux_2_36", "--python-version", version, "--only-binary", ":all:"]
    command = [uv, "pip", "install", "--quiet", "--target", site, *options, "--require-hashes"]
    subprocess.run([*command, "--find-links", made, "-r", made / "requirements.txt"], check=True, cwd=made)


def answers(command: Sequence[str | Path], environ: dict[str, str], arguments: Sequence[str]) -> list[dict[str, Any]]:
    """What answer.py says when it is started by `command`."""
    script = Path(__file__).with_name("answer.py")
    line = [*command, script, *arguments]
    done = subprocess.run(line, env=environ, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def difference(here: dict[str, Any], there: dict[str, Any]) -> str | None:
    """Where two answers part; None when they are the same tokens."""
    if here["prompt"] != there["prompt"]:
        return "the prompt is tokenized otherwise"
    if here["source"] != "model" or there["source"] != "model":
        return f"answered by {here['source']} here and by {there['source']} there"
    for number, (one, other) in enumerate(zip(here["tokens"], there["tokens"], strict=False)):
        if one != other:
            texts = here["text"], there["text"]
            at = next((n for n, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), min(map(len, texts)))
            rest, others = (text[at : at + 24] for text in texts)
            return f"token {number} is {one} here and {other} there, {rest!r} and {others!r} behind {texts[0][:at]!r}"
    if (len(here["tokens"]), here["n_tokens"]) != (len(there["tokens"]), there["n_tokens"]):
        return f"{here['n_tokens']} tokens here and {there['n_tokens']} there"
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Set up what is missing, answer on both, compare."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--model", type=Path, default=MODEL, help="a GGUF file (models/gguf/lamp-nano-Q4_K_M.gguf)")
    parser.add_argument("--release", choices=["bookworm", "trixie"], default="bookworm", help="of Debian")
    parser.add_argument("requests", nargs="*", default=REQUESTS, metavar="REQUEST")
    given = parser.parse_args(arguments)
    reason = missing() or (None if given.model.is_file() else f"{given.model}: no such file; run `make repro`")
    if reason:
        print(reason, file=sys.stderr)
        return 2
    folder, made = cache() / given.release, cache() / "dist"
    if dist.main(["--machine", "aarch64", "--dist", str(made)]) != 0:
        return 2
    python = debian(folder, given.release)
    installed(folder / "site", made, python.name.removeprefix("python"))
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "OMP_WAIT_POLICY": "passive"}
    wanted = [str(given.model.resolve()), *given.requests]
    emulator = [QEMU, "-cpu", "cortex-a76", "-L", folder / "root", python]
    there = answers(emulator, environ | {"PYTHONPATH": str(folder / "site")}, wanted)
    here = answers([sys.executable], environ, wanted)
    return report(here, there)


def report(here: Sequence[dict[str, Any]], there: Sequence[dict[str, Any]]) -> int:
    """Print a line per request; 1 when an answer differs."""
    status = 0
    for one, other in zip(here, there, strict=True):
        parted = difference(one, other)
        status |= parted is not None
        same = f"the same {one['n_tokens']} tokens"
        print(f"{one['request']!r}: {parted or same}")
        for answer in (one, other):
            made = f"{answer['machine']}, Python {answer['python']}, {answer['total_ms']:,} ms"
            print(f"  {made}: {answer['text'][:100]}")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
