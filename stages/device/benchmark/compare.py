"""`lampforge compare`: what devices, quants and models were measured, side by side, the best first.

Comes in: reports of `lampforge bench`, or what was ingested into MLflow. Goes out: a table, as Markdown or as a chart.
Always holds: of several reports of the same device, file, threads and requests only the latest is shown, void ones only
if that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import click

from ...errors import UserError, reports_user_errors
from . import bench_report
from .bench_report import Report


class Row(NamedTuple):
    """One report in the table. same: what two reports of the same have in common. Times in ms."""

    device: str
    model: str
    quant: str
    threads: int
    valid: int
    n: int
    first_token_ms: float
    program_p50_ms: float | None
    program_p95_ms: float | None
    decode_tps: float | None
    peak_mb: float
    file_mb: float
    temperature_c: float | None
    void: str | None
    measured_at: str
    same: tuple[str, ...]


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE...|FOLDER]")
@click.option("--markdown", is_flag=True, help="Write the table as Markdown.")
@click.option("--plot", type=click.Path(path_type=Path), help="Also draw a bar chart into this PNG file.")
@click.option("--void", is_flag=True, help="Show void reports, too, whose machine was throttled.")
@reports_user_errors
def compare(paths: tuple[Path, ...], markdown: bool, plot: Path | None, void: bool) -> None:
    """Compare the reports of `lampforge bench` in FILEs or a FOLDER; without them, those that MLflow has.

    \b
    Examples:
      lampforge compare bench-*.json
      lampforge compare --markdown > devices.md
      lampforge compare reports/ --plot devices.png
    """
    found = [row(report) for report in read(paths)] if paths else _ingested()
    rows = ranked(found, void)
    if not rows:
        void_ones = f"; {len(found)} are void, --void shows them" if found else ""
        raise UserError(f"nothing to compare{void_ones}; measure with `lampforge bench`")
    if markdown:
        click.echo(as_markdown(rows))
    else:
        _print(rows)
    if plot is not None:
        _draw(rows, plot)


def read(paths: Iterable[Path]) -> list[Report]:
    """The reports in files and folders; what else is in a folder is passed over. Raises UserError for bad files."""
    found = []
    for path in paths:
        if path.is_dir():
            files = [file for file in sorted(path.glob("*.json")) if bench_report.is_report(file)]
            found += [bench_report.read(file) for file in files]
            if not files:
                raise UserError(f"{path}: no report of `lampforge bench` in it; correct the path")
        else:
            found.append(bench_report.read(path))
    return found


def _ingested() -> list[Row]:
    if find_spec("mlflow") is None:
        raise UserError("no report was given, and there is no MLflow here; name files that `lampforge bench` wrote")
    from ...tracking import pi_benchmarks

    return pi_benchmarks.rows()


def row(report: Report) -> Row:
    """What the table says about a report."""
    found, hottest = report.figures, report.during or report.after
    device = report.machine.model or report.machine.cpu or "unknown"
    return Row(
        device=device,
        model=report.model.name,
        quant=report.model.quant,
        threads=report.settings.threads,
        valid=found.valid,
        n=found.n,
        first_token_ms=found.first_token_ms.p50,
        program_p50_ms=found.program_ms.p50 if found.program_ms else None,
        program_p95_ms=found.program_ms.p95 if found.program_ms else None,
        decode_tps=found.decode_tps,
        peak_mb=found.peak_rss_mb,
        file_mb=report.model.file_mb,
        temperature_c=hottest.temperature_c,
        void=report.void,
        measured_at=report.measured_at,
        same=(device, report.model.sha256, str(report.settings.threads), report.settings.requests_sha256),
    )


def ranked(rows: Iterable[Row], void: bool = False) -> list[Row]:
    """The latest of what is the same, the best first: most valid, then soonest done. void: with those, last of all."""
    latest: dict[tuple[str, ...], Row] = {}
    for one in sorted(rows, key=lambda row: row.measured_at):
        if void or one.void is None:
            latest[one.same] = one
    return sorted(
        latest.values(),
        key=lambda row: (row.void is not None, -row.valid / max(row.n, 1), row.program_p50_ms or float("inf")),
    )


def _cells(rows: list[Row]) -> dict[str, list[str]]:
    """The columns of the table by name; those of text come first. Void is there when something is."""
    columns = {
        "device": [row.device for row in rows],
        "model": [row.model for row in rows],
        "quant": [row.quant for row in rows],
        "threads": [str(row.threads) for row in rows],
        "valid": [f"{row.valid}/{row.n}" for row in rows],
        "first token ms": [_said(row.first_token_ms) for row in rows],
        "program ms": [_said(row.program_p50_ms) for row in rows],
        "p95 ms": [_said(row.program_p95_ms) for row in rows],
        "tokens/s": [_said(row.decode_tps) for row in rows],
        "peak MB": [_said(row.peak_mb) for row in rows],
        "file MB": [_said(row.file_mb) for row in rows],
        "°C": [_said(row.temperature_c) for row in rows],
    }
    if any(row.void for row in rows):
        columns["void"] = [row.void or "" for row in rows]
    return columns


_OF_TEXT = ("device", "model", "quant", "void")
_ESCAPED = str.maketrans({"|": "\\|"})  # in Markdown


def _print(rows: list[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    columns = _cells(rows)
    table = Table(title="Warm first token, and the whole program (median, 95th percentile)", title_justify="left")
    for name in columns:
        text = name in _OF_TEXT
        table.add_column(name, justify="left" if text else "right", overflow="fold", no_wrap=not text)
    for cells in zip(*columns.values(), strict=True):
        table.add_row(*cells)
    console = Console()
    # Into a file or a pipe as wide as it is: nobody folds it there.
    Console(width=console.width if console.is_terminal else 200).print(table)


def as_markdown(rows: list[Row]) -> str:
    """The table as Markdown, without a final newline."""
    columns = _cells(rows)
    rule = ["---" if name in _OF_TEXT else "---:" for name in columns]
    lines = [columns, rule, *zip(*columns.values(), strict=True)]
    return "\n".join(f"| {' | '.join(cell.translate(_ESCAPED) for cell in line)} |" for line in lines)


def _draw(rows: list[Row], path: Path) -> None:
    """Bars of the time to the whole program, with that of the first token in them."""
    if find_spec("matplotlib") is None:
        raise UserError("--plot: matplotlib is not installed here; pip install matplotlib, or compare on the host")
    from matplotlib.figure import Figure

    from ... import files

    shown = [row for row in rows if row.program_p50_ms is not None][::-1]
    names = [f"{row.device}, {row.model} {row.quant}, threads: {row.threads}" for row in shown]
    figure = Figure(figsize=(9, 1.2 + 0.45 * len(shown)), layout="constrained")
    axes = figure.subplots()
    axes.barh(names, [row.program_p50_ms or 0 for row in shown], color="#9db8d9", label="whole program")
    axes.barh(names, [row.first_token_ms for row in shown], color="#2f5d99", label="first token")
    axes.set_xlabel("ms, median")
    axes.legend(loc="best", frameon=False)
    with files.published_file(path) as temporary:
        figure.savefig(temporary, format="png")


def _said(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"
