"""`lampforge pictures`: the library of pixel art on one sheet, to see what an edit did."""

# Heavy imports are inside the functions that need them: --help and usage errors do not wait for numpy.
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UserError, reports_user_errors

if TYPE_CHECKING:
    from .picture import Entry
    from .pixel_art import Picture

_COLUMNS = 10


@click.command()
@click.argument("groups", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default="pictures.png", show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), default="data/seed/pixel_art", show_default=True)
@reports_user_errors
def pictures(groups: tuple[str, ...], out: Path, folder: Path) -> None:
    """Write a contact sheet of the pixel art as the lamp shows it.

    GROUPS are names of files in the folder (animals, food, ...) or of single pictures; all of the library
    without them. Each picture is read and checked first: a row that is 11 wide is one clear line.

    \b
    Examples:
      lampforge pictures
      lampforge pictures animals owl --out animals.png
    """
    from ..files import published_file
    from .picture import contact_sheet
    from .pixel_art import library

    chosen = _chosen(library(folder), groups, folder)
    sheet = contact_sheet([_entry(picture) for picture in chosen], min(_COLUMNS, len(chosen)))
    with published_file(out) as temporary:
        sheet.save(temporary, format="PNG")
    click.echo(f"wrote {out}: {len(chosen)} pictures")


def _chosen(known: dict[str, Picture], wanted: tuple[str, ...], folder: Path) -> list[Picture]:
    """The pictures of the groups and names that are wanted, by group."""
    names = {*known, *(picture.group for picture in known.values())}
    for each in wanted:
        if each not in names:
            groups = ", ".join(sorted({picture.group for picture in known.values()}))
            raise UserError(f"{each}: neither a group nor a picture in {folder}; groups are {groups}")
    return [picture for picture in known.values() if not wanted or {picture.name, picture.group} & {*wanted}]


def _entry(picture: Picture) -> Entry:
    from .picture import Entry
    from .pixel_art import elements
    from .simulator import frame

    return Entry(picture.say[0], picture.group, None, [frame({"type": "render", "elements": elements(picture)}, 0)])
