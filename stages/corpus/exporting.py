"""The corpus, or a part of it, as files that other tools read: `lampforge corpus export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import UserError, reports_user_errors
from .rows.source import Category

if TYPE_CHECKING:
    from .rows.tasks import Executor
    from .writing import Format


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["parquet", "jsonl"]), default="parquet", show_default=True)
@click.option(
    "--category",
    "categories",
    multiple=True,
    type=click.Choice([one.value for one in Category]),
    help="Only these; repeat it.",
)
@click.option("--source", "keys", multiple=True, metavar="KEY", help="Only these sources; repeat it.")
@click.option("--licence", "licences", multiple=True, metavar="ID", help="Only rows under these; repeat it.")
@click.option("--language", "languages", multiple=True, metavar="CODE", help="Only rows in these (en, de, ...).")
@click.option("--sources", type=click.Path(path_type=Path), default="data/corpus/sources", show_default=True)
@click.option("--merged", type=click.Path(path_type=Path), default="data/corpus/merged", show_default=True)
@click.option("--executor", type=click.Choice(["local", "ray"]), default="local", show_default=True)
@reports_user_errors
def export(
    out: Path, sources: Path, merged: Path, executor: Executor, languages: tuple[str, ...], **wanted: Any
) -> None:
    """Write the rows of the corpus to folder OUT, in parts, in the corpus's order.

    Each row has instruction, input, output, history (the turns before), system, and metadata: _id, _source,
    _category, _license, _lang, and for rows of the safety bucket _safety_label, _severity and _reviewed. An
    interrupted export goes on where it was.

    \b
    lampforge corpus export corpus/ --format jsonl
    lampforge corpus export code/ --category code --licence MIT --licence Apache-2.0
    """
    from . import merging, writing
    from .rows import tasks

    form: Format = wanted.pop("form")
    _check_free(out)
    chosen = [report for report in merging.reports(merged, sources) if _is_wanted(report, **wanted)]
    if not chosen:
        raise UserError(
            f"{merged}: no source matches; `{merged / merging.MANIFEST}` lists their categories and licences"
        )
    origins = writing.origins(sources, chosen)
    index = merged / merging.INDEX
    with tasks.workplace(out, tasks.fingerprint_of([index], form, languages, sorted(wanted.items()))) as place:
        calls = [
            tasks.Task(
                f"{number:05}",
                writing.whole,
                (origin, index, languages, place / "out" / f"part-{number:05}.{form}", form),
            )
            for number, origin in enumerate(origins)
        ]
        counts = tasks.run(calls, place / "receipts", executor, "export")
    rows, size = sum(count["rows"] for count in counts), sum(count["bytes"] for count in counts)
    click.echo(f"{out}: {rows:,} rows in {len(origins):,} parts, {size / 1e6:,.1f} MB")


def _check_free(out: Path) -> None:
    """An export replaces an earlier one, and nothing else. Raises UserError for a folder with other files."""
    if out.is_file():
        raise UserError(f"{out}: a file; name a folder for the parts")
    foreign = sorted(path.name for path in out.glob("*") if not path.name.startswith("part-"))
    if foreign:
        raise UserError(f"{out}: holds {foreign[0]}, which is no part of an export; name another folder")


def _is_wanted(
    report: dict[str, Any],
    categories: tuple[str, ...],
    keys: tuple[str, ...],
    licences: tuple[str, ...],
) -> bool:
    return (
        (not categories or report["category"] in categories)
        and (not keys or report["source"] in keys)
        and (not licences or report["licence"] in licences)
    )
