"""`lampforge base pin`: the commits on the hub that bases are made of, looked up and written to params.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .. import files, params
from ..errors import UserError, reports_user_errors
from . import hub
from .bases import Entry

TABLE = "model_base.bases"


@click.command()
@click.argument("names", nargs=-1, metavar="[BASE]...")
@click.option(
    "--params",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default="params.yaml",
    show_default=True,
    help="The file with the table of bases.",
)
@reports_user_errors
def pin(names: tuple[str, ...], path: Path) -> None:
    """Pin bases to what the hub has now.

    Looks up the current commit of each base (or of those named) on the Hugging Face hub, writes it to params.yaml, and
    shows what changed; nothing else there is touched. Bases that cannot be looked up keep the commit they had. No
    weights are fetched; a token is not needed, for gated bases either. Commit the file: it says what is trained on.

    \b
    Examples:
      HF_HUB_OFFLINE=0 lampforge base pin
      HF_HUB_OFFLINE=0 lampforge base pin phi-4-mini
    """
    hubs = _hubs(path, names)
    before = {name: entry.revision for name, entry in hubs.items()}
    found, failures = _looked_up({name: str(entry.hub) for name, entry in hubs.items()})
    changed = {name: commit for name, commit in found.items() if commit != before[name]}
    if changed:
        write(path, changed)
    for name, commit in changed.items():
        click.echo(f"{name}: {before[name] or 'not pinned'} -> {commit}")
    click.echo(f"{path}: {len(changed)} of {len(found)} changed")
    if failures:
        raise UserError(f"not looked up: {'; '.join(failures)}")


def _hubs(path: Path, names: tuple[str, ...]) -> dict[str, Entry]:
    """The named bases, or all, that are on the hub. Raises UserError for a name that is not."""
    table = params.value(dict[str, Entry], TABLE, path)
    for name in names:
        if name not in table:
            raise UserError(f"{path}, {TABLE}: {name!r} is none of {', '.join(table)}")
        if table[name].hub is None:
            raise UserError(f"{name}: not on the hub, it is trained here; leave it out")
    return {name: entry for name, entry in table.items() if entry.hub is not None and (not names or name in names)}


def _looked_up(hubs: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """The current commits, and why some bases have none."""
    found: dict[str, str] = {}
    failures: list[str] = []
    for name, repository in hubs.items():
        try:
            found[name] = hub.current(repository)
        except hub.NotReachedError as error:
            failures.append(f"{name} and what follows ({error})")
            break
        except hub.HubError as error:
            failures.append(f"{name} ({error})")
    return found, failures


def write(path: Path, commits: dict[str, str]) -> None:
    """Put the commits where the table has its revisions; every other character of the file stays as it is."""
    import yaml

    text = path.read_text(encoding="utf-8")
    table = _below(yaml.compose(text), *TABLE.split("."))
    places = {name: _below(_below(table, name), "revision") for name in commits}
    # From the end, so that what lies before stays where it was.
    for name, place in sorted(places.items(), key=lambda item: -item[1].start_mark.index):
        # Quoted, as 40 digits without a letter would be a number.
        text = f'{text[: place.start_mark.index]}"{commits[name]}"{text[place.end_mark.index :]}'
    with files.published_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _below(node: Any, *keys: str) -> Any:
    """The value of a key in a YAML node, with its place in the text."""
    for key in keys:
        node = next(value for name, value in node.value if name.value == key)
    return node
