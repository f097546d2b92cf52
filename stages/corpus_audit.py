"""Hold the merged corpus against its targets: shares of categories, length, duplicates; a page that shows the sources.

In:   the corpus (its index and manifest), the sources' reports; their text only to measure with a tokenizer
Out:  metrics (flat), pictures and tables to plot, report.html (one page that needs no network)
Holds: shares are made of integers at the end; nothing is changed or left out; no time and no order of work is in the
      outputs. Each miss of a target is a line; with fault=fail they end in exit code 2, after the outputs are written.
Run:  python -m stages.corpus_audit --sources data/corpus/sources --merged data/corpus/merged
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from .command import stage
from .corpus.audit_targets import Average, Band
from .errors import UserError

if TYPE_CHECKING:
    from .corpus.audit import Origin
    from .corpus.audit_index import Rate


@dataclass(frozen=True)
class Params:
    """Section corpus_audit of params.yaml; its comments say what each key does."""

    fault: Literal["warn", "fail"]
    tokenizer: str | None
    sample: int
    largest_percent: float
    least_categories: int
    average_tokens: Average
    bands: dict[str, Band]


@stage(
    __doc__,
    sources="data/corpus/sources",
    merged="data/corpus/merged",
    out="data/corpus/audit",
    metrics="metrics/corpus_audit.json",
    plots="metrics/plots/corpus_audit",
)
def main(sources: Path, merged: Path, out: Path, metrics: Path, plots: Path, params_path: Path) -> None:
    from . import files, params
    from .corpus import audit, audit_index, audit_plots, audit_report, audit_targets, merging

    knobs = params.load(Params, "corpus_audit", params_path)
    targets = audit_targets.Targets(knobs.bands, knobs.largest_percent, knobs.least_categories, knobs.average_tokens)
    audit_targets.check(targets, f"{params_path}, corpus_audit")
    manifest = files.read_json(merged / merging.MANIFEST)
    found = audit.origins(manifest, merging.reports(merged, sources))
    rates = measured(knobs, sources, merged, found)
    if rates:
        found = audit.scaled(found, lambda origin: tokens_of(origin, rates))
    lengths = audit_index.lengths(merged, {origin.key: origin.category for origin in found}, rates)
    faults, figures = audit.faults(found, targets), audit.figures(found, targets)
    pictures = audit_plots.write(plots, found, targets, lengths, knobs.tokenizer)
    doubled = audit_index.doubled(merged, {int(origin.report["priority"]): origin.key for origin in found})
    counted = audit_report.Counted(knobs.tokenizer, knobs.sample, rates, lengths)
    audit_report.write(out, audit_report.page(manifest, found, targets, figures, counted, doubled, pictures))
    files.write_json(metrics, figures)
    click.echo(audit.line(figures))
    conclude(faults, knobs.fault, out)


def measured(knobs: Params, sources: Path, merged: Path, found: list[Origin]) -> dict[str, Rate]:
    """By category: tokens in bytes, as the chosen tokenizer has it of the sample; nothing without a tokenizer."""
    from .corpus import audit_tokens

    if knobs.tokenizer is None:
        return {}
    if knobs.sample < 1:
        raise UserError(f"corpus_audit.sample: {knobs.sample} rows cannot be measured; take 1 or more")
    count = audit_tokens.counting(knobs.tokenizer)
    return audit_tokens.rates(merged, sources, [origin.report for origin in found], count, knobs.sample)


def tokens_of(origin: Origin, rates: dict[str, Rate]) -> int:
    """The tokens of a source's rows, by the rate of its category."""
    tokens, size = rates.get(origin.category, (0, 1))
    return origin.bytes * tokens // size


def conclude(faults: list[str], fault: Literal["warn", "fail"], out: Path) -> None:
    """Say what is not as the targets want it. Raises UserError where that is to stop the pipeline."""
    for line in faults:
        click.echo(f"warning: {line}", err=True)
    if faults and fault == "fail":
        raise UserError(
            f"{len(faults)} targets are missed, see {out}; change corpus_sources, corpus_merged.caps or the targets, or"
            " go on with corpus_audit.fault=warn"
        )


if __name__ == "__main__":
    main()
