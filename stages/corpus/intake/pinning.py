"""Which commit of a data set on the hub the corpus is made of, and `lampforge corpus pin`, which looks them up.

The commits stand in a file beside the folder of the sources, in git: a corpus made today and one made next year read
the same bytes. The file has each source's key, null while it is not pinned, so that DVC can follow each key alone and
stage one source again when one is pinned anew.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import click

from ... import files
from ...errors import UserError, reports_user_errors
from .hub_calls import HubError, NotReachedError, called, check_online

FILE = Path("data/seed/corpus/revisions.yaml")
"""From the repository root, where DVC runs the stages."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
_CONVERTED = "refs/convert/parquet"
_HEAD = """\
# The commit on the Hugging Face hub that each source is read at (provider hub); null: not looked up yet.
# Written by `lampforge corpus pin`. A source with a loading script is read from the hub's own Parquet conversion.
"""

Commits = dict[str, str | None]


def revision_of(key: str, path: Path = FILE) -> str:
    """The pinned commit of a source, 40 hex digits. Raises UserError where there is none."""
    commit = load(path).get(key)
    if commit is None:
        raise UserError(f"{path}: {key} is not pinned to a revision of the hub; run: lampforge corpus pin {key}")
    return commit


def beside(sources: Path) -> Path:
    """The file with the commits of the sources in a folder."""
    return sources.parent / FILE.name


def load(path: Path) -> Commits:
    """The commits by key; none for a file that is missing or empty. Raises UserError for any other content."""
    import yaml

    try:
        commits = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        return {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not YAML ({' '.join(str(error).split())}); restore it (git checkout)") from None
    if not isinstance(commits, dict):
        raise UserError(f"{path}: no mapping of keys to commits; restore it (git checkout)")
    for key, commit in commits.items():
        if commit is not None and not (isinstance(commit, str) and _COMMIT.fullmatch(commit)):
            raise UserError(f'{path}, {key}: {commit!r} is no commit; write its 40 hex digits in "", or null')
    return commits


def write(path: Path, commits: Commits) -> None:
    """Publish the commits, sorted by key."""
    # Quoted, as 40 digits without a letter would be a number.
    lines = [f'{key}: "{commit}"\n' if commit else f"{key}: null\n" for key, commit in sorted(commits.items())]
    with files.published_file(path) as temporary:
        temporary.write_text(_HEAD + "".join(lines), encoding="utf-8")


def script_of(hub: str) -> str:
    """What a data set's loading script is called, if it has one."""
    return f"{hub.rpartition('/')[2]}.py"


def current(hub: str) -> str:
    """The commit that a data set is at now: of its main branch, or of its Parquet conversion if a script loads it.

    Raises HubError.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    info = called(partial(api.dataset_info, hub), hub)
    if script_of(hub) in {file.rfilename for file in info.siblings or ()}:
        try:
            info = called(partial(api.dataset_info, hub, revision=_CONVERTED), hub)
        except NotReachedError:
            raise
        except HubError as error:
            raise HubError(f"{hub} has a loading script, which is not run, and no {_CONVERTED} ({error})") from None
    if not info.sha or not _COMMIT.fullmatch(info.sha):
        raise HubError(f"the hub gives no commit for {hub}")
    return info.sha


@click.command()
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option(
    "--sources",
    type=click.Path(path_type=Path, file_okay=False),
    default="data/seed/corpus/sources",
    show_default=True,
    help="The folder with a folder for each source; the revisions are beside it.",
)
@reports_user_errors
def pin(keys: tuple[str, ...], sources: Path) -> None:
    """Pin sources to what the hub has now.

    Looks up the current commit of each source (or of those named) on the Hugging Face hub, writes it to revisions.yaml
    beside the sources, and shows what changed. Sources that cannot be looked up keep the commit they had. Nothing else
    is fetched; a token is not needed, for gated sources either. Commit the file: the corpus is made of these revisions.

    \b
    Examples:
      HF_HUB_OFFLINE=0 lampforge corpus pin
      HF_HUB_OFFLINE=0 lampforge corpus pin gsm8k oasst2
    """
    hubs = _hubs(sources, keys)
    check_online()
    path = beside(sources)
    before = load(path)
    found, failures = _looked_up(hubs, set(keys or hubs))
    after = {key: found.get(key, before.get(key)) for key in hubs}
    for key in before.keys() - hubs.keys():
        click.echo(f"{key}: no source any more, left out")
    if after != before:
        write(path, after)
    changed = [key for key in hubs if after[key] != before.get(key)]
    for key in changed:
        click.echo(f"{key}: {before.get(key) or 'not pinned'} -> {after[key]}")
    click.echo(f"{path}: {len(changed)} of {len(found)} changed; {sum(map(bool, after.values()))} sources are pinned")
    if failures:
        raise UserError(f"not looked up: {'; '.join(failures)}")


def _hubs(sources: Path, keys: tuple[str, ...]) -> dict[str, str | None]:
    """The data set of each source, sorted by key. Raises UserError for a key that has none."""
    from ... import params
    from ..rows.source import Source
    from .entry import ENTRY

    entries = sorted(path.parent for path in sources.glob(f"*/{ENTRY}"))
    if not entries:
        raise UserError(f"{sources}: no sources here; run from the repository root or pass --sources")
    hubs = {entry.name: params.load(Source, "source", entry / ENTRY).hub for entry in entries}
    for key in keys:
        if key not in hubs:
            raise UserError(f"{key}: no source of that key in {sources}; there are {', '.join(hubs)}")
        if hubs[key] is None:
            raise UserError(f"{key}: not on the hub, its files are your own; leave it out")
    return hubs


def _looked_up(hubs: dict[str, str | None], wanted: set[str]) -> tuple[dict[str, str], list[str]]:
    """The current commits of the wanted sources that are on the hub, and why some have none."""
    found: dict[str, str] = {}
    failures: list[str] = []
    for key, hub in hubs.items():
        if hub is None or key not in wanted:
            continue
        try:
            found[key] = current(hub)
        except NotReachedError as error:
            failures.append(f"{key} and what follows ({error})")
            break
        except HubError as error:
            failures.append(f"{key} ({error})")
    return found, failures
