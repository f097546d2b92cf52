"""`lampforge review`: a person looks at the rows of the safety bucket and decides on each."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import UserError, reports_user_errors
from .intake.safety import Severity

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console
    from rich.text import Text

    from .review_log import Decision, Log
    from .review_queue import Item

_FOLDER = click.Path(path_type=Path)
_QUESTION = "accept (a), accept as low, medium or high (l m h), reject (r), skip (s), quit (q)"
_ANSWERS = ("a", "l", "m", "h", "r", "s", "q")
_LEVELS = [severity.value for severity in Severity]
_SEVERITIES = {severity.value[0]: severity for severity in Severity}


@click.command()
@click.option("--list", "listing", is_flag=True, help="Show how many rows are waiting, by severity and source.")
@click.option("--verify", is_flag=True, help="Check that no line of the log was changed, removed or moved.")
@click.option(
    "--decide",
    type=(str, click.Choice(["accept", "reject", "relabel"])),
    metavar="KEY DECISION",
    help="Decide on one row without being asked: accept, reject or relabel (with --severity).",
)
@click.option("--severity", type=click.Choice(_LEVELS), help="With --decide KEY relabel: the new one.")
@click.option("--note", default="", metavar="TEXT", help="With --decide: why.")
@click.option("--adopt", type=_FOLDER, metavar="FILE", help="Take the decisions of another branch's log.")
@click.option("--reviewer", envvar="USER", metavar="NAME", help="Who decides.  [default: $USER]")
@click.option("--reviews", type=_FOLDER, default="data/seed/corpus/reviews.jsonl", show_default=True)
@click.option("--sources", type=_FOLDER, default="data/corpus/sources", show_default=True)
@click.option("--merged", type=_FOLDER, default="data/corpus/merged", show_default=True)
@reports_user_errors
def review(
    listing: bool, verify: bool, decide: tuple[str, Decision] | None, adopt: Path | None, reviews: Path, **more: Any
) -> None:
    """Review the rows of the safety bucket: risky requests with answers that should be safe.

    Shows each row that nobody has decided on, the most severe first, and asks what becomes of it. Each decision is on
    the disk before the next row is shown, so quit whenever you like. Decisions go into a log that is in git; commit
    it, and `dvc repro` puts them into effect.

    \b
    lampforge review
    lampforge review --list
    lampforge review --decide 3f2a91c0 reject --note "names a working recipe"
    git show MERGE_HEAD:data/seed/corpus/reviews.jsonl > theirs.jsonl
    lampforge review --adopt theirs.jsonl
    """
    from . import review_log, review_queue

    if sum(map(bool, (listing, verify, decide, adopt))) > 1:
        raise UserError("--list, --verify, --decide and --adopt do different things; give one of them")
    if verify:
        _verified(reviews)
    elif adopt:
        _adopted(reviews, adopt)
    else:
        rows = review_queue.bucket(more["sources"], more["merged"])
        if listing:
            _listed(rows, review_log.read(reviews)[0])
        elif decide:
            _decided(rows, reviews, decide, more)
        else:
            _stepped(rows, reviews, more["sources"], _name(more["reviewer"]))


def _name(reviewer: str | None) -> str:
    if not (reviewer or "").strip():
        raise UserError("who decides? $USER is not set; give --reviewer NAME")
    return str(reviewer).strip()


def _verified(reviews: Path) -> None:
    from . import review_log

    entries, end = review_log.read(reviews)
    keys = review_log.latest(entries)
    click.echo(f"{reviews}: {len(entries):,} decisions on {len(keys):,} rows, the chain holds; it ends in {end.last}")


def _adopted(reviews: Path, other: Path) -> None:
    from . import review_log

    if not other.exists():
        raise UserError(f"{other}: no such file; git show BRANCH:{reviews.as_posix()} writes another branch's log")
    entries, _ = review_log.chained(other)
    with review_log.opened(reviews) as log:
        count, at_odds = log.adopt(entries)
    click.echo(f"{reviews}: {count:,} decisions taken over from {other}")
    for key in at_odds:
        click.echo(f"{key}: was decided otherwise here; the one taken over counts now. Another: --decide {key}")


def _listed(rows: pl.DataFrame, entries: Sequence[Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from . import review_log, review_queue

    left = review_queue.waiting(rows, review_log.latest(entries))
    severities = [*reversed(Severity), None]
    table = Table("source", *(str(name or "unlabelled") for name in severities), "waiting", "decided")
    for source in (*rows.get_column("source").unique().sort().to_list(), None):
        own, here = (part if source is None else part.filter(part["source"] == source) for part in (left, rows))
        levels = own.get_column("severity").to_list()
        counts = [*(levels.count(name) for name in severities), own.height, here.height - own.height]
        table.add_row(source or "all", *(f"{count:,}" for count in counts), end_section=source is not None)
    Console().print(table)


def _decided(rows: pl.DataFrame, reviews: Path, decide: tuple[str, Decision], more: dict[str, Any]) -> None:
    from . import review_log, review_queue

    item, decision = review_queue.found(rows, decide[0]), review_log.Decision(decide[1])
    severity = Severity(more["severity"]) if more["severity"] else None
    if (decision is review_log.Decision.RELABEL) != (severity is not None):
        raise UserError(f"--decide {decide[0]} {decision}: --severity goes with relabel, and relabel with --severity")
    with review_log.opened(reviews) as log:
        log.append(item.key, decision, severity or item.severity, _name(more["reviewer"]), more["note"])
    click.echo(f"{item.key} of {item.source}: {decision}{f' as {severity}' if severity else ''}")


def _stepped(rows: pl.DataFrame, reviews: Path, sources: Path, reviewer: str) -> None:
    """Ask about one row after the other until all are decided on or skipped, or the user has enough."""
    from rich.console import Console

    from . import review_log, review_queue

    console = Console()
    with review_log.opened(reviews) as log:
        before = len(log.entries)
        items = review_queue.items(review_queue.waiting(rows, review_log.latest(log.entries)))
        for number, item in enumerate(items, start=1):
            _show(console, item, review_queue.text(sources, item), f"{number:,} of {len(items):,}")
            try:
                if not _ask(log, item, reviewer):
                    break
            except click.Abort:  # the end of the input, or Ctrl-C: all that was decided is on the disk
                click.echo()
                break
        done = len(log.entries) - before
        left = review_queue.waiting(rows, review_log.latest(log.entries)).height
    click.echo(f"{reviews}: {done:,} decided, {left:,} waiting. Commit it; dvc repro puts decisions into effect")


def _ask(log: Log, item: Item, reviewer: str) -> bool:
    """Ask until there is an answer, and write it down. False: no further row."""
    from .review_log import Decision

    answer = click.prompt(_QUESTION, type=click.Choice(_ANSWERS), show_choices=False, prompt_suffix=": ")
    if answer in ("s", "q"):
        return bool(answer == "s")
    severity = _SEVERITIES.get(answer, item.severity)
    decision = Decision.REJECT if answer == "r" else Decision.ACCEPT
    if severity != item.severity:
        decision = Decision.RELABEL
    note = click.prompt("why, in short (may stay empty)", default="", show_default=False) if answer == "r" else ""
    log.append(item.key, decision, severity, reviewer, note)
    return True


def _show(console: Console, item: Item, row: dict[str, Any], place: str) -> None:
    from rich.panel import Panel

    label = row["safety_label"] or "unlabelled"
    console.rule(f"{place}: {item.source}, {label}, severity {item.severity or 'unknown'}")
    console.print(plain(item.key), style="dim")
    asked = "\n\n".join(part for part in (row["instruction"], row["input"]) if part)
    parts = [("system", row["system"])]
    for request, answer in row["history"]:
        parts += [("request before", request), ("answer before", answer)]
    for title, said in [*parts, ("request", asked), ("answer", row["output"])]:
        if said:
            console.print(Panel(plain(said), title=title, title_align="left"))


def plain(text: str) -> Text:
    """Text of a row as it may go to a terminal: what would control it, or is not seen, stands as U+FFFD."""
    from rich.text import Text

    seen = (
        character if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs") else "\ufffd"
        for character in text
    )
    return Text("".join(seen))
