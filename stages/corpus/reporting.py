"""What became of the sources' items, on a terminal: `lampforge corpus report`."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import UserError, reports_user_errors

if TYPE_CHECKING:
    from rich.console import Console

_FIELDS = (
    "source", "category", "licence", "priority", "unavailable", "records", "items", "kept", "rejected", "screened_out",
    "tokens", "bytes", "examples", "reject_examples",
)  # fmt: skip


@click.command()
@click.argument("key", required=False)
@click.option("--sources", type=click.Path(path_type=Path), default="data/corpus/sources", show_default=True)
@reports_user_errors
def report(key: str | None, sources: Path) -> None:
    """Show what the sources gave: how many rows of each stay, and why others do not.

    With the KEY of a source: the reasons of its rejects one by one, and examples of rows and of each reason.

    \b
    lampforge corpus report
    lampforge corpus report gsm8k
    """
    from .terminal import console

    reports = _reports(sources)
    if key is None:
        _show_all(reports, console())
        return
    found = {each["source"]: each for each in reports}
    if key not in found:
        near = difflib.get_close_matches(key, found, n=1)
        raise UserError(
            f"{sources}: no source {key}; {f'did you mean {near[0]}?' if near else 'there are ' + ', '.join(found)}"
        )
    _show_one(found[key], console())


def _reports(sources: Path) -> list[dict[str, Any]]:
    """All reports, in the order of their sources' priorities. A folder that is being written is left out."""
    from .. import files
    from .rows.store import REPORT_FILE

    paths = [path for path in sorted(sources.glob(f"*/{REPORT_FILE}")) if not path.parent.name.startswith(".")]
    if not paths:
        raise UserError(f"{sources}: no reports of sources; make them: dvc repro corpus_sources")
    reports = []
    for path in paths:
        each = files.read_json(path)
        missing = [name for name in _FIELDS if not isinstance(each, dict) or name not in each]
        if missing:
            raise UserError(f"{path}: no report of a source (no {missing[0]}); make it again: dvc repro corpus_sources")
        reports.append(each)
    return sorted(reports, key=lambda each: each["priority"])


def _show_all(reports: Sequence[dict[str, Any]], screen: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    from .terminal import plain

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("source", "category", "licence"):
        table.add_column(name, no_wrap=name == "source")
    for name in ("records", "items", "kept", "rejected", "screened out"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for each in reports:
        named = [Text(plain(str(each[name]))) for name in ("source", "category", "licence")]
        reason = Text(plain(f"unavailable: {each['unavailable']}") if each["unavailable"] else "", "yellow")
        table.add_row(*named, *(f"{count:,}" for count in _counts(each)), reason)
    sums = [sum(counts) for counts in zip(*map(_counts, reports), strict=True)]
    table.add_section()
    table.add_row(f"{len(reports)} sources", "", "", *(f"{count:,}" for count in sums), "", style="bold")
    screen.print(table)


def _counts(each: dict[str, Any]) -> tuple[int, ...]:
    """Records, items, rows that were kept, items that became none, and rows that will not pass the merge."""
    rejected, out = sum(each["rejected"].values()), sum(each["screened_out"].values())
    return each["records"], each["items"], each["kept"], rejected, out


def _show_one(each: dict[str, Any], screen: Console) -> None:
    from rich.text import Text

    from .terminal import plain

    records, items, kept, rejected, out = _counts(each)
    screen.print(Text(plain(f"{each['source']}: {each['category']}, {each['licence']}"), "bold"))
    if each["unavailable"]:
        screen.print(Text(plain(f"unavailable: {each['unavailable']}"), "yellow"))
    screen.print(
        f"{records:,} records, {items:,} items, {kept:,} rows; {each['tokens']:,} tokens, {each['bytes']:,} bytes"
    )
    for row in each["examples"]:
        screen.print()
        for name, value in row.items():
            screen.print(Text(f"{name:>12}  ", "dim").append(plain(_text(value)), ""), soft_wrap=True)
    _show_reasons("rejected", rejected, items, each["rejected"], each["reject_examples"], screen)
    _show_reasons("screened out", out, kept, each["screened_out"], {}, screen)


def _show_reasons(
    title: str, count: int, of: int, reasons: dict[str, int], examples: dict[str, list[str]], screen: Console
) -> None:
    """Reasons, the most frequent first, each with its examples."""
    from rich.text import Text

    from .terminal import plain

    screen.print(Text(f"\n{title}: {count:,} of {of:,}", "bold"))
    for reason, number in sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0])):
        screen.print(Text(plain(f"{number:>9,}  {reason}")))
        for example in examples.get(reason, []):
            screen.print(Text(f"{'':>11}{plain(example)}", "dim"), soft_wrap=True)


def _text(value: Any) -> str:
    """A field of an example on one line; of the turns before, what each said."""
    if isinstance(value, list):
        return " | ".join(" > ".join(map(str, turn)) if isinstance(turn, list) else str(turn) for turn in value)
    return str(value)
