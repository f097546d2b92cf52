"""`lampforge bench`: how fast a model answers on this machine, and how the machine does meanwhile, as one JSON file.

Heavy imports are inside the functions that need them: --help does not wait for llama.cpp.
"""

from __future__ import annotations

import hashlib
import platform
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from ... import __version__
from ...errors import UserError, reports_user_errors
from .. import opening
from ..releases import release
from . import bench_report, bench_requests, sensors
from .bench import Settings, is_valid, measured_apart
from .bench_report import Report

_HOT_TEMPERATURE, _HOT_SEEDS = 1.0, 10
_PREFILL_TOKENS = 256
# The machine is looked at this often while it measures: looking takes a few ms.
_LOOK_EVERY_S = 2.0


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[MODEL.gguf]")
@click.option("--ingest", is_flag=True, help="On the host: log the reports that are given to MLflow, each once.")
@click.option("--threads", type=click.IntRange(1), help="Threads of llama.cpp.  [default: by the model's size]")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="How often everything is asked.")
@click.option("--requests", type=click.Path(path_type=Path), help="What to ask.  [default: the 21 of the benchmark]")
@click.option("--max-tokens", type=click.IntRange(1), default=900, show_default=True, help="Of an answer, at most.")
@click.option("--hot", is_flag=True, help=f"Ask {_HOT_SEEDS} more times at temperature {_HOT_TEMPERATURE:g}.")
@click.option("--out", type=click.Path(path_type=Path), help="The report.  [default: bench-DEVICE-MODEL-QUANT.json]")
@reports_user_errors
def bench(
    paths: tuple[Path, ...],
    ingest: bool,
    threads: int | None,
    rounds: int,
    requests: Path | None,
    max_tokens: int,
    hot: bool,
    out: Path | None,
) -> None:
    """Measure how fast MODEL.gguf answers here; without it the fetched model, or that of a checkout.

    Everything is asked under the grammar and without it. --requests takes a list like data/seed/benchmark.yaml, chat
    rows like data/lamp/trainset/val.jsonl, or a text with one request a line. The report of a machine that was
    throttled meanwhile, or had too little voltage, says so and is void.

    \b
    Examples:
      lampforge bench
      lampforge bench models/gguf/lamp-nano-Q8_0.gguf --threads 4 --hot
      lampforge bench --ingest bench-*.json
      lampforge compare bench-*.json
    """
    if ingest:
        _ingest(paths)
        return
    if len(paths) > 1:
        raise UserError(f"{paths[1]}: one model at a time is measured; to log reports to MLflow give --ingest")
    asked = requests or bench_requests.OWN
    model = opening.find(paths[0] if paths else None, None).gguf
    settings = Settings(
        threads, max_tokens, 0.0, _HOT_TEMPERATURE, _HOT_SEEDS, rounds, prefill_tokens=_PREFILL_TOKENS, cold=True
    )
    report = measured(model, asked, settings, hot)
    path = out or Path(file_name(report))
    bench_report.write(path, report)
    show(report)
    click.echo(path)


def _ingest(paths: tuple[Path, ...]) -> None:
    if not paths:
        raise UserError("--ingest: no report was given; name the files that `lampforge bench` wrote")
    if find_spec("mlflow") is None:
        raise UserError("--ingest: MLflow is not installed here; do it on the host, in the environment of `make setup`")
    from ...tracking import pi_benchmarks

    pi_benchmarks.ingest(paths)


def measured(model: Path, requests: Path, settings: Settings, hot: bool) -> Report:
    """Measure a GGUF file on the requests of a file. hot: at a high temperature, too.

    Raises UserError for files that are none of these.
    """
    asked = bench_requests.read(requests)
    watch, before = _Watch(), sensors.state()
    n_hot = len(asked) * settings.hot_seeds if hot else None
    with _progress(model.name, 1 + 2 * settings.rounds * len(asked) + (n_hot or 0)) as advance:

        def on_answer() -> None:
            advance()
            watch.look()

        found = measured_apart(model, asked, asked if hot else [], settings, on_answer)
    after = sensors.state()
    _judge(found)
    return Report(
        format=bench_report.FORMAT,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        void=sensors.held_back([before, *watch.states, after]),
        model=_model(model, found["model"]),
        machine=sensors.machine(),
        software=bench_report.Software(lampforge=__version__, python=platform.python_version(), **found["llama"]),
        settings=_settings(requests, found["threads"], settings, hot),
        before=before,
        during=sensors.under_load(watch.states),
        after=after,
        figures=bench_report.figures(found, n_hot),
        answers=bench_report.answered(map(bench_requests.said, asked), found["grammar"]),
    )


class _Watch:
    """Looks at the machine now and then."""

    def __init__(self) -> None:
        self.states: list[sensors.State] = []
        self._last = time.monotonic()

    def look(self) -> None:
        """Look, unless that was done just before."""
        if time.monotonic() - self._last >= _LOOK_EVERY_S:
            self.states.append(sensors.state())
            self._last = time.monotonic()


@contextmanager
def _progress(name: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr, which is gone at the end; none where nobody looks."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=total)
        yield lambda: progress.advance(task)


def _judge(found: dict[str, Any]) -> None:
    """Add to each answer whether it is a valid program."""
    rounds = [found, *found["again"]]
    for answers in (*(each[how] for each in rounds for how in ("grammar", "free")), *found["hot"]):
        for answer in answers:
            answer["valid"] = is_valid(answer["text"])


def _model(path: Path, told: dict[str, Any]) -> bench_report.Model:
    stem, _, quant = path.stem.rpartition("-")
    return bench_report.Model(
        file=path.name,
        name=told["name"] or stem or path.stem,
        quant=told["quant"] or quant,
        sha256=release.sha256(path),
        file_mb=round(path.stat().st_size / 1e6, 2),
        lineage=told["lineage"],
    )


def _settings(requests: Path, threads: int, settings: Settings, hot: bool) -> bench_report.Settings:
    return bench_report.Settings(
        threads=threads,
        rounds=settings.rounds,
        max_tokens=settings.max_tokens,
        requests=requests.name,
        requests_sha256=hashlib.sha256(requests.read_bytes()).hexdigest(),
        hot_temperature=settings.hot_temperature if hot else None,
        hot_seeds=settings.hot_seeds if hot else None,
    )


def file_name(report: Report) -> str:
    """Says device, model and quant; a later report of the same takes the place of an earlier one."""
    parts = (report.machine.model or report.machine.cpu or "unknown", report.model.name, report.model.quant)
    return f"bench-{'-'.join(re.sub(r'[^a-z0-9_]+', '-', part.lower()).strip('-') for part in parts)}.json"


def show(report: Report) -> None:
    """The report for people, as a table on stdout."""
    from rich.console import Console
    from rich.table import Table

    machine, model = report.machine, report.model
    where = machine.model or machine.cpu or "unknown machine"
    title = f"{model.name} {model.quant} on {where}, threads: {report.settings.threads}"
    table = Table(title=title, title_justify="left")
    for name, justify in (("measured", "left"), ("", "right"), ("p95", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for name, *values in _lines(report):
        table.add_row(name, *("-" if value is None else value for value in values))
    console = Console(width=100)
    console.print(table)
    if report.void:
        console.print(f"void: {report.void}; cool or power the machine better and measure again", style="bold red")


def _lines(report: Report) -> Iterator[tuple[str, str | None, str]]:
    """What the table says: what was measured, the value or the median, the 95th percentile."""
    found, hottest = report.figures, report.during or report.after
    yield "valid programs", f"{found.valid}/{found.n}", ""
    if found.cut:
        yield "of these closed at the longest", f"{found.cut}/{found.n}", ""
    yield "valid without the grammar", f"{found.valid_free}/{found.n}", ""
    if found.n_hot:
        yield f"valid at temperature {_HOT_TEMPERATURE:g}", f"{found.valid_hot}/{found.n_hot}", ""
    yield "start to ready, ms", _said(found.start_ms), ""
    yield "of that loading the file, ms", _said(found.load_ms), ""
    yield "first token, cold, ms", _said(found.first_token_cold_ms), ""
    yield "first token, warm, ms", *_both(found.first_token_ms)
    yield "valid program, ms", *_both(found.program_ms)
    yield "prompt, tokens/s", _said(found.prefill_tps), ""
    yield "answer, tokens/s", _said(found.decode_tps), ""
    yield "answer without the grammar, tokens/s", _said(found.decode_free_tps), ""
    yield "the grammar costs, %", _said(found.grammar_cost_percent), ""
    yield "peak memory, MB", _said(found.peak_rss_mb), ""
    yield "file, MB", f"{report.model.file_mb:.2f}", ""
    yield "temperature, °C", _said(hottest.temperature_c), ""
    yield "clock, MHz", _said(hottest.clock_mhz), ""
    yield "power, W", _said(hottest.power_w), ""
    yield "load of the machine before", _said(report.before.load), ""


def _both(spread: bench_report.Spread | None) -> tuple[str | None, str]:
    return (None, "") if spread is None else (_said(spread.p50), _said(spread.p95) or "")


def _said(value: float | None) -> str | None:
    if value is None:
        return None
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.1f}"
