"""`lampforge bundle`: a model as a release that `lampforge fetch` puts to use on a device that has no DVC.

Comes in: the folder that model_gguf made, a version, small classifiers where there are some. Goes out: a folder or a
.tar with what release.py lists. Always holds: the same bytes for the same inputs (no time, user or path is in it);
what is written was loaded, and answered, as the device will do it.
"""

# Heavy imports are inside the functions that need them: --help does not wait for llama.cpp.
from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
import tempfile
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import click

from ... import files
from ...errors import UserError, reports_user_errors
from ..model_files import model_file
from . import release

_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--version", metavar="vX.Y.Z", help="[default: that of the git tag NAME@vX.Y.Z of this commit]")
@click.option("--models", type=_PATH, default=Path("models/gguf"), show_default=True, help="What model_gguf made.")
@click.option("--quant", default="Q4_K_M", show_default=True, help="Which of its GGUF files.")
@click.option("--out", type=_PATH, help="A .tar or a folder.  [default: NAME-VERSION-QUANT.tar]")
@click.option("--follow-up", type=_PATH, default=Path("models/follow_up"), show_default=True, help="If it is there.")
@click.option("--safety", type=_PATH, default=Path("models/safety"), show_default=True, help="If it is there.")
@click.option("--force", is_flag=True, help="Replace what is there.")
@reports_user_errors
def bundle(
    version: str | None, models: Path, quant: str, out: Path | None, follow_up: Path, safety: Path, force: bool
) -> None:
    """Write a model as a release for devices.

    \b
    Examples:
      lampforge bundle --version v1.0.0
      lampforge bundle --version v1.0.0 --quant Q8_0 --out release/
    """
    gguf = model_file(models, quant)
    name = gguf.stem.removesuffix(f"-{quant}")
    version = _checked_version(version or _tagged_version(name))
    out = out or Path(f"{name}-{version}-{quant}.tar")
    _refuse_existing(out, force)
    lineage = _lineage(models)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        classifiers = _collect(folder, gguf, models, {"follow_up": follow_up, "safety": safety}, lineage)
        manifest = _manifest(folder, name, version, quant, gguf.name, classifiers, lineage)
        _prove(folder, manifest)
        _publish(folder, out)
    click.echo(f"{out}: {manifest.title}, {manifest.size / 1e6:.2f} MB")
    if out.is_file():
        click.echo(f"sha256 {release.sha256(out)}")


def _checked_version(version: str) -> str:
    if not re.fullmatch(release.VERSION, version):
        raise UserError(f"--version {version!r}: no version; write it as v1.0.0")
    return version


def _tagged_version(name: str) -> str:
    """The version that GTO gave this commit."""
    command = ["git", "tag", "--points-at", "HEAD"]
    try:
        tags = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    except FileNotFoundError:
        tags = []
    found = [tag.removeprefix(f"{name}@") for tag in tags if re.fullmatch(rf"{re.escape(name)}@{release.VERSION}", tag)]
    if len(found) != 1:
        what = f"several ({', '.join(found)})" if found else "none"
        raise UserError(
            f"--version: not given, and of tags {name}@vX.Y.Z this commit has {what}; give --version v1.0.0"
        )
    return found[0]


def _refuse_existing(out: Path, force: bool) -> None:
    if not out.exists():
        return
    if not force:
        raise UserError(f"{out}: is there already; take another --out, or --force to replace it")
    if out.is_dir() and not (out / release.MANIFEST).is_file():
        raise UserError(f"{out}: a folder that holds no release is not replaced; take another --out")


def _lineage(models: Path) -> dict[str, str]:
    """The lineage in a model folder's manifest. Raises UserError unless the files are those of that manifest."""
    path = models / "manifest.json"
    found: Any = files.read_json(path)
    try:
        lineage, entries = dict(found["lineage"]), dict(found["files"])
        sums = {name: (entry["bytes"], entry["sha256"]) for name, entry in entries.items()}
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{path}: no manifest of models; make it again with `dvc repro model_gguf`") from None
    for name, expected in sums.items():
        file = models / name
        if not file.is_file() or (file.stat().st_size, release.sha256(file)) != expected:
            raise UserError(
                f"{file}: not what {path} lists; make it again with `dvc repro model_gguf` or `dvc checkout`"
            )
    return lineage


def _collect(
    folder: Path, gguf: Path, models: Path, classifiers: dict[str, Path], lineage: dict[str, str]
) -> dict[str, str]:
    """Put all but the manifest into `folder`, files as links. Returns the paths of the classifiers in it."""
    from ...lamp.grammar import lamp_grammar
    from ..generate import Generator
    from . import tokenizer_check, verifying

    (folder / gguf.name).symlink_to(gguf.resolve())
    card = models / release.CARD
    if not card.is_file():
        raise UserError(f"{card}: no model card; make it with `dvc repro model_gguf`")
    (folder / release.CARD).symlink_to(card.resolve())
    found = {}
    for kind, place in classifiers.items():
        if file := _only_file(place):
            (folder / kind).mkdir()
            (folder / kind / file.name).symlink_to(file.resolve())
            found[kind] = f"{kind}/{file.name}"
    (folder / release.GRAMMAR).write_text(lamp_grammar(), encoding="utf-8")
    files.write_json(folder / release.LINEAGE, lineage)
    with Generator(gguf) as generator:
        prompts = (verifying.first_prompt(generator),)
        (folder / release.TOKENIZER_CHECK).write_bytes(tokenizer_check.make(generator, prompts))
    return found


def _only_file(folder: Path) -> Path | None:
    if not folder.exists():
        return None
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "nothing"
        raise UserError(f"{folder}: a classifier is one file, and there is {names}; make it again")
    return found[0]


def _manifest(
    folder: Path,
    name: str,
    version: str,
    quant: str,
    gguf: str,
    classifiers: dict[str, str],
    lineage: dict[str, str],
) -> release.Manifest:
    """Write the manifest of what lies in `folder`."""
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    content = {
        "format": release.FORMAT,
        "name": name,
        "version": version,
        "quant": quant,
        "gguf": gguf,
        "classifiers": classifiers,
        "lineage": lineage,
        "llama_cpp_python": package_version("llama-cpp-python"),
        "files": {
            path: {"sha256": release.sha256(folder / path), "bytes": (folder / path).stat().st_size} for path in paths
        },
    }
    files.write_json(folder / release.MANIFEST, content)
    return release.read_manifest((folder / release.MANIFEST).read_bytes(), str(folder))


def _prove(folder: Path, manifest: release.Manifest) -> None:
    """As the device will do it: what is refused there need not be sent."""
    from . import verifying

    verifying.refuse_other_model(folder, manifest)


def _publish(folder: Path, out: Path) -> None:
    if out.suffix == ".tar":
        with files.published_file(out) as temporary:
            write_tar(folder, temporary)
    else:
        with files.published_folder(out) as temporary:
            shutil.copytree(folder, temporary, dirs_exist_ok=True, copy_function=shutil.copyfile)


def write_tar(folder: Path, out: Path) -> None:
    """The files of a release as a tar, the manifest first, the others by name; the same bytes at any time."""
    paths = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    with tarfile.open(out, "w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(paths, key=lambda path: (path != release.MANIFEST, path)):
            member = tarfile.TarInfo(path)  # mtime, uid and gid are 0, no names of user and group
            member.size = (folder / path).stat().st_size
            with (folder / path).open("rb") as file:
                tar.addfile(member, file)
