"""`lampforge fetch`: bring a release to this device, prove that it is the right one, and put it to use.

Comes in: a release that `lampforge bundle` made, as folder, .tar or URL of a .tar. Goes out: the release in use, see
installed.py. Always holds: whatever goes wrong, the model that was in use stays in use.
"""

# Heavy imports are inside the functions that need them: --help does not wait for llama.cpp.
from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...errors import UserError, one_line, reports_user_errors

if TYPE_CHECKING:
    from .installed import Installed
    from .unpacking import Member, Read

_URL = re.compile(r"https?://", re.IGNORECASE)
_LIMIT_MB = 8192
_KEEP = 3

Progress = Callable[[int, int | None], None]
"""Told the bytes that came so far, and those in all, None where that is unknown."""


@click.command()
@click.argument("source", required=False)
@click.option("--back", is_flag=True, help="Put the release to use that was in use before.")
@click.option("--list", "listing", is_flag=True, help="Show what is installed.")
@click.option("--sha256", metavar="HEX", help="What the sha256 of the .tar must be.")
@click.option("--home", type=click.Path(path_type=Path), help="Where models are installed.  [default: $LAMPFORGE_HOME]")
@click.option("--keep", type=click.IntRange(1), default=_KEEP, show_default=True, help="Releases that stay installed.")
@click.option("--limit", type=click.IntRange(1), default=_LIMIT_MB, show_default=True, help="MB of a .tar at most.")
@reports_user_errors
def fetch(
    source: str | None, back: bool, listing: bool, sha256: str | None, home: Path | None, keep: int, limit: int
) -> None:
    """Bring a release to this device and put it to use.

    SOURCE is what `lampforge bundle` made: a folder, a .tar, or the http or https address of a .tar. It is used only
    when every file has the sum of its manifest, the model is made of what the manifest says, llama.cpp reads
    texts here as it did there, and a first answer is a valid program. Otherwise the old model stays in use.

    \b
    Examples:
      lampforge fetch lamp-nano-v1.0.0-Q4_K_M.tar
      lampforge fetch https://example.org/lamp-nano-v1.0.0-Q4_K_M.tar --sha256 4f1c...
      lampforge fetch --back
      lampforge fetch --list
    """
    from . import installed

    if (source is not None) + back + listing != 1:
        raise UserError("fetch: give either SOURCE, --back or --list; see `lampforge fetch --help`")
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise UserError(f"--sha256 {sha256[:80]!r}: no sha256, which has 64 hexadecimal digits; copy all of it")
    where = installed.home_folder(home)
    if listing:
        _show_list(where)
    elif back:
        _report(go_back(where))
    elif source is not None:
        with _progress_bar() as progress:
            found = fetch_release(where, source, sha256 and sha256.lower(), keep, limit << 20, progress)
        _report(found)


def fetch_release(
    home: Path, source: str, sha256: str | None, keep: int, limit: int, progress: Progress | None = None
) -> Installed:
    """Install the release at `source` in `home` and put it to use. limit: bytes of a tar at most.

    Raises UserError for all that can go wrong; the old release is in use then.
    """
    from . import installed, unpacking, verifying

    try:
        with installed.turn(home, _say_waiting) as incoming, _members(source, sha256, limit, progress) as members:
            manifest = unpacking.unpack(members, incoming, _short(source))
            verifying.refuse_other_model(incoming, manifest)
            new = installed.put_to_use(home, incoming)
            installed.prune(home, keep)
            return new
    except OSError as error:
        raise UserError(one_line(error) + _in_use(home)) from None
    except UserError as error:
        raise UserError(f"{error}{_in_use(home)}") from None


def go_back(home: Path) -> Installed:
    """Put the previous release to use, when it still is what it was. Raises UserError; nothing has changed then."""
    from . import installed, verifying

    with installed.turn(home, _say_waiting):
        before = installed.linked_folder(home, installed.PREVIOUS)
        if before is not None:
            verifying.refuse_other_model(before, verifying.refuse_other_files(before))
        return installed.go_back(home)


@contextmanager
def _members(source: str, sha256: str | None, limit: int, progress: Progress | None) -> Iterator[Iterator[Member]]:
    from . import unpacking

    folder = Path(source)
    if _URL.match(source) or not folder.is_dir():
        with _opened(source, limit, progress) as (read, where):
            yield _checked(read, where, sha256, unpacking.tar_members)
    elif sha256 is not None:
        raise UserError(f"{source}: a folder, and --sha256 is that of a .tar; leave it out or give the .tar")
    else:
        yield unpacking.folder_members(folder)


@contextmanager
def _opened(source: str, limit: int, progress: Progress | None) -> Iterator[tuple[Read, str]]:
    """How a tar is read, and what it is called in messages."""
    if _URL.match(source):
        from .download import Download

        with Download(source, limit, progress=progress) as download:
            yield download.read, download.shown
        return
    try:
        with Path(source).open("rb") as file:
            yield file.read, source
    except FileNotFoundError:
        raise UserError(f"{_short(source)}: no such file; SOURCE is a folder, a .tar, or an http(s) address") from None


def _checked(
    read: Read, where: str, sha256: str | None, members: Callable[[Read, str], Iterator[Member]]
) -> Iterator[Member]:
    """The members of a tar; behind the last one, UserError when the whole has another sum than `sha256`."""
    digest = hashlib.sha256()

    def summed(size: int) -> bytes:
        block = read(size)
        digest.update(block)
        return block

    yield from members(summed, where)
    if sha256 not in (None, digest.hexdigest()):
        raise UserError(f"{where}: the sha256 is {digest.hexdigest()} and not {sha256}; download or copy it again")


def _in_use(home: Path) -> str:
    """Added to what went wrong."""
    from . import installed

    try:
        now = installed.current(home)
    except UserError:
        return ""
    return f" ({now.manifest.title} stays in use)" if now else ""


def _say_waiting() -> None:
    click.echo("another fetch is at work; waiting for it", err=True)


def _short(source: str) -> str:
    if _URL.match(source):
        return source.partition("?")[0].rpartition("/")[2] or "the download"
    return source if len(source) <= 80 else f"{source[:77]}..."


@contextmanager
def _progress_bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None, visible=False)
        yield lambda came, total: bar.update(task, completed=came, total=total, visible=True)


def _report(found: Installed) -> None:
    click.echo(f"{found.manifest.title} is in use: {found.gguf}")


def _show_list(home: Path) -> None:
    from datetime import datetime

    from rich.console import Console
    from rich.table import Table

    from . import installed

    table = Table("version", "quant", "MB", "put to use", "", title=str(home))
    marks = {installed.linked_folder(home, name): name for name in (installed.PREVIOUS, installed.CURRENT)}
    for folder in installed.all_installed(home):
        when = f"{datetime.fromtimestamp(folder.stat().st_mtime):%Y-%m-%d %H:%M}"
        try:
            found = installed.read(folder).manifest
            cells = (f"{found.name} {found.version}", found.quant, f"{found.size / 1e6:,.2f}")
        except UserError:
            cells = (folder.name, "damaged", "")
        table.add_row(*cells, when, marks.get(folder, ""))
    if table.row_count:
        Console().print(table)
    else:
        click.echo(f"{home}: nothing is installed; `lampforge fetch SOURCE` brings a release")
